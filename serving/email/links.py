"""Where the links of mails lead, and what their pictures show: as things stand when somebody looks."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from features.email_links import Purpose, unseal
from features.mails import REF_CHARACTERS, FoundBlock
from features.sql.block_store import BlockStore
from features.sql.catalogue_store import CatalogueStore
from recommender.catalogue import CatalogueItem
from recommender.email.addresses import web_address
from recommender.email.blocks import open_time_size
from recommender.email.looks import LOOKS
from recommender.email.texts import price_text
from recommender.errors import LinkEnded, LinkInvalid
from serving.email.messages import block_item
from serving.email.pictures import Shown, draw, is_drawable

NOWHERE = "Set RECOMMENDER_SHOP_URL, and RECOMMENDER_LINK_HOSTS for other hosts (docs/email.md)."
REF_BYTES = REF_CHARACTERS // 2
OFFER = 255  # what stands for the place of an offer: no list is as long


@dataclass(frozen=True, slots=True)
class Link:
    """What a link of ours names: a block, and the place of an item in its list, or OFFER."""

    block_ref: str
    place: int


@dataclass(frozen=True, kw_only=True)
class MailLinks:
    """Follows links.

    Attributes:
        hosts: that a link may lead to.
        shop_url: where it leads else; None: nowhere.
        sold_out_in: whether a store has sold an item out.
    """

    store: BlockStore
    catalogue: CatalogueStore
    secret: Callable[[], bytes]
    hosts: frozenset[str]
    shop_url: str | None
    sold_out_in: Callable[[str, str], bool]

    def read(self, purpose: Purpose, token: str, now: datetime) -> Link:
        """What a token names; raises LinkInvalid, LinkEnded."""
        content = unseal(self.secret(), purpose, token, now)
        if len(content) != REF_BYTES + (purpose is not Purpose.OFFER):
            raise LinkInvalid("This link is not complete, or not one of ours.", field="token")
        return Link(content[:REF_BYTES].hex(), OFFER if purpose is Purpose.OFFER else content[REF_BYTES])

    async def find(self, link: Link) -> FoundBlock:
        """The block of a link; raises LinkEnded where it is not kept any more, and StoreUnavailable."""
        found = await asyncio.to_thread(self.store.find, link.block_ref)
        if found is None or (link.place != OFFER and found.item_at(link.place) is None):
            raise LinkEnded("What this link led to is not kept any more.", field="token")
        return found

    async def target(self, found: FoundBlock, place: int) -> str:
        """The address that a click leads to: that of the item which was shown, else the shop.

        Raises:
            LinkInvalid: there is neither. StoreUnavailable.
        """
        item_id = found.item_at(place)
        items = {} if item_id is None else await asyncio.to_thread(self.catalogue.find, [item_id])
        item = items.get(item_id or "")
        address = self._allowed(None if item is None else item.url) or self.shop_url
        if address is None:
            raise LinkInvalid("The shop has not said where its links may lead.", field="token", remedy=NOWHERE)
        return _with_campaign(address, found)

    async def picture(self, found: FoundBlock, place: int, now: datetime) -> bytes:
        """The picture of an item; of one that is sold out, that of the next that is not. Raises StoreUnavailable."""
        return await asyncio.to_thread(self._picture, found, place, now)

    def _picture(self, found: FoundBlock, place: int, now: datetime) -> bytes:
        item_id, chosen = found.item_at(place), found.block.chosen
        items = self.catalogue.find([*chosen.items])
        can_swap = place in chosen.shown and place not in found.swaps
        if can_swap and not self._can_be_bought(items.get(item_id or ""), chosen.store_id):
            spares = [
                one
                for one in chosen.spares
                if (item := items.get(one)) is not None
                and self._can_be_bought(item, chosen.store_id)
                and is_drawable(item.title)
            ]
            swaps = self.store.swap(found.block.block_ref, place, spares, now) if spares else {}
            item_id = swaps.get(place, item_id)
        item = items.get(item_id or "")
        return draw(_shown(item, found, can_be_bought=self._can_be_bought(item, chosen.store_id)))

    def _can_be_bought(self, item: CatalogueItem | None, store_id: str | None) -> bool:
        if item is None or item.hidden or item.price is None or (item.stock is not None and item.stock <= 0):
            return False
        return store_id is None or not self.sold_out_in(store_id, item.item_id)

    def _allowed(self, url: str | None) -> str | None:
        address = web_address(url)
        return address if address is not None and urlsplit(address).hostname in self.hosts else None


def _shown(item: CatalogueItem | None, found: FoundBlock, *, can_be_bought: bool) -> Shown:
    spec = found.spec
    width, height = open_time_size(spec["columns"])
    accent = spec["accent"] or LOOKS[spec["theme"]].accent
    if item is None:
        return Shown(width, height, "", "", "", accent)
    drawn = block_item(item, "", None)
    price = price_text(drawn.price, spec["locale"]) if can_be_bought and drawn.price is not None else ""
    return Shown(width, height, item.title, drawn.detail or "", price, accent)


def _with_campaign(address: str, found: FoundBlock) -> str:
    """The address with what analytics want to know; what it says itself stands."""
    block, parts = found.block, urlsplit(address)
    said: Sequence[tuple[str, str]] = (
        ("utm_source", "email"), ("utm_medium", "email"), ("utm_campaign", block.send_id),
        ("utm_content", block.block_id), ("recommendation_id", block.chosen.recommendation_id),
    )  # fmt: skip
    names = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    more = urlencode([(name, value) for name, value in said if name not in names])
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, more) if part)))
