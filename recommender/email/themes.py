"""Themes: their templates, made once with every style inside the tags, and what they want in the head of a mail.

A template is drawn in two steps. `[[ ]]` and `[% %]` are filled in when it is made, with the theme's sizes and colours;
css-inline then writes the style sheet into the tags; what stands in `<!--{% %}-->` and `{{ }}` is left for each mail.
"""

import re
from functools import lru_cache
from math import ceil
from typing import NamedTuple, get_args

from css_inline import inline_fragment
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from recommender.email.blocks import Images, ThemeName, open_time_size
from recommender.email.looks import LOOKS, Look, is_colour, readable_on, text_on

THEMES: tuple[ThemeName, ...] = get_args(ThemeName)
WIDTH = 600  # pixels, of a mail on a desktop
GUTTER = 8  # pixels on each side of an item, and of all items
NARROWEST = 150  # pixels; two items stand side by side on a telephone
TITLE_HEIGHT = {1: 0, 2: 48, 3: 68}  # pixels, by columns: so that prices stand on one line


class Style(NamedTuple):
    """What a block's templates are made for."""

    theme: ThemeName
    columns: int
    images: Images
    accent: str | None


class Templates(NamedTuple):
    """What is drawn of a block: what stands around, the large first item, any other item."""

    block: Template
    lead: Template
    item: Template


@lru_cache(maxsize=128)
def templates(style: Style) -> Templates:
    """The templates of a block, which `html_of` fills.

    Raises:
        ValueError: the accent is not a colour like `#0b6e4f`.
    """
    theme = style.theme
    drawn = _words(theme, style.accent) | _sizes(theme, style.columns, style.images)
    css = "".join(_drawing().get_template(name).render(drawn) for name in ("block.css", f"{theme}.css"))
    html = (_drawing().get_template(f"{name}.html").render(drawn) for name in Templates._fields)
    return Templates(*(_filling().from_string(_inlined(part, css)) for part in html))


@lru_cache(maxsize=64)
def head_of_mail(theme: ThemeName, accent: str | None = None) -> str:
    """What the mail wants in its `<head>`, once for all blocks of the theme: telephones, and colours by night.

    Without it a block is whole: then it has the colours of the day, and three columns become two by width alone.
    """
    head = _drawing().get_template("head.html").render(_words(theme, accent))
    return re.sub(r"\s*\n\s*", "\n", head)


def picture_size(theme: ThemeName, columns: int, images: Images, *, is_lead: bool = False) -> tuple[int, int]:
    """Width and height of a picture in the mail, in pixels."""
    if images is Images.OPEN_TIME:
        return open_time_size(columns)
    look = LOOKS[theme]
    side = _cell(2) if is_lead else look.side if columns == 1 else _cell(columns) - 2 * look.padding
    return side, side


def has_lead(theme: ThemeName, images: Images) -> bool:
    """Whether the first item stands large above the others."""
    return LOOKS[theme].has_lead and images is Images.CATALOGUE


@lru_cache(maxsize=1)
def _drawing() -> Environment:
    """For the first step; without autoescape: in it there are only files of ours and checked colours."""
    return Environment(
        loader=PackageLoader("recommender.email", "themes"), undefined=StrictUndefined, autoescape=False,  # noqa: S701 - see above
        variable_start_string="[[", variable_end_string="]]", block_start_string="[%", block_end_string="%]",
        comment_start_string="[#", comment_end_string="#]",
    )  # fmt: skip


@lru_cache(maxsize=1)
def _filling() -> Environment:
    """For the second step."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.globals.clear()  # the templates call nothing, and Jinja would copy what they could for each mail
    return environment


def _cell(columns: int) -> int:
    """Pixels inside a column."""
    return (WIDTH - 2 * GUTTER) // columns - 2 * GUTTER


def _side_share(look: Look) -> int:
    """Percent of the width of an item that its picture takes beside the words."""
    return ceil(100 * (look.side + 2 * look.padding) / _cell(1))


def _words(theme: ThemeName, accent: str | None) -> dict[str, object]:
    """Names and colours."""
    if accent is not None and not is_colour(accent):
        raise ValueError(f"an accent is a colour like #0b6e4f, got {accent[:20]!r}")
    look = LOOKS[theme]
    colour = accent or look.accent
    by_night = readable_on(look.dark.card, colour)
    return {
        "name": theme if accent is None else f"{theme}-{accent[1:]}", "look": look, "width": WIDTH,
        "accent": colour, "on_accent": text_on(colour), "accent_text": readable_on(look.light.card, colour),
        "accent_on_offer": readable_on(text_on(colour), colour),
        "dark_accent": by_night, "on_dark_accent": text_on(by_night),
    }  # fmt: skip


def _sizes(theme: ThemeName, columns: int, images: Images) -> dict[str, object]:
    is_told = images is not Images.OPEN_TIME
    return {
        "columns": columns, "has_images": images is not Images.NONE, "is_told": is_told,
        "has_lead": has_lead(theme, images), "is_row": columns == 1 and is_told,
        "cell": _cell(columns) + 2 * GUTTER, "half": _cell(2) + 2 * GUTTER, "share": round(100 / columns, 2),
        "narrowest": NARROWEST, "side_share": _side_share(LOOKS[theme]), "title_height": TITLE_HEIGHT[columns],
        "size": picture_size(theme, columns, images),
        "lead_size": picture_size(theme, columns, images, is_lead=True),
        "align": ' align="center"' if LOOKS[theme].is_centred else "",
    }  # fmt: skip


def _inlined(html: str, css: str) -> str:
    """The template with its styles inside the tags: XHTML, which is read the same as HTML, without idle spaces."""
    html = inline_fragment(re.sub(r"\s*\n\s*", "", html), css, minify_css=True)
    html = re.sub(r"<!--(\{%.*?%\})-->", r"\1", html)  # what was a comment to css-inline is a tag of Jinja
    html = re.sub(r"<(img|br)\b([^>]*?)\s*/?>", r"<\1\2 />", html)
    return html.replace("&nbsp;", "&#160;")
