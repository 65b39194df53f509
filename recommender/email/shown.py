"""What of a decided item and offer a block may show: cleaned texts and checked addresses, or why not."""

from collections.abc import Sequence

from msgspec import Struct

from recommender.email.addresses import web_address
from recommender.email.blocks import (
    BlockItem,
    BlockOffer,
    BlockSpec,
    Image,
    Images,
    LeftOut,
    ShownItem,
    ShownOffer,
    Words,
)
from recommender.email.texts import clean, direction, price_text
from recommender.email.themes import has_lead, picture_size

# The most characters of each text.
TITLE = {1: 110, 2: 52, 3: 48}  # by columns
HEADING, DETAIL, BADGE, LINK, OFFER, TERMS = 120, 60, 20, 30, 90, 200


class Around(Struct, frozen=True):
    """What stands around the items of a block, whichever of them fit."""

    heading: str | None
    offer: ShownOffer | None
    words: Words
    direction: str


def shown_around(spec: BlockSpec, offer: BlockOffer | None, locale: str) -> Around:
    """The frame of a block; an offer without a title or an http(s) link is left out."""
    words, ours = spec.words, Words()
    cleaned = Words(
        clean(words.view, LINK) or ours.view, clean(words.before, LINK) or ours.before,
        clean(words.redeem, LINK) or ours.redeem,
    )  # fmt: skip
    return Around(_line(spec.heading, HEADING), None if offer is None else _offer(offer), cleaned, direction(locale))


def shown_items(spec: BlockSpec, items: Sequence[BlockItem], locale: str) -> tuple[list[ShownItem], dict[str, LeftOut]]:
    """The first `spec.count` of `items` that can be shown, and why those before the last of them are not."""
    shown: list[ShownItem] = []
    left_out: dict[str, LeftOut] = {}
    for item in items:
        if len(shown) == spec.count:
            break
        found = _item(spec, item, locale, is_lead=not shown and has_lead(spec.theme, spec.images))
        if isinstance(found, LeftOut):
            left_out[item.item_id] = found
        else:
            shown.append(found)
    return shown, left_out


def _item(spec: BlockSpec, item: BlockItem, locale: str, *, is_lead: bool) -> ShownItem | LeftOut:
    title, url = clean(item.title, TITLE[1 if is_lead else spec.columns]), web_address(item.url)
    if not title:
        return LeftOut.NO_TITLE
    if item.price is None:
        return LeftOut.NO_PRICE
    if url is None:
        return LeftOut.NO_LINK
    image = None
    if spec.images is not Images.NONE:
        address = web_address(item.image_url)
        if address is None:
            return LeftOut.NO_IMAGE
        image = Image(address, *picture_size(spec.theme, spec.columns, spec.images, is_lead=is_lead), alt=title)
    before = item.list_price
    if before is not None and (before.currency != item.price.currency or before.amount <= item.price.amount):
        before = None
    return ShownItem(
        item_id=item.item_id, title=title, price=item.price, price_text=price_text(item.price, locale), url=url,
        image=image, list_price=before, list_price_text=None if before is None else price_text(before, locale),
        detail=_line(item.detail, DETAIL), badge=_line(item.badge, BADGE),
    )  # fmt: skip


def _offer(offer: BlockOffer) -> ShownOffer | None:
    url, title = web_address(offer.url), clean(offer.title, OFFER)
    return None if url is None or not title else ShownOffer(title=title, url=url, terms=_line(offer.terms, TERMS))


def _line(text: str | None, most: int) -> str | None:
    """The text made fit to be shown; None when nothing is left of it."""
    return None if text is None else clean(text, most) or None
