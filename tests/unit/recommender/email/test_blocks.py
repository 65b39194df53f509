"""Blocks of emails: well-formed, escaped, leading only to the web, within their bytes, the same for the same input."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.email import written
from recommender.email.blocks import SMALLEST_BUDGET, BlockOffer, BlockSpec, Images, LeftOut, Price, RenderedBlock
from recommender.email.render import render
from recommender.email.themes import THEMES
from tests.unit.recommender.email.hostile import item_lists, locales, offers, plain_item, specs

TAGS = {"table", "tbody", "tr", "td", "div", "a", "img", "h2", "bdi", "span", "s"}
ATTRIBUTES = {
    "class", "style", "role", "dir", "width", "height", "align", "valign", "bgcolor", "cellpadding", "cellspacing",
    "border", "href", "src", "alt", "title",
}  # fmt: skip
VOID = {"img"}


class Reading(HTMLParser):
    """What a lenient reader makes of HTML: tags opened and closed, with their attributes, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(block: RenderedBlock) -> Xml.Element:
    """The block by a parser that forgives nothing; a lenient one must see the same."""
    tree = Xml.fromstring(block.html)
    lenient = Reading()
    lenient.feed(block.html)
    lenient.close()
    assert lenient.open == []
    assert [(tag, dict(attributes)) for tag, attributes in lenient.tags] == [(e.tag, e.attrib) for e in tree.iter()]
    assert "".join(lenient.texts) == "".join(tree.itertext())
    return tree


def texts_of(block: RenderedBlock) -> set[str]:
    """All text that the block may show."""
    shown = {block.heading, "View", "before", "Get the coupon", "\xa0", "\xa0 "}
    for item in block.items:
        shown |= {item.title, item.price_text, item.list_price_text, item.detail, item.badge}
    if block.offer is not None:
        shown |= {block.offer.title, block.offer.terms}
    return {text for text in shown if text}


@settings(max_examples=80)
@given(specs, item_lists, st.none() | offers, locales)
def test_whatever_the_catalogue_holds_a_block_is_sound(spec, given_items, offer, locale) -> None:
    block = render(spec, given_items, offer, locale)
    shown = [item.item_id for item in block.items]
    known = [item.item_id for item in given_items]
    assert shown == [item_id for item_id in known if item_id in shown]  # in their order
    assert not set(shown) & set(block.left_out)
    if block.empty:
        assert (block.html, block.text, block.items) == ("", "", ())
        return
    assert spec.min_items <= len(shown) <= spec.count
    assert block.html.isascii()
    assert len(block.html) == block.html_bytes <= spec.byte_budget
    tree = read(block)
    for element in tree.iter():
        assert element.tag in TAGS
        assert set(element.attrib) <= ATTRIBUTES
        for name in ("href", "src"):
            address = element.get(name)
            assert address is None or (urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname)
        if element.tag == "table":
            assert element.get("role") == "presentation"
        if element.tag == "img":
            assert int(element.get("width", "0")) > 0
            assert int(element.get("height", "0")) > 0
            assert element.get("alt")
    written_texts = {text for text in tree.itertext() if text}
    assert written_texts <= texts_of(block)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", block.text)
    block.text.encode()  # no half of a pair


@settings(max_examples=40)
@given(specs, item_lists, st.none() | offers, locales)
def test_the_same_input_gives_the_same_bytes_also_without_what_was_kept(spec, given_items, offer, locale) -> None:
    first = render(spec, given_items, offer, locale)
    written._without_addresses.cache_clear()
    written._without_items.cache_clear()
    assert render(spec, given_items, offer, locale) == first


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("images", Images)
def test_every_item_is_shown_with_its_price_and_link_in_html_and_text(theme, images) -> None:
    before = plain_item("1", list_price=Price(499, "USD"), detail="Blue Mountain", badge="-20 %")
    spec = BlockSpec(block_id="b", theme=theme, images=images, heading="For you", columns=3)
    block = render(spec, [before, *map(plain_item, "234")], None, "en-US")
    tree = read(block)
    assert [item.item_id for item in block.items] == list("1234")
    told = "".join(tree.itertext())
    for item in block.items:
        links = [element for element in tree.iter("a") if element.get("href") == item.url]
        assert links
        assert item.title in block.text
        assert f"View: {item.url}\n" in block.text
        assert (item.title in told) == (images is not Images.OPEN_TIME)  # the picture tells it, as of the open
        pictures = [image.get("src") for image in tree.iter("img")]
        assert (item.image is None and not pictures) if images is Images.NONE else item.image.url in pictures  # type: ignore[union-attr]
    assert "$3.99 (before $4.99) -20 %" in block.text
    assert ("$4.99" in told) == (images is not Images.OPEN_TIME)


@pytest.mark.parametrize("theme", THEMES)
def test_ten_kilobytes_of_title_cost_a_line(theme) -> None:
    long = [
        plain_item(str(n), title=title * 10_000)
        for n, title in enumerate(("x", "<", "word ", "e\u0301\u0301", "👩‍👩‍👧‍👦"))
    ]
    block = render(BlockSpec(block_id="b", theme=theme, count=5), long, None, "en")
    read(block)
    assert [item.item_id for item in block.items] == list("01234")
    assert all(len(item.title) <= 110 for item in block.items)


def test_what_cannot_be_shown_is_named_and_the_next_steps_in() -> None:
    bad = [
        plain_item("no-title", title=" \x00 "), plain_item("no-price", price=None),
        plain_item("no-link", url="javascript:alert(1)"), plain_item("no-image", image_url=None),
    ]  # fmt: skip
    spec = BlockSpec(block_id="b", count=2, min_items=2)
    block = render(spec, [bad[0], plain_item("1"), *bad[1:], plain_item("2"), plain_item("3")], None, "en")
    assert [item.item_id for item in block.items] == ["1", "2"]
    assert block.left_out == {
        "no-title": LeftOut.NO_TITLE, "no-price": LeftOut.NO_PRICE, "no-link": LeftOut.NO_LINK,
        "no-image": LeftOut.NO_IMAGE,
    }  # fmt: skip
    assert render(spec, [*bad, plain_item("1")], None, "en").empty


def test_over_the_budget_details_go_first_then_items_from_the_end() -> None:
    many = [plain_item(str(n), detail=f"detail {n}") for n in range(6)]
    spec = BlockSpec(block_id="b", count=6, min_items=2)
    whole = render(spec, many, None, "en")
    assert len(whole.items) == 6
    tight = render(_budget(spec, whole.html_bytes - 1), many, None, "en")
    assert ([item.detail for item in tight.items], tight.left_out) == ([None] * 6, {})
    tighter = render(_budget(spec, tight.html_bytes - 1), many, None, "en")
    assert [item.item_id for item in tighter.items] == ["0", "1", "2", "3", "4"]
    assert tighter.left_out == {"5": LeftOut.BUDGET}
    assert "5" not in tighter.text.replace("$3.59", "")
    none = render(_budget(spec, SMALLEST_BUDGET), many, None, "en")
    assert none.empty
    assert set(none.left_out.values()) == {LeftOut.BUDGET}


def test_an_older_price_is_told_only_when_it_was_higher_and_in_the_same_currency() -> None:
    for before in (Price(399, "USD"), Price(1, "USD"), Price(999, "EUR")):
        (item,) = render(BlockSpec(block_id="b"), [plain_item("1", list_price=before)], None, "en").items
        assert item.list_price is item.list_price_text is None


def test_an_offer_stands_below_the_items_and_is_left_out_with_a_link_to_nowhere() -> None:
    spec = BlockSpec(block_id="b")
    offer = BlockOffer(title="15 % off <coffee>", url="https://shop.example/o?a=1&b=2", terms="Until Sunday")
    block = render(spec, [plain_item("1")], offer, "en")
    assert [element.get("href") for element in read(block).iter("a")][-1] == offer.url
    assert block.text.endswith("15 % off <coffee>\nUntil Sunday\nGet the coupon: https://shop.example/o?a=1&b=2\n")
    hostile = BlockOffer(title="15 %", url="javascript:alert(1)")
    assert render(spec, [plain_item("1")], hostile, "en") == render(spec, [plain_item("1")], None, "en")


def test_a_block_is_read_in_the_direction_of_its_market() -> None:
    for locale, direction in (("en", "ltr"), ("he-IL", "rtl"), ("ar", "rtl")):
        assert read(render(BlockSpec(block_id="b"), [plain_item("1")], None, locale)).get("dir") == direction


def test_what_no_block_can_be_is_refused() -> None:
    accents = ({"accent": "red"}, {"accent": "#12345;}"})
    for wrong in ({"columns": 4}, {"columns": 0}, {"count": 13}, {"min_items": 5}, {"byte_budget": 1}, *accents):
        with pytest.raises(ValueError, match=r"must be \w+ to|is a colour like"):
            render(BlockSpec(block_id="b", **wrong), [plain_item("1")], None, "en")


def _budget(spec: BlockSpec, byte_budget: int) -> BlockSpec:
    return BlockSpec(block_id=spec.block_id, count=spec.count, min_items=spec.min_items, byte_budget=byte_budget)
