"""Draws a block: decided items as JSON, HTML and plain text, within its bytes; the same input, the same bytes."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from recommender.email.blocks import BlockItem, BlockOffer, BlockSpec, LeftOut, RenderedBlock, ShownItem
from recommender.email.shown import shown_around, shown_items
from recommender.email.written import html_of, text_of


def render(spec: BlockSpec, items: Sequence[BlockItem], offer: BlockOffer | None, locale: str) -> RenderedBlock:
    """Draw the first `spec.count` of `items` that can be shown; what follows them steps in for those that cannot.

    Over the byte budget the details go first, then items from the end. A block of fewer than `spec.min_items` is empty.

    Args:
        items: best first, each at most once; a few more than wanted keep a block full.
        offer: a coupon to point to; it is left out if its link is not http(s).
        locale: BCP 47, of the market: how prices are written, and which way is read.

    Raises:
        ValueError: the accent is not a colour like `#0b6e4f`.
    """
    shown, left_out = shown_items(spec, items, locale)
    around = shown_around(spec, offer, locale)
    for kept in _smaller_and_smaller(shown, spec.min_items):
        html = html_of(spec, kept, around)
        if len(html) <= spec.byte_budget:
            return RenderedBlock(
                block_id=spec.block_id, theme=spec.theme, empty=False, heading=around.heading, items=tuple(kept),
                offer=around.offer, left_out=left_out | _over_budget(shown[len(kept) :]), html=html,
                text=text_of(kept, around), html_bytes=len(html),
            )  # fmt: skip
    over = _over_budget(shown if len(shown) >= spec.min_items else [])
    return RenderedBlock(block_id=spec.block_id, theme=spec.theme, empty=True, left_out=left_out | over)


def _smaller_and_smaller(shown: list[ShownItem], least: int) -> Iterator[list[ShownItem]]:
    """All of it; then without details; then without the last item, and so on down to `least`."""
    if len(shown) < least:
        return
    yield shown
    bare = [replace(item, detail=None) for item in shown]
    for n in range(len(bare), least - 1, -1):
        if n < len(bare) or bare != shown:
            yield bare[:n]


def _over_budget(items: Sequence[ShownItem]) -> dict[str, LeftOut]:
    return dict.fromkeys((item.item_id for item in items), LeftOut.BUDGET)
