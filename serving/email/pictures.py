"""Draws what a mail shows of an item at the moment it is opened: a PNG, twice as large as it stands in the mail."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from recommender.email.looks import text_on

DENSITY = 2
GROUND, INK, MUTED = "#ffffff", "#1f2328", "#6a737d"
COLOURS = 32  # of the palette: few kilobytes, and nobody sees it
LARGEST_TITLE = 3  # lines
LONGEST_TEXT = 200  # characters: more do not fit


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn.

    Attributes:
        width, height: in the mail, in pixels.
        price: as it is written; "": it cannot be bought now.
        accent: `#rrggbb`.
    """

    width: int
    height: int
    title: str
    detail: str
    price: str
    accent: str


@lru_cache(512)
def draw(shown: Shown) -> bytes:
    """The picture; the same input gives the same bytes. It takes some milliseconds."""
    width, height = shown.width * DENSITY, shown.height * DENSITY
    margin, base = height // 12, min(width // 11, height // 7)
    picture = Image.new("RGB", (width, height), GROUND)
    drawing = ImageDraw.Draw(picture)
    drawing.rectangle((0, 0, margin // 3, height), fill=shown.accent)
    left, top, room = margin, margin, width - 2 * margin
    title = _lines(shown.title, _font("Bold", base), room)
    if len(title) > LARGEST_TITLE:
        title[LARGEST_TITLE - 1] = _lines(f"{title[LARGEST_TITLE - 1]}…", _font("Bold", base), room + base)[0]
    for line in title[:LARGEST_TITLE]:
        drawing.text((left, top), line, font=_font("Bold", base), fill=INK if shown.price else MUTED)
        top += base * 5 // 4
    for line in _lines(shown.detail, _font("Regular", base * 3 // 4), room)[:1]:
        drawing.text((left, top + base // 4), line, font=_font("Regular", base * 3 // 4), fill=MUTED)
    if price := _drawable(shown.price):
        font = _font("Bold", base * 5 // 4)
        tag = drawing.textlength(price, font=font) + 2 * base
        box = (left, height - margin - base * 2, min(left + tag, width - margin), height - margin)
        drawing.rounded_rectangle(box, radius=base // 3, fill=shown.accent)
        middle = (box[0] + base, (box[1] + box[3]) / 2)
        drawing.text(middle, price, font=font, fill=text_on(shown.accent), anchor="lm")
    return _png(picture)


@lru_cache(16)
def neutral(width: int = 260, height: int = 260) -> bytes:
    """A picture that says nothing, in place of one that cannot be drawn."""
    return _png(Image.new("RGB", (width, height), GROUND))


def _png(picture: Image.Image) -> bytes:
    written = BytesIO()
    picture.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(written, "PNG")
    return written.getvalue()


def _lines(text: str, font: ImageFont.FreeTypeFont, room: int) -> list[str]:
    """The text in lines that fit into `room` pixels; a word that is longer is cut, and so is the text."""
    lines: list[str] = []
    for word in _drawable(text[:LONGEST_TEXT]).split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
            continue
        if font.getlength(word) > room:
            n_fitting = bisect_right(range(1, len(word)), room, key=lambda n: font.getlength(word[:n]))
            word = word[: max(n_fitting, 1)]
        lines.append(word)
    return lines


@lru_cache(16_384)
def is_drawable(text: str) -> bool:
    """Whether the font has all letters of a text: those of Latin, Greek and Cyrillic."""
    return all(_has(char) for char in text if char.isalnum())


def _drawable(text: str) -> str:
    """The text without what the font cannot draw; its spaces are plain ones."""
    return "".join(" " if char.isspace() else char for char in text if char.isspace() or _has(char))


@lru_cache(4_096)
def _has(char: str) -> bool:
    return char.isprintable() and _glyph(char) != _glyph("\uffff")


def _glyph(char: str) -> bytes:
    picture = Image.new("L", (40, 40))
    ImageDraw.Draw(picture).text((8, 8), char, font=_font("Regular", 20), fill=255)
    return picture.tobytes()


@lru_cache(64)
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    """The font that ships with us: Latin, Greek and Cyrillic; `size` in pixels."""
    return ImageFont.truetype(
        BytesIO(files("font_roboto").joinpath("files", f"Roboto-{weight}.ttf").read_bytes()), size
    )
