"""A block in writing: as a fragment of XHTML, and as plain text."""

from collections.abc import Sequence
from functools import lru_cache

from markupsafe import Markup, escape

from recommender.email.blocks import BlockSpec, ShownItem, Words
from recommender.email.shown import Around
from recommender.email.texts import isolated
from recommender.email.themes import Style, has_lead, templates

# Where the addresses of an item go, which differ by recipient. Cleaned text has no control characters.
_URL, _IMAGE_URL = "\x01", "\x02"


def html_of(spec: BlockSpec, items: Sequence[ShownItem], around: Around) -> str:
    """The block for the middle of a mail, in ASCII: well-formed as XML, and read the same as HTML."""
    style = Style(spec.theme, spec.columns, spec.images, spec.accent)
    has_details = any(item.detail for item in items)
    n_lead = 1 if has_lead(spec.theme, spec.images) else 0
    lead = [(False, _drawn(style, item, around.words, has_details, is_lead=True)) for item in items[:n_lead]]
    rest = [
        (place > 0 and place % spec.columns == 0, _drawn(style, item, around.words, has_details, is_lead=False))
        for place, item in enumerate(items[n_lead:])
    ]
    html = templates(style).block.render(
        lead=lead, items=rest, heading=around.heading, offer=around.offer, redeem=around.words.redeem,
        direction=around.direction,
    )  # fmt: skip
    return _in_ascii(html)


def text_of(items: Sequence[ShownItem], around: Around) -> str:
    """The block as plain text: paragraphs with an empty line between them, lines ended by a line feed."""
    paragraphs = [] if around.heading is None else [isolated(around.heading)]
    paragraphs += [_paragraph(item, around.words) for item in items]
    offer = around.offer
    if offer is not None:
        terms = f"\n{isolated(offer.terms)}" if offer.terms else ""
        paragraphs.append(f"{isolated(offer.title)}{terms}\n{isolated(around.words.redeem)}: {offer.url}")
    return "\n\n".join(paragraphs) + "\n"


def _drawn(style: Style, item: ShownItem, words: Words, has_details: bool, *, is_lead: bool) -> Markup:
    """An item with its addresses; both are ASCII."""
    html = _without_addresses(
        style, item.title, item.price_text, item.list_price_text, item.badge, item.detail, words, has_details, is_lead
    )
    html = html.replace(_URL, str(escape(item.url)))
    if item.image is not None:
        html = html.replace(_IMAGE_URL, str(escape(item.image.url)))
    return Markup(html)  # noqa: S704 - Jinja has escaped the texts, and the addresses are escaped here


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


def _in_ascii(html: str) -> str:
    """Foreign letters as references, so that a mail may have any encoding."""
    return html if html.isascii() else html.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _paragraph(item: ShownItem, words: Words) -> str:
    detail = f" ({isolated(item.detail)})" if item.detail else ""
    before = f" ({isolated(words.before)} {item.list_price_text})" if item.list_price_text else ""
    badge = f" {isolated(item.badge)}" if item.badge else ""
    link = f"{isolated(words.view)}: {item.url}"
    return f"{isolated(item.title)}{detail}\n{item.price_text}{before}{badge}\n{link}"
