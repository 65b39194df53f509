"""Blocks for the messages of a send: read what is decided, decide what is not, and answer what is on disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from features.mails import MailBlock, Message
from features.sql.block_store import BlockStore
from recommender.consent_laws import Verdict
from recommender.email.holding import Held, why_held
from recommender.errors import RecommenderError, StoreUnavailable, UnknownPlacement
from recommender.ids import PlacementId
from recommender.offers.campaign import Campaign
from recommender.offers.reasons import NoOffer
from serving.email.messages import Draft, NewBlock, Writer, missing
from serving.email.offers import MailOffers
from serving.email.orders import BlockOrder, Known, Recipient, SendOrder
from serving.pauses import with_pauses

AT_ONCE = 50  # recipients of one transaction: of four items each, it holds others up for some 10 ms
SLICE = 16  # recipients that are decided together: more gain little, and what changes the catalogue waits for them
TRIES = 5  # of a recipient whose message others change meanwhile
BUSY = StoreUnavailable("This message is being decided by others.", remedy="Send the same request again.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one recipient's message is.

    Attributes:
        blocks: in the order of the order; empty if they get none.
        headers: of the mail.
        why: they get none: what the law and their own word say.
        error: why it could not be decided.
    """

    recipient: Recipient
    blocks: tuple[MailBlock, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    why: Verdict | Held | None = None
    error: RecommenderError | None = None


@dataclass(frozen=True, kw_only=True)
class FillBlocks:
    """Decides each block of each message once.

    Attributes:
        catch_up: takes over what changed in SQL, so that who unsubscribed anywhere a moment ago counts here.
        ledger_at: the change number up to which it is known.
        may_mail: whether somebody may be written to; raises InvalidInput for a market that is none.
        may_know: whether a block may be decided by what is known of somebody; raises as `may_mail` does.
        zone_of: whose days count for what recipients of a store wish; of no store UTC.
        know: what may be known of recipients; raises StoreUnavailable.
        find_placement: raises UnknownPlacement.
        compiled: raises InvalidRule.
    """

    store: BlockStore
    writer: Writer
    offers: MailOffers
    catch_up: Callable[[], Awaitable[None]]
    ledger_at: Callable[[], int]
    may_mail: Callable[[Recipient], Verdict]
    may_know: Callable[[Recipient], bool]
    zone_of: Callable[[str | None], tzinfo]
    know: Callable[[Sequence[Recipient], datetime], Awaitable[Known]]
    find_placement: Callable[[PlacementId], object]
    compiled: Callable[[str], object]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one call decides at a time

    async def begin(self, order: SendOrder, now: datetime) -> None:
        """Write down what the send is to be.

        Raises:
            UnknownPlacement, InvalidRule, UnknownCampaign, InvalidInput (a market, a campaign for no mail): nothing was
            written. Conflict: the send is another.
        """
        for place, block in enumerate(order.blocks):
            with _within(f"blocks[{place}]."):
                self._check(block)
            if block.offer is not None:
                with _within(f"blocks[{place}].offer."):
                    await asyncio.to_thread(self.offers.check, block.offer.campaign_id)
        first_of = {one.market: place for place, one in reversed(list(enumerate(order.recipients)))}
        for place in sorted(first_of.values()):  # each market once: a judgement of everybody comes with their message
            with _within(f"recipients[{place}]."):
                self.may_mail(order.recipients[place])
        asked = {block.spec.block_id: block.asked for block in order.blocks}
        await asyncio.to_thread(self.store.keep_specs, order.send_id, asked, now)

    async def __call__(self, order: SendOrder, now: datetime) -> AsyncIterator[list[Outcome]]:
        """The messages, in the order of the recipients, some at a time; what is answered is on disk.

        Raises:
            StoreUnavailable: SQL cannot be reached; what was answered before holds.
        """
        for start in range(0, len(order.recipients), AT_ONCE):
            yield await self._fill(order, order.recipients[start : start + AT_ONCE], now)

    def _check(self, block: BlockOrder) -> None:
        first, *others = block.placements
        self.find_placement(first)
        for name in others:
            try:
                self.find_placement(name)
            except UnknownPlacement as error:
                error.field = "fallback"
                raise
        if block.filter is not None:
            self.compiled(block.filter)

    async def _fill(self, order: SendOrder, recipients: Sequence[Recipient], now: datetime) -> list[Outcome]:
        """The messages of some; whoever says no while theirs are decided gets none, or none that knows them."""
        headers, failed = self._headers(order, recipients)
        messages, held = dict[str, Message](), dict[str, Held]()
        await self.catch_up()
        left = [one for one in recipients if one.user_id in headers]
        for _ in range(TRIES):
            judged_at = self.ledger_at()
            allowed = [one for one in left if self.may_mail(one).allows]
            known = await self.know(allowed, now)
            messages |= await self._read(order, allowed, now)
            held |= self._held(allowed, messages, now)
            wanted = [one for one in allowed if one.user_id not in held]
            new = await self._decide(order, wanted, known, messages, failed, now)
            changed = await self._keep(order, new, messages, judged_at, now)
            await self.catch_up()
            left = [
                one for one in wanted
                if one.user_id in changed or self._knows_too_much(order, one, messages[one.user_id])
            ]  # fmt: skip
            if not left:
                break
        unsettled = {one.user_id for one in left}
        return [
            Outcome(one, why=why) if (why := self._why_none(one, held)) is not None
            else Outcome(one, error=failed[one.user_id]) if one.user_id in failed
            else Outcome(one, error=BUSY) if one.user_id in unsettled or one.user_id not in messages
            else Outcome(one, _in_order(order, messages[one.user_id]), headers[one.user_id])
            for one in recipients
        ]  # fmt: skip

    def _held(self, recipients: Iterable[Recipient], messages: Mapping[str, Message], now: datetime) -> dict[str, Held]:
        """Who may be written to, and wants no mail now, or had too many."""
        found = dict[str, Held]()
        for one in recipients:
            message = messages[one.user_id]
            to, zone, is_new = message.to, self.zone_of(one.store_id), not message.blocks
            why = why_held(to.wishes, to.contacts, self.offers.rules, now, zone, is_new=is_new)
            if why is not None:
                found[one.user_id] = why
        return found

    def _knows_too_much(self, order: SendOrder, one: Recipient, message: Message) -> bool:
        """Whether a block that is to be answered was decided by what must not be used of them any more."""
        kept = [message.blocks.get(block.spec.block_id) for block in order.blocks]
        return any(block is not None and block.personal for block in kept) and not self.may_know(one)

    def _why_none(self, one: Recipient, held: Mapping[str, Held]) -> Verdict | Held | None:
        """Why somebody gets no message, by the law and their own word."""
        verdict = self.may_mail(one)
        return held.get(one.user_id) if verdict.allows else verdict

    def _headers(
        self, order: SendOrder, recipients: Sequence[Recipient]
    ) -> tuple[dict[str, Mapping[str, str]], dict[str, RecommenderError]]:
        """Of each mail by user id, and why some can have none."""
        headers, failed = dict[str, Mapping[str, str]](), dict[str, RecommenderError]()
        for one in recipients:
            try:
                headers[one.user_id] = self.writer.headers(order, one)
            except RecommenderError as error:
                failed[one.user_id] = error
        return headers, failed

    async def _read(self, order: SendOrder, of: Sequence[Recipient], now: datetime) -> Mapping[str, Message]:
        users = [one.user_id for one in of]
        return await asyncio.to_thread(self.store.read, order.send_id, users, order.distinct_sends, now)

    async def _decide(
        self,
        order: SendOrder,
        recipients: Iterable[Recipient],
        known: Known,
        messages: Mapping[str, Message],
        failed: dict[str, RecommenderError],
        now: datetime,
    ) -> dict[str, list[NewBlock]]:
        """What is new of each message, by user id; between two slices other calls have their turn."""
        drafts = [
            Draft(one, messages[one.user_id], lacks)
            for one in recipients
            if (lacks := missing(order, messages[one.user_id], is_refused=one.user_id in known.refused))
        ]
        drafts = await self._with_offers(order, drafts, known, now)
        found = dict[str, list[NewBlock]]()
        for start in range(0, len(drafts), SLICE):
            async with self.turn:
                written = await self._write(order, drafts[start : start + SLICE], known, now)
            for user, new in written.items():
                if isinstance(new, RecommenderError):
                    failed[user] = new
                else:
                    found[user] = new
        return found

    async def _write(
        self, order: SendOrder, drafts: Sequence[Draft], known: Known, now: datetime
    ) -> dict[str, list[NewBlock] | RecommenderError]:
        """What is new of each message; if they fail together, then of each that does not fail alone."""
        users = [str(draft.to.user_id) for draft in drafts]
        try:
            return dict(zip(users, await with_pauses(self.writer.write(order, drafts, known, now)), strict=True))
        except RecommenderError as error:
            if len(drafts) == 1:
                return {users[0]: error}
        alone = [await self._write(order, [draft], known, now) for draft in drafts]
        return {user: new for one in alone for user, new in one.items()}

    async def _with_offers(
        self, order: SendOrder, drafts: Sequence[Draft], known: Known, now: datetime
    ) -> Sequence[Draft]:
        """The drafts with what may be offered in each."""
        if not order.campaign_ids:
            return drafts
        running = {name: self.offers.running(name, now) for name in order.campaign_ids}
        meant = {name: known.meant(campaign) for name, campaign in running.items() if campaign is not None}
        to = [(one.to, one.message.to) for one in drafts]
        looked = await asyncio.to_thread(self.offers.look, meant, to, now)
        offered: list[Draft] = []
        for draft, offerable in zip(drafts, looked, strict=True):
            offers = dict[str, Campaign | NoOffer](dict.fromkeys(order.campaign_ids, NoOffer.KILLED))
            for name, one in offerable.items():
                offers[name] = one if isinstance(one, NoOffer) else known.why_not(draft.to.user_id, one) or one
            offered.append(replace(draft, offers=offers))
            await asyncio.sleep(0)
        return offered

    async def _keep(
        self,
        order: SendOrder,
        new: Mapping[str, Sequence[NewBlock]],
        messages: dict[str, Message],
        judged_at: int,
        now: datetime,
    ) -> set[str]:
        """Write what is new, and take it into `messages`; returns for whom nothing was written."""
        if not new:
            return set()
        decided = {user: [one.block for one in theirs] for user, theirs in new.items()}
        changed = await asyncio.to_thread(self.store.keep, order.send_id, decided, messages, judged_at, now)
        for user, theirs in new.items():
            if user in changed:
                continue
            blocks = dict(messages[user].blocks) | {one.block.block_id: one.block for one in theirs}
            messages[user] = replace(messages[user], blocks=blocks)
            for one in theirs:
                await one.listed.record(one.block.chosen.shown_ids)
            await asyncio.sleep(0)
        return changed


def _in_order(order: SendOrder, message: Message) -> tuple[MailBlock, ...]:
    return tuple(message.blocks[block.spec.block_id] for block in order.blocks)


@contextmanager
def _within(prefix: str) -> Generator[None]:
    """Name the field of an error as the caller spells it."""
    try:
        yield
    except RecommenderError as error:
        error.field = prefix + (error.field or "")
        raise
