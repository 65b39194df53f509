"""Untrusted texts and addresses, and colours that can be read."""

import unicodedata
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.email.addresses import web_address
from recommender.email.blocks import Price
from recommender.email.looks import LOOKS, READABLE, contrast, readable_on, text_on
from recommender.email.texts import clean, isolated, price_text
from recommender.email.themes import THEMES, head_of_mail
from tests.unit.recommender.email.hostile import ADDRESSES, addresses, texts

FAMILY, FLAG, WAVE = "👩‍👩‍👧‍👦", "🇩🇪", "👋🏽"
colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(texts, st.integers(2, 120))
def test_a_cleaned_text_is_one_short_line_that_any_encoding_can_carry(text: str, most: int) -> None:
    line = clean(text, most)
    assert len(line) <= most
    assert line == clean(line, most)
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in line)
    line.encode()


@pytest.mark.parametrize("letter", [FAMILY, FLAG, WAVE, "e\u0301\u0323", "क्षि", "ᄒ\u1161\u11ab\u0300"])
def test_a_cut_leaves_letters_and_emoji_whole(letter: str) -> None:
    whole = unicodedata.normalize("NFC", letter)
    for most in range(len(whole) + 1, 60):
        cut = clean(letter * 60, most)
        assert cut == whole * ((len(cut) - 1) // len(whole)) + "…"
        assert len(cut) > 1


def test_a_cut_is_made_between_words_where_one_is_near() -> None:
    assert clean("Ground coffee, dark roast", 20) == "Ground coffee, dark…"
    assert clean("Ground coffee, dark roast", 16) == "Ground coffee…"


def test_text_from_right_to_left_moves_nothing_beside_it() -> None:
    assert clean("abc\u202egnp.exe\u2067x", 50) == "abcgnp.exex"
    assert isolated("חלב") == "\u2068חלב\u2069"
    assert isolated("milk") == "milk"


def test_prices_are_written_as_the_market_does() -> None:
    written = {
        locale: price_text(Price(123456, "EUR"), locale).replace("\xa0", " ")
        for locale in ("en-IE", "de-DE", "zz", "en")
    }
    assert written == {"en-IE": "€1,234.56", "de-DE": "1.234,56 €", "zz": "€1,234.56", "en": "€1,234.56"}
    assert price_text(Price(500, "JPY"), "en") == "¥500"
    assert price_text(Price(1234, "KWD"), "en").endswith("1.234")


@given(addresses)
def test_an_address_leads_to_the_web_or_is_refused(text: str) -> None:
    address = web_address(text)
    if address is not None:
        parts = urlsplit(address)
        assert parts.scheme in ("http", "https")
        assert parts.hostname
        assert "@" not in parts.netloc
        assert address.isascii()
        assert address.isprintable()
        assert not set(address) & set(" \"<>\\^`{|}'" if "'" not in text else ' "<>\\^`{|}')
        assert web_address(address) == address


def test_good_addresses_stay_and_others_are_made_safe_or_refused() -> None:
    kept = {address: web_address(address) for address in ADDRESSES if web_address(address) is not None}
    assert kept == {
        "https://shop.example/p/1": "https://shop.example/p/1", "http://shop.example": "http://shop.example",
        "https://shop.example/p?a=1&b=%22": "https://shop.example/p?a=1&b=%22",
        "https://shop.example/ü?q=ß ß": "https://shop.example/%C3%BC?q=%C3%9F%20%C3%9F",
        "https://münchen.example/": "https://xn--mnchen-3ya.example/",
        'https://shop.example/"><script>': "https://shop.example/%22%3E%3Cscript%3E",
        "https://shop.example/'onclick='x": "https://shop.example/'onclick='x",
        "https://shop.example/{{ 7*7 }}": "https://shop.example/%7B%7B%207*7%20%7D%7D",
        "https://shop.example/#a<b>": "https://shop.example/#a%3Cb%3E",
    }  # fmt: skip


@given(colours)
def test_text_can_be_read_on_any_accent_and_in_it(accent: str) -> None:
    assert contrast(text_on(accent), accent) >= READABLE
    for look in LOOKS.values():
        for ground in (look.light.card, look.dark.card):
            assert contrast(readable_on(ground, accent), ground) >= READABLE


def test_the_texts_of_every_theme_can_be_read_by_day_and_by_night() -> None:
    for look in LOOKS.values():
        for palette in (look.light, look.dark):
            for ground in (palette.ground, palette.card):
                assert min(contrast(palette.text, ground), contrast(palette.muted, ground)) >= READABLE


@pytest.mark.parametrize("theme", THEMES)
def test_the_head_names_its_theme_and_colour_so_that_several_can_stand_in_one_mail(theme) -> None:
    head = head_of_mail(theme, "#ffd000")
    assert head.startswith('<meta name="color-scheme" content="light dark" />')
    assert "@media (prefers-color-scheme: dark)" in head
    rules = [line for line in head.splitlines() if line.endswith("}") and line.startswith((".", "["))]
    assert rules
    assert all(f".rb-{theme}-ffd000 " in rule for rule in rules)
    assert f".rb-{theme}-ffd000" not in head_of_mail(theme)
