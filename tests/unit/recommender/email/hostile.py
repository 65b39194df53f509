"""Blocks, items and offers with the worst texts and addresses that a catalogue can hold."""

from hypothesis import strategies as st
from msgspec.structs import replace

from recommender.email.blocks import (
    LARGEST_BUDGET,
    MOST_ITEMS,
    SMALLEST_BUDGET,
    BlockItem,
    BlockOffer,
    BlockSpec,
    Images,
    Price,
)
from recommender.email.themes import THEMES

WORST = (
    '"><script>alert(1)</script>', "<img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
    "{{ 7 * 7 }}", "{% raw %}", "<!--[if mso]><b>", "--><b>", "]]>", "&lt;b&gt; &amp;amp; &",
    "\u202eevil.exe", "שלום \u2067עולם", "مرحبا", "👩‍👩‍👧‍👦" * 15, "🇩🇪🇫🇷" * 50,
    "e" + "\u0301" * 200, "x" * 300, "Ĳ" * 300, "\x00\x01\x02", "\ud800", "\ufffe\uffff",
    "a\r\nBcc: b", "\u2028\u2029", "नमस्ते" * 30, "한국어" * 40, " \t\n ", "", "Fish & chips, 2 < 3",
    "%s %d {0}", "\x01\x02 url",
)  # fmt: skip
ADDRESSES = (
    "https://shop.example/p/1", "http://shop.example", "https://shop.example/p?a=1&b=%22",
    "https://shop.example/ü?q=ß ß", "https://münchen.example/", "javascript:alert(1)",
    " javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "//evil.example",
    "/relative", "", "https://", "https:///x", "https://user:pw@evil.example/",
    "https://shop.example@evil.example", 'https://shop.example/"><script>',
    "https://shop.example/'onclick='x", "https://shop.example\\@evil.example",
    "https://shop.example/\x00", "https://shop.example/\nSet-Cookie: a",
    "https://shop.example:99999999/", "https://[::1/", "vbscript:x",
    "https://shop.example/" + "x" * 2_000, "https://shop.example/\ud800",
    "https://shop.example/{{ 7*7 }}", "ftp://shop.example/", "https://..",
    "mailto:a@b.example", "https://shop.example/#a<b>",
)  # fmt: skip


def numbered(listed: list[BlockItem]) -> list[BlockItem]:
    """The same, each with an id of its own."""
    return [replace(item, item_id=f"item-{place}") for place, item in enumerate(listed)]


def mostly(usual: st.SearchStrategy, rare: st.SearchStrategy) -> st.SearchStrategy:
    """One in ten is rare, so that blocks do fill."""
    return st.integers(0, 9).flatmap(lambda drawn: rare if drawn == 7 else usual)


texts = st.sampled_from(WORST) | st.text(max_size=60) | st.builds("".join, st.lists(st.sampled_from(WORST), max_size=3))
titles = st.builds(str.__add__, st.sampled_from(("", "A", "é", "ש")), texts)
addresses = st.sampled_from(ADDRESSES) | st.text(max_size=60)
good_addresses = st.sampled_from(("https://shop.example/p/1", "https://shop.example/p?a=1&b='2'", "http://a.example/ü"))
mostly_good = mostly(good_addresses, st.none() | addresses)
prices = st.builds(Price, st.integers(0, 10**12), st.sampled_from(("USD", "EUR", "JPY", "KWD", "ZZZ")))
items = st.builds(
    BlockItem, item_id=st.just(""), title=titles, price=mostly(prices, st.none()),
    url=mostly_good, image_url=mostly_good, list_price=st.none() | prices, detail=st.none() | texts,
    badge=st.none() | texts,
)  # fmt: skip
item_lists = st.lists(items, max_size=8).map(numbered)
offers = st.builds(BlockOffer, title=texts, url=mostly_good.filter(bool), terms=st.none() | texts)
specs = st.builds(
    BlockSpec, block_id=st.just("block"), columns=st.integers(1, 3), count=st.integers(1, MOST_ITEMS),
    theme=st.sampled_from(THEMES), byte_budget=st.just(LARGEST_BUDGET) | st.integers(SMALLEST_BUDGET, 30_000),
    images=st.sampled_from(Images), accent=st.sampled_from((None, "#ffd000")), heading=st.none() | texts,
)  # fmt: skip
locales = st.sampled_from(("en", "en-US", "de-DE", "fr-FR", "ar", "he-IL", "ja-JP", "zz-QQ", "not a locale"))


def plain_item(item_id: str, **changed: object) -> BlockItem:
    """An item that any block can show."""
    facts: dict[str, object] = {
        "title": f"Item {item_id}", "price": Price(399, "USD"), "url": f"https://shop.example/p/{item_id}",
        "image_url": f"https://img.example/{item_id}.png",
    }  # fmt: skip
    return BlockItem(item_id=item_id, **(facts | changed))  # type: ignore[arg-type]
