"""How themes look: their colours by day and by night, their fonts, and colours that can be read on one another."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from recommender.email.blocks import ThemeName

READABLE = 4.5  # contrast of text, WCAG 2.2, 1.4.3
WHITE, BLACK = "#ffffff", "#000000"  # one of them can be read on any colour
_SANS = "-apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class Palette(Struct, frozen=True):
    """Colours: behind the block, behind an item, of text, of lesser text, of lines."""

    ground: str
    card: str
    text: str
    muted: str
    line: str


class Look(Struct, frozen=True, kw_only=True):
    """What sets a theme apart, beside its style sheet.

    Attributes:
        padding: pixels between the edge of an item and what it shows. side: pixels of the picture beside the words.
        is_centred: else texts begin where lines do, which is right in Arabic.
        has_lead: the first item stands large above the others. has_kicker: the detail stands above the title.
        has_pills: badges are on a coloured ground. has_band: so is the offer, by day and by night.
    """

    light: Palette
    dark: Palette
    accent: str
    font: str
    padding: int
    side: int
    is_centred: bool = False
    has_buttons: bool = False
    has_lead: bool = False
    has_kicker: bool = False
    has_pills: bool = False
    has_band: bool = False


LOOKS: Mapping[ThemeName, Look] = MappingProxyType({
    "plain": Look(
        light=Palette("#ffffff", "#ffffff", "#1f2328", "#59636e", "#d1d9e0"),
        dark=Palette("#15181c", "#15181c", "#e9ecef", "#a8b0ba", "#3b4149"),
        accent="#1a5fb4", font=_SANS, padding=0, side=120,
    ),
    "cards": Look(
        light=Palette("#f4f2ee", "#fefefe", "#23262b", "#636a73", "#e3dfd7"),
        dark=Palette("#17181a", "#232528", "#f0f0ee", "#b3b6ba", "#3d4045"),
        accent="#0b6e4f", font=_SANS, padding=14, side=168, is_centred=True, has_buttons=True, has_pills=True,
    ),
    "magazine": Look(
        light=Palette("#fbf8f3", "#fbf8f3", "#1d1a17", "#6b6058", "#cfc5b8"),
        dark=Palette("#1b1917", "#1b1917", "#f3eee6", "#bdb3a7", "#4a443d"),
        accent="#a4243b", font="Georgia, Times New Roman, serif", padding=0, side=148,
        has_lead=True, has_kicker=True, has_band=True,
    ),
})  # fmt: skip


def is_colour(text: str) -> bool:
    """Whether it is a colour as `#0b6e4f`."""
    return _COLOUR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """How much two colours differ, 1 (the same) to 21. Source: WCAG 2.2, "contrast ratio"."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def text_on(ground: str) -> str:
    """White or black, whichever is read better on `ground`."""
    return max((WHITE, BLACK), key=lambda colour: contrast(colour, ground))


def readable_on(ground: str, colour: str) -> str:
    """`colour`, moved towards white or black until text in it can be read on `ground`."""
    goal = text_on(ground)
    steps = (_mixed(colour, goal, tenths / 10) for tenths in range(11))
    return next((mixed for mixed in steps if contrast(mixed, ground) >= READABLE), goal)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(one: str, other: str, share: float) -> str:
    parts = (round(a + (b - a) * share) for a, b in zip(_parts(one), _parts(other), strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


def _luminance(colour: str) -> float:
    linear = [part / 255 for part in _parts(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in linear)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
