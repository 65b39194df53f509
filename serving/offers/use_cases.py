"""A request for offers, from top to bottom: the layers in their order, the choice, and what is written of it."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

import orjson
from redis.exceptions import RedisError

from features.events.stream import EventStream
from features.identity import Identifier
from features.ledger.idempotency import Reply
from features.online.live_state import LiveEvents
from features.online.offer_answers import OfferAnswers, Turn
from features.online.presence_states import Kept, PresenceStates
from recommender.consent_laws import Circumstances, Law, Verdict
from recommender.errors import StillRunning, StoreUnavailable
from recommender.ids import AnonymousId, UserId
from recommender.offers import layers
from recommender.offers.fatigue import About, Contact
from recommender.offers.layers import OfferRules, Refused
from recommender.offers.reasons import NoOffer
from recommender.places.places import Places
from recommender.places.presence import Absence, Judgement, PresenceRules, judge, untold
from recommender.shopper import Shopper
from serving.current import Serving
from serving.metrics import Metrics
from serving.offers.answers import (
    Json,
    Refusal,
    Thought,
    answer_with,
    answer_without,
    event_of,
    reasons_of,
    record_of,
)
from serving.offers.arms import CHANNEL, Place
from serving.offers.asks import Ask
from serving.offers.drawing import Proposal, draw
from serving.offers.rooms import Rooms
from serving.offers.settling import (
    PURPOSES,
    ContactsChanged,
    Remembered,
    Settling,
    Taken,
    Withdrawn,
    only_for_show,
)
from serving.offers.weighing import Weighing

TRIES = 3
HERE = About(channel=CHANNEL, campaign_id="")  # an offer of whatever campaign


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for of a call before anything is decided; each is on its way, whoever awaits it."""

    sql: Awaitable[Remembered]
    live: Awaitable[LiveEvents]
    kept: Awaitable[Kept]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known before anything is decided.

    Attributes:
        sql: the call, the person and what they have used, as SQL has them.
        live: recent events of the shopper.
        kept: what their devices heard lately.
    """

    sql: Remembered
    live: LiveEvents
    kept: Kept


@dataclass(frozen=True, slots=True)
class Told:
    """What a call is answered with.

    Attributes:
        record: of the decision, to be logged; None: there was none.
        replayed: the same call was answered so before.
    """

    answer: Json
    record: Json | None
    decided_at: datetime
    replayed: bool = False


@dataclass(frozen=True, kw_only=True)
class RequestOffer:
    """Answers a phone that heard beacons: with offers whose coupons are reserved, or with why there is none.

    Attributes:
        law_of: the law of the market that a caller names, else of a store; raises InvalidInput for a market that is
            none.
        verdict: the gate of consent.
        ledger_at: the change number up to which `verdict` knows the ledger of consents.
        read_live: recent events of a shopper, on their way once it is called; raises RedisError, OSError.
        shopper_of: all that is known of a user, with these events.
        current: raises NoArtifact.
    """

    rules: OfferRules
    presence_rules: PresenceRules
    places: Callable[[], Places]
    law_of: Callable[[str | None, str | None], Law]
    verdict: Callable[[str, Sequence[Identifier], Circumstances], Verdict]
    ledger_at: Callable[[], int]
    read_live: Callable[[UserId | None, AnonymousId | None], Awaitable[LiveEvents]]
    shopper_of: Callable[[UserId | None, LiveEvents, Serving, datetime], Shopper]
    current: Callable[[], Serving]
    presences: PresenceStates
    answers: OfferAnswers
    weighing: Weighing
    rooms: Rooms
    settling: Settling
    stream: EventStream
    metrics: Metrics

    async def __call__(self, ask: Ask, now: datetime) -> Reply:
        """Answer one request; a repetition of it is answered as the first time, and counts nothing anew.

        Raises:
            NoArtifact, InvalidInput (market), KeyReused, StillRunning, StoreUnavailable.
        """
        self.current()  # without a catalogue there is nothing to offer
        ledger_at = self.ledger_at()  # before consent is judged: whoever withdraws from here on is found out
        refusal = self._consent(ask, now) or self._beacons(ask, now)
        if refusal is not None:  # nothing was read, so nothing is written: these cost little, however many come
            return self._reply(Told(answer_without(refusal, self.rules, now), None, now))
        asked = self._ask_all(ask, now)  # before the turn is, and so in one exchange with it
        if ask.dry_run:
            shown = await self._answer(ask, await self._gather(asked, ledger_at), ledger_at, now, again=False)
            return Reply(200, orjson.dumps(shown.answer))  # and counted nowhere
        started = perf_counter()
        turn = await self.answers.begin(ask.call, now)
        if isinstance(turn, Reply):
            return turn
        try:
            if turn.again:  # a call that ended in between may have changed it all
                asked = self._ask_all(ask, now)
            known = await self._gather(asked, ledger_at)
            self._took("gather", started)
            told = await self._answer(ask, known, ledger_at, now, again=turn.again)
        except asyncio.CancelledError:
            raise  # what is written may be under way: the turn ends by itself
        except BaseException:
            with suppress(StoreUnavailable):  # then the turn ends by itself
                await self.answers.give_up(ask.call, turn)
            raise
        with self._timed("record"):
            await self._record(ask, turn, told)
        return self._reply(told)

    async def _answer(
        self, ask: Ask, known: Gathered | Refusal, ledger_at: int, now: datetime, *, again: bool
    ) -> Told:  # fmt: skip
        """Answer a call that nobody else makes; `again`: it was begun before, so that its sightings may be known."""
        if isinstance(known, Refusal):
            return Told(answer_without(known, self.rules, now), None, now)
        if known.sql.reply is not None:
            return _again(known.sql.reply)
        with self._timed("place"):
            judgement = await self._place(ask, known.kept, ledger_at, now, again=again)
        if isinstance(judgement, Refusal):
            return Told(answer_without(judgement, self.rules, now), None, now)
        taken, changes = dict[str, NoOffer](), 0  # there is one arm less each time, so it ends
        while changes < TRIES:
            with self._timed("decide"):
                decided = self._decide(ask, known, judgement, now)
            if isinstance(decided, Refusal):
                answer = answer_without(decided, self.rules, now)
                return Told(answer, record_of(answer, None, decided.thought, self.rules, ask.limit, now), now)
            try:
                return await self._offer(ask, known.sql, *decided, taken, ledger_at, now)
            except Withdrawn:
                return Told(answer_without(Refusal(reasons=[NoOffer.NO_CONSENT]), self.rules, now), None, now)
            except Taken as faster:
                taken[faster.campaign_id] = faster.reason
                self.rooms.forget(decided[0].place.store_id)
            except ContactsChanged:
                changes += 1
                known = await self._gather(self._ask_all(ask, now), ledger_at)
                if isinstance(known, Refusal):
                    return Told(answer_without(known, self.rules, now), None, now)
        raise StillRunning("Other calls of this person are under way.", remedy="Repeat it, with the same key.")

    # The layers, in their order. Those that read nothing come first: consent and place.

    def _consent(self, ask: Ask, now: datetime) -> Refusal | None:
        """Legal: personalisation and in-store location are allowed."""
        law = self.law_of(ask.market, self._store_heard(ask, now))
        here = Circumstances(law=law, said=ask.said, signal=ask.signal, age=ask.age)
        named = ask.subject.identifiers
        if all(self.verdict(purpose, named, here).allows for purpose in PURPOSES):
            return None
        return Refusal(reasons=[NoOffer.NO_CONSENT])

    def _beacons(self, ask: Ask, now: datetime) -> Refusal | None:
        """Place, before anything is read: one of the beacons is ours."""
        return Refusal(reasons=[NoOffer.UNKNOWN_BEACON]) if self._store_heard(ask, now) is None else None

    async def _place(self, ask: Ask, kept: Kept, ledger_at: int, now: datetime, *, again: bool) -> Judgement | Refusal:
        """Place and plausibility: where the device is, by all that it heard of late.

        A refusal if consent is withdrawn meanwhile: then nothing is kept.
        """
        holder, device = ask.subject.holder, ask.subject.device_id
        for _ in range(TRIES):
            if kept.emptied_at > ledger_at:
                return Refusal(reasons=[NoOffer.NO_CONSENT])
            state = untold(kept.of(device), ask.sightings) if again else kept.of(device)
            judgement = judge(ask.sightings, state, self.places(), now, self.presence_rules)
            self.metrics.moved_beacons_heard(len(judgement.moved))
            try:
                if ask.dry_run or await self.presences.keep(holder, device, kept, judgement.state):
                    return judgement
                kept = await self.presences.read(holder)
            except (RedisError, OSError) as error:
                raise _redis_is_gone(error) from error
        raise StillRunning("Other calls of this device are under way.", remedy="Repeat it, with the same key.")

    def _decide(
        self, ask: Ask, known: Gathered, judgement: Judgement, now: datetime
    ) -> Refusal | tuple[Proposal, Thought]:
        # Nothing awaits in here, so that one model, its catalogue and rows of it are what the whole decision sees.
        serving, places = self.current(), self.places()
        if isinstance(judgement.outcome, Absence):
            wait = judgement.retry_after_seconds
            retry_at = None if wait is None else now + timedelta(seconds=wait)
            return Refusal(reasons=[NoOffer(judgement.outcome.value)], retry_at=retry_at)
        place = Place.of(judgement.outcome, places, serving.catalogue, now)
        refused = self._everything(
            place, known.sql.contacts, is_open=places.stores[judgement.outcome.store_id].is_open(now), now=now
        )
        if refused:
            times = [one.until for one in refused if one.until is not None]
            return Refusal(reasons=[one.reason for one in refused], place=place, retry_at=max(times, default=None))
        shopper = self.shopper_of(ask.subject.user_id, known.live, serving, now)
        return self.weighing(ask, place, shopper, known.sql.contacts, serving, now)

    def _everything(
        self, place: Place, contacts: Sequence[Contact], *, is_open: bool | None, now: datetime
    ) -> list[Refused]:
        """What forbids any offer at this moment: the hour, and the contact budget of the person."""
        verdicts = [
            Refused(NoOffer.STORE_CLOSED) if is_open is False else None,
            layers.quiet_hours(self.rules, now, place.zone),
            layers.contact_caps(self.rules, contacts, HERE, now, place.zone),
            layers.after_refusal(self.rules, contacts, now),
        ]
        return [refused for refused in verdicts if refused is not None]

    # What is read and written.

    def _ask_all(self, ask: Ask, now: datetime) -> Asked:
        subject = ask.subject
        return Asked(
            self.settling.remember(ask, now),
            self.read_live(subject.user_id, subject.anonymous_id),
            self.presences.read(subject.holder),
        )

    async def _gather(self, asked: Asked, ledger_at: int) -> Gathered | Refusal:
        """What was asked for; a refusal if consent was withdrawn since change `ledger_at`, as of which it is judged."""
        try:
            remembered, live, kept = await asked.sql, await asked.live, await asked.kept
        except (RedisError, OSError) as error:
            raise _redis_is_gone(error) from error
        if max(live.emptied_at, kept.emptied_at) > ledger_at:
            return Refusal(reasons=[NoOffer.NO_CONSENT])
        return Gathered(remembered, live, kept)

    async def _offer(
        self,
        ask: Ask,
        known: Remembered,
        proposal: Proposal,
        thought: Thought,
        taken: Mapping[str, NoOffer],
        ledger_at: int,
        now: datetime,
    ) -> Told:
        """Draw among what has room, then issue, count and keep in one transaction.

        Raises:
            Withdrawn, ContactsChanged, Taken, KeyReused, StillRunning, StoreUnavailable: nothing was done.
        """
        with self._timed("draw"):
            room = await self.rooms.at(proposal.place.store_id, proposal.arms)
            refused = known.refused(proposal, room) | dict(taken)
            drawn = draw(proposal, refused, self.settling.seed(proposal, known.person))

        made = only_for_show(drawn) if ask.dry_run else self.settling.plan(proposal, drawn, known)
        if made:
            answer = answer_with(made, proposal)
        else:
            retry_at = proposal.renewed_at if drawn.choices else None
            refusal = Refusal(reasons=reasons_of(drawn), place=proposal.place, retry_at=retry_at)
            answer = answer_without(refusal, self.rules, now)
        told = Told(answer, record_of(answer, drawn, thought, self.rules, ask.limit, now), now)
        if ask.dry_run or not made:
            return told
        with self._timed("settle"):
            body = orjson.dumps({"answer": told.answer, "record": told.record})
            reply = await self.settling.settle(ask, now, known, made, body, judged_at=ledger_at)
        return _again(reply) if reply.replayed else told

    async def _record(self, ask: Ask, turn: Turn, told: Told) -> None:
        """Log the decision, and keep the answer meanwhile; where the first fails, the second is taken back."""
        answer = orjson.dumps(told.answer)
        kept = self.answers.keep(ask.call, turn, answer)
        try:
            if told.record is not None:
                row = event_of(told.record, told.answer["place"], ask.subject, told.decided_at)
                await self.stream.append_once([[row]])
        except BaseException:  # also of who was cancelled: a repetition has to log it
            with suppress(StoreUnavailable, StillRunning):
                await kept
            with suppress(StoreUnavailable):  # then nobody has it, or the turn ends by itself
                await self.answers.take_back(ask.call, answer)
            raise
        await kept

    @contextmanager
    def _timed(self, stage: str) -> Generator[None]:
        started = perf_counter()
        yield
        self._took(stage, started)

    def _took(self, stage: str, started: float) -> None:
        self.metrics.stages_timed([f"offer {stage}"], [perf_counter() - started])

    def _reply(self, told: Told) -> Reply:
        if not told.replayed:
            self.metrics.offer_decided(told.answer["outcome"], next(iter(told.answer["reason_codes"]), ""))
        return Reply(200, orjson.dumps(told.answer), replayed=told.replayed)

    def _store_heard(self, ask: Ask, now: datetime) -> str | None:
        """The store of the first beacon that is ours; None: none is."""
        places = self.places()
        zones = (places.zone_of(one.key, now) for one in ask.sightings)
        return next((zone.store_id for zone in zones if zone is not None and zone.store_id in places.stores), None)


def _again(reply: Reply) -> Told:
    """What the same call was answered with. If that ended before its decision was logged, it is logged now."""
    kept = orjson.loads(reply.body)
    decided_at = datetime.fromisoformat(kept["answer"]["decided_at"]).astimezone(UTC)
    return Told(kept["answer"], kept["record"], decided_at, replayed=True)


def _redis_is_gone(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"Redis cannot be reached: {error}", remedy="Send the same request again later.")
