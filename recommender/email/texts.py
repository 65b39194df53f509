"""Untrusted text made fit for a mail: no control characters, nothing that reorders what is near, cut to a length."""

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency

from recommender.email.blocks import Price
from recommender.money import MINOR_DIGITS

ELLIPSIS = "…"
MOST_MARKS = 4  # combining marks on one letter; more are a picture, not a language
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Marks that reorder the text around them, invisible ones, and what is no character: halves of pairs, U+FFFE, U+FFFF.
_BANNED = re.compile("[\u202a-\u202e\u2066-\u2069\u00ad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]")
_RIGHT_TO_LEFT = re.compile(
    r"[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_JOINER, _VIRAMA = "\u200d", 9
_JOINED = 32  # characters that a cut goes back at most, looking for a place between two letters


@lru_cache(maxsize=65_536)
def clean(text: str, most: int) -> str:
    """One line of at most `most` characters, cut between two letters, at a space where one is near.

    Args:
        text: of any length and content.
        most: characters, above 1; what is cut ends in an ellipsis, which counts.
    """
    line = _BANNED.sub("", _BREAKS.sub(" ", text[: 16 * most]))
    line = " ".join(unicodedata.normalize("NFC", line).split())
    line = line if line.isascii() else _with_few_marks(line)
    return line if len(line) <= most else _cut(line, most - 1) + ELLIPSIS


def isolated(text: str) -> str:
    """The text for a place without markup, so that text from right to left moves nothing beside it."""
    return text if text.isascii() or not _RIGHT_TO_LEFT.search(text) else f"\u2068{text}\u2069"


@lru_cache(maxsize=65_536)
def price_text(price: Price, locale: str) -> str:
    """The price as it is written where `locale` (BCP 47) is spoken: `$3.99`, `3,99 €`."""
    amount = Decimal(price.amount).scaleb(-MINOR_DIGITS.get(price.currency, 2))
    return format_currency(amount, price.currency, locale=_locale(locale))


@lru_cache(maxsize=256)
def direction(locale: str) -> str:
    """Whether people who speak it read from left to right, `ltr`, or `rtl`."""
    return _locale(locale).text_direction


@lru_cache(maxsize=256)
def _locale(name: str) -> Locale:
    """The locale, else its language, else English."""
    for tried in (name, name.partition("-")[0]):
        try:
            return Locale.parse(tried, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def _with_few_marks(line: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in line:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _cut(line: str, most: int) -> str:
    space = line.rfind(" ", max(1, most - most // 4), most + 1)
    if space > 0:
        return line[:space].rstrip(" ,;:-")
    at = most
    while at > max(1, most - _JOINED) and _belong_together(line, at):
        at -= 1
    return line[:at].rstrip()


def _belong_together(line: str, at: int) -> bool:
    """Whether the characters before and after `at` make one letter or one emoji."""
    before, after = line[at - 1], line[at]
    if _JOINER in (before, after) or unicodedata.category(after).startswith("M"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones, tags of flags
        return True
    if _is_flag_half(before) and _is_flag_half(after):
        start = at
        while start > 0 and _is_flag_half(line[start - 1]):
            start -= 1
        return (at - start) % 2 == 1
    return unicodedata.combining(before) == _VIRAMA or "\u1160" <= after <= "\u11ff"  # conjuncts; Hangul vowels, finals


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
