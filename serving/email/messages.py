"""One message: what its blocks show, decided once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec import json

from features.email_links import Purpose, seal
from features.mails import Chosen, MailBlock, Message, Promised, block_ref
from recommender.catalogue import CatalogueItem
from recommender.email.blocks import BlockItem, BlockOffer, Images, Price
from recommender.email.render import render
from recommender.errors import InvalidInput
from recommender.ids import PlacementId
from recommender.lockstep import Work, in_step
from recommender.offers.campaign import Campaign
from recommender.offers.reasons import NoOffer
from serving.email.orders import BlockOrder, Known, MailList, Offerable, Recipient, SendOrder, Wanted
from serving.email.pictures import is_drawable

SPARES = 4  # items behind those that are shown, for what is sold out when the mail is opened
LONGEST_LINE = 998  # characters of a line of a mail, without its end (RFC 5322)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)  # when the link of an unsubscription ends
PATH_OF = {Purpose.CLICK: "c", Purpose.IMAGE: "i", Purpose.OFFER: "o"}
OWN_LEVELS = {"none", "contextual"}  # fallback levels of lists that were not filled up


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A block that was just decided, and the list that it is from."""

    block: MailBlock
    listed: MailList


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that lacks blocks.

    Attributes:
        lacks: in the order of the send.
        offers: by campaign id, what may be offered in it, or why it may not.
    """

    to: Recipient
    message: Message
    lacks: Sequence[BlockOrder]
    offers: Offerable = field(default_factory=dict[str, Campaign | NoOffer])

    def taken(self) -> list[str]:
        """Items that may not come again: of the blocks that stand, and of the sends before."""
        anew = {block.spec.block_id for block in self.lacks}
        stand = [block.chosen for name, block in self.message.blocks.items() if name not in anew]
        return [*self.message.shown_before, *(item for one in stand for item in (*one.shown_ids, *one.spares))]


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Decides on messages and draws their blocks.

    Attributes:
        public_url: where the links of mails lead, without a slash at the end.
        lifetime: how long the links hold.
    """

    secret: Callable[[], bytes]
    public_url: str
    lifetime: timedelta

    def write(
        self, order: SendOrder, drafts: Sequence[Draft], known: Known, now: datetime
    ) -> Work[list[list[NewBlock]]]:
        """Decide and draw what the messages lack, all of them step by step together.

        No product comes in two blocks of a message, nor again from the sends before.
        """
        taken = [draft.taken() for draft in drafts]
        written: list[list[NewBlock]] = [[] for _ in drafts]
        for block in order.blocks:
            places = [place for place, draft in enumerate(drafts) if block in draft.lacks]
            lists = yield from _first_full(block, known, {drafts[place].to.user_id: taken[place] for place in places})
            steps = [
                self._block(order, block, drafts[place], known, *lists[drafts[place].to.user_id], now)
                for place in places
            ]
            drawn = yield from in_step(steps)
            for place, new in zip(places, drawn, strict=True):
                written[place].append(new)
                taken[place] += [*new.block.chosen.shown_ids, *new.block.chosen.spares]
        return written

    def headers(self, order: SendOrder, to: Recipient) -> dict[str, str]:
        """What a mail needs so that its reader can unsubscribe with one click (RFC 8058).

        Raises:
            InvalidInput: their id is so long that the link does not fit into a line.
        """
        token = seal(self.secret(), Purpose.UNSUBSCRIBE, json.encode([to.user_id, order.send_id]), NEVER)
        link = f"<{self.public_url}/u/{token}>"
        if len("List-Unsubscribe: ") + len(link) > LONGEST_LINE:
            raise InvalidInput(
                "this user_id is too long: the link to unsubscribe does not fit into a line of a mail", field="user_id",
                remedy="Write to them under a shorter id, or give the send a shorter one.",
            )  # fmt: skip
        return {"List-Unsubscribe": link, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}

    def _block(
        self,
        order: SendOrder,
        block: BlockOrder,
        draft: Draft,
        known: Known,
        placement: PlacementId,
        listed: MailList,
        now: datetime,
    ) -> Work[NewBlock]:
        spec, secret, to = block.spec, self.secret(), draft.to
        ref = block_ref(secret, order.send_id, to.user_id, spec.block_id)
        about, ends_at = bytes.fromhex(ref), now + self.lifetime

        def link(purpose: Purpose, *place: int) -> str:
            return f"{self.public_url}/e/{PATH_OF[purpose]}/{seal(secret, purpose, about + bytes(place), ends_at)}"

        def items(n: int) -> list[BlockItem]:
            return [
                block_item(
                    item,
                    url=link(Purpose.CLICK, place),
                    image_url=item.image_url if spec.images is not Images.OPEN_TIME
                    else link(Purpose.IMAGE, place) if is_drawable(item.title) else None,
                )
                for place, item in enumerate(listed.items[:n])
            ]  # fmt: skip

        shown_offer, no_offer = None, None
        if block.offer is not None:
            campaign = draft.offers[block.offer.campaign_id]
            if isinstance(campaign, NoOffer):
                no_offer = campaign
            else:
                title = block.offer.title or campaign.title
                shown_offer = BlockOffer(title=title, url=link(Purpose.OFFER), terms=block.offer.terms)
        shown = items(spec.count)
        yield
        rendered = render(spec, shown, shown_offer, order.locale)
        if rendered.left_out:  # as hardly ever: the spares step in
            rendered = render(spec, items(len(listed.items)), shown_offer, order.locale)
        yield
        place_of = {str(item.item_id): place for place, item in enumerate(listed.items)}
        chosen = Chosen(
            items=tuple(place_of), shown=tuple(place_of[item.item_id] for item in rendered.items),
            recommendation_id=listed.recommendation_id, store_id=to.store_id, market=to.market,
            offer=None if rendered.offer is None or block.offer is None
            else Promised(block.offer.campaign_id, rendered.offer.title, block.offer.days, to.age),
        )  # fmt: skip
        reply = {
            "block_id": spec.block_id, "placement": placement, "fallback": listed.fallback,
            "personalised": listed.personalised, "degraded": listed.degraded, "as_of": now,
            "recommendation_id": listed.recommendation_id, "model_version": listed.model_version,
            "empty": rendered.empty, "heading": rendered.heading, "items": rendered.items, "offer": rendered.offer,
            "no_offer": no_offer,
            "left_out": rendered.left_out, "html": rendered.html, "text": rendered.text,
            "html_bytes": rendered.html_bytes,
        }  # fmt: skip
        made = MailBlock(
            block_ref=ref, send_id=order.send_id, user_id=to.user_id, block_id=spec.block_id, made_at=now,
            personal=to.user_id not in known.refused, chosen=chosen, reply=json.encode(reply),
        )  # fmt: skip
        return NewBlock(made, listed)


def missing(order: SendOrder, message: Message, *, is_refused: bool) -> list[BlockOrder]:
    """Blocks that are not decided yet, or were by what must not be used any more: `is_refused`."""
    kept = message.blocks
    return [
        block for block in order.blocks
        if (there := kept.get(block.spec.block_id)) is None or (there.personal and is_refused)
    ]  # fmt: skip


def _first_full(
    block: BlockOrder, known: Known, taken: Mapping[str, Sequence[str]]
) -> Work[dict[str, tuple[PlacementId, MailList]]]:
    """By user id, the list of the first placement that has enough of its own for them, else the longest.

    Args:
        taken: by user id, items that must not come again.
    """
    spec, found, left = block.spec, dict[str, tuple[PlacementId, MailList]](), dict(taken)
    for placement in block.placements:
        wanted = {
            user: Wanted(
                placement=placement, limit=spec.count + SPARES, category=block.category, filter=block.filter,
                pictured=spec.images is Images.CATALOGUE, exclude=exclude,
            )
            for user, exclude in left.items()
        }  # fmt: skip
        lists = yield from known.decide_all(wanted)
        for user, listed in lists.items():
            is_full = listed.fallback in OWN_LEVELS and len(listed.items) >= spec.count
            if is_full or user not in found or len(listed.items) > len(found[user][1].items):
                found[user] = placement, listed
            if is_full:
                del left[user]
    return found


def block_item(item: CatalogueItem, url: str, image_url: str | None) -> BlockItem:
    """What a block shows of an item, with the link and the picture that it has there."""
    return BlockItem(
        item_id=item.item_id, title=item.title, url=url, image_url=image_url,
        price=None if item.price is None else Price(item.price, item.currency),
        detail=" · ".join(word for word in (item.brand, item.size) if word) or None,
    )  # fmt: skip
