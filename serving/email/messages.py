"""One message: what its blocks show, decided once."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec import json

from features.email_links import Purpose, seal
from features.mails import Chosen, MailBlock, Message, Promised, block_ref
from recommender.catalogue import CatalogueItem
from recommender.email.blocks import BlockItem, BlockOffer, Images, Price, RenderedBlock
from recommender.email.render import render
from recommender.errors import InvalidInput
from recommender.ids import PlacementId
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

    async def write(
        self, order: SendOrder, to: Recipient, known: Known, message: Message, offerable: Offerable, now: datetime
    ) -> list[NewBlock]:
        """Decide the blocks that are missing: no product in two blocks of the message, nor in the sends before.

        Others have their turn between deciding on a block, which blocks for a millisecond or two, and drawing it.
        """
        new = missing(order, message, known)
        anew = {block.spec.block_id for block in new}
        stand = [block.chosen for name, block in message.blocks.items() if name not in anew]
        taken = [*message.shown_before, *(item for one in stand for item in (*one.shown_ids, *one.spares))]
        written: list[NewBlock] = []
        for block in new:
            decided = await self._block(order, block, to, known, taken, offerable, now)
            written.append(decided)
            taken += [*decided.block.chosen.shown_ids, *decided.block.chosen.spares]
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

    async def _block(
        self,
        order: SendOrder,
        block: BlockOrder,
        to: Recipient,
        known: Known,
        taken: Sequence[str],
        offerable: Offerable,
        now: datetime,
    ) -> NewBlock:
        spec, secret = block.spec, self.secret()
        ref = block_ref(secret, order.send_id, to.user_id, spec.block_id)
        placement, listed = _first_full(block, known, taken)
        await asyncio.sleep(0)
        ends_at = now + self.lifetime

        def link(purpose: Purpose, *place: int) -> str:
            token = seal(secret, purpose, bytes.fromhex(ref) + bytes(place), ends_at)
            return f"{self.public_url}/e/{PATH_OF[purpose]}/{token}"

        def drawn(n_items: int) -> RenderedBlock:
            items = [
                block_item(
                    item,
                    url=link(Purpose.CLICK, place),
                    image_url=item.image_url if spec.images is not Images.OPEN_TIME
                    else link(Purpose.IMAGE, place) if is_drawable(item.title) else None,
                )
                for place, item in enumerate(listed.items[:n_items])
            ]  # fmt: skip
            return render(spec, items, shown_offer, order.locale)

        shown_offer, no_offer = None, None
        if block.offer is not None:
            campaign = _for_them(offerable[block.offer.campaign_id], known)
            if isinstance(campaign, NoOffer):
                no_offer = campaign
            else:
                title = block.offer.title or campaign.title
                shown_offer = BlockOffer(title=title, url=link(Purpose.OFFER), terms=block.offer.terms)
        rendered = drawn(spec.count)
        if rendered.left_out:  # as hardly ever: the spares step in
            rendered = drawn(len(listed.items))
        place_of = {str(item.item_id): place for place, item in enumerate(listed.items)}
        chosen = Chosen(
            items=tuple(place_of), shown=tuple(place_of[item.item_id] for item in rendered.items),
            recommendation_id=listed.recommendation_id, store_id=to.store_id, market=to.market,
            offer=None if rendered.offer is None or block.offer is None
            else Promised(block.offer.campaign_id, rendered.offer.title, block.offer.days),
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
            personal=not known.refused, chosen=chosen, reply=json.encode(reply),
        )  # fmt: skip
        return NewBlock(made, listed)


def missing(order: SendOrder, message: Message, known: Known) -> list[BlockOrder]:
    """Blocks that are not decided yet, or were by what must not be used any more."""
    kept = message.blocks
    return [
        block for block in order.blocks
        if (there := kept.get(block.spec.block_id)) is None or (there.personal and known.refused)
    ]  # fmt: skip


def _for_them(offered: Campaign | NoOffer, known: Known) -> Campaign | NoOffer:
    return offered if isinstance(offered, NoOffer) else known.why_not(offered) or offered


def _first_full(block: BlockOrder, known: Known, taken: Sequence[str]) -> tuple[PlacementId, MailList]:
    """The list of the first placement that has enough of its own, else the longest."""
    spec, longest = block.spec, None
    for placement in block.placements:
        wanted = Wanted(
            placement=placement, limit=spec.count + SPARES, category=block.category, filter=block.filter,
            pictured=spec.images is Images.CATALOGUE, exclude=taken,
        )  # fmt: skip
        listed = known.decide(wanted)
        if listed.fallback in OWN_LEVELS and len(listed.items) >= spec.count:
            return placement, listed
        if longest is None or len(listed.items) > len(longest[1].items):
            longest = placement, listed
    if longest is None:
        raise ValueError("a block names at least one placement")
    return longest


def block_item(item: CatalogueItem, url: str, image_url: str | None) -> BlockItem:
    """What a block shows of an item, with the link and the picture that it has there."""
    return BlockItem(
        item_id=item.item_id, title=item.title, url=url, image_url=image_url,
        price=None if item.price is None else Price(item.price, item.currency),
        detail=" · ".join(word for word in (item.brand, item.size) if word) or None,
    )  # fmt: skip
