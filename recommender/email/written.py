"""A block in writing: as a fragment of XHTML, and as plain text."""

from collections.abc import Sequence
from functools import lru_cache

from markupsafe import escape
from msgspec.structs import replace

from recommender.email.blocks import BlockSpec, ShownItem, Words
from recommender.email.shown import Around
from recommender.email.texts import isolated
from recommender.email.themes import Style, has_lead, templates

# Where the addresses of an item or an offer go, and a whole item. Cleaned text has no control characters.
_URL, _IMAGE_URL, _ITEM = "\x01", "\x02", "\x03"


def html_of(spec: BlockSpec, items: Sequence[ShownItem], around: Around) -> str:
    """The block for the middle of a mail, in ASCII: well-formed as XML, and read the same as HTML."""
    style = Style(spec.theme, spec.columns, spec.images, spec.accent)
    has_details = any(item.detail for item in items)
    n_lead = 1 if has_lead(spec.theme, spec.images) else 0
    drawn = [_drawn(style, item, around.words, has_details, is_lead=place < n_lead) for place, item in enumerate(items)]
    anybodys = around if around.offer is None else replace(around, offer=replace(around.offer, url=_URL))
    *before, last = _without_items(style, anybodys, min(n_lead, len(items)), len(items))
    if around.offer is not None:
        last = last.replace(_URL, str(escape(around.offer.url)))
    return "".join([part for pair in zip(before, drawn, strict=True) for part in pair]) + last


def text_of(items: Sequence[ShownItem], around: Around) -> str:
    """The block as plain text: paragraphs with an empty line between them, lines ended by a line feed."""
    paragraphs = [] if around.heading is None else [isolated(around.heading)]
    paragraphs += [_paragraph(item, around.words) for item in items]
    offer = around.offer
    if offer is not None:
        terms = f"\n{isolated(offer.terms)}" if offer.terms else ""
        paragraphs.append(f"{isolated(offer.title)}{terms}\n{isolated(around.words.redeem)}: {offer.url}")
    return "\n\n".join(paragraphs) + "\n"


def _drawn(style: Style, item: ShownItem, words: Words, has_details: bool, *, is_lead: bool) -> str:
    """An item with its addresses; both are ASCII."""
    html = _without_addresses(
        style, item.title, item.price_text, item.list_price_text, item.badge, item.detail, words, has_details, is_lead
    )
    html = html.replace(_URL, str(escape(item.url)))
    return html if item.image is None else html.replace(_IMAGE_URL, str(escape(item.image.url)))


@lru_cache(maxsize=4_096)  # of some 3 kB each
def _without_addresses(
    style: Style, title: str, price: str, before: str | None, badge: str | None, detail: str | None, words: Words,
    has_details: bool, is_lead: bool,
) -> str:  # fmt: skip
    made = templates(style)
    html = (made.lead if is_lead else made.item).render(
        title=title, price=price, before=before, badge=badge, detail=detail or "", has_details=has_details,
        view=words.view, before_word=words.before, url=_URL, image_url=_IMAGE_URL,
    )  # fmt: skip
    return _in_ascii(html)


@lru_cache(maxsize=256)  # of some 3 kB each
def _without_items(style: Style, around: Around, n_lead: int, n_items: int) -> tuple[str, ...]:
    """What stands before each item, and behind the last one, with the offer."""
    item = escape(_ITEM)
    rest = [(place > 0 and place % style.columns == 0, item) for place in range(n_items - n_lead)]
    html = templates(style).block.render(
        lead=[(False, item)] * n_lead, items=rest, heading=around.heading, offer=around.offer,
        redeem=around.words.redeem, direction=around.direction,
    )  # fmt: skip
    return tuple(_in_ascii(html).split(_ITEM))


def _in_ascii(html: str) -> str:
    """Foreign letters as references, so that a mail may have any encoding."""
    return html if html.isascii() else html.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _paragraph(item: ShownItem, words: Words) -> str:
    detail = f" ({isolated(item.detail)})" if item.detail else ""
    before = f" ({isolated(words.before)} {item.list_price_text})" if item.list_price_text else ""
    badge = f" {isolated(item.badge)}" if item.badge else ""
    link = f"{isolated(words.view)}: {item.url}"
    return f"{isolated(item.title)}{detail}\n{item.price_text}{before}{badge}\n{link}"
