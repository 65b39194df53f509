"""The page that shows how blocks look in every theme: plain HTML, with the mails in frames that may do nothing."""

from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field

from recommender.catalogue import CatalogueItem
from recommender.email.addresses import web_address
from recommender.email.blocks import (
    DEFAULT_BUDGET,
    MOST_COLUMNS,
    MOST_ITEMS,
    BlockItem,
    BlockOffer,
    BlockSpec,
    Images,
    ThemeName,
    open_time_size,
)
from recommender.email.looks import LOOKS
from recommender.email.render import render
from recommender.email.texts import price_text
from recommender.email.themes import THEMES, head_of_mail
from serving.email.messages import block_item
from serving.email.pictures import Shown, draw

DESKTOP, TELEPHONE = 600, 375  # pixels
VIEWS = (
    ("Desktop", DESKTOP, "day"), ("Telephone", TELEPHONE, "day"),
    ("Desktop in the dark", DESKTOP, "night"), ("Telephone in the dark", TELEPHONE, "night"),
)  # fmt: skip
DARK = "(prefers-color-scheme: dark)"
NOWHERE = "https://shop.invalid/"  # no host ever has this name (RFC 2606)
GREY = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#e4e4e4" d="M0 0h9v9H0z"/>'
    '<path fill="#b4b4b4" d="M3.5 1.5h2v1l.5 1v4H3v-4l.5-1z"/></svg>'
)
OFFER = BlockOffer(title="An offer, in the words of its campaign", url=NOWHERE, terms="With its terms, if it has any.")


class Wanted(BaseModel):
    """What the page is to show; all of it can be chosen on the page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    theme: Literal["all", "plain", "cards", "magazine"] = "all"
    columns: int = Field(default=2, ge=1, le=MOST_COLUMNS)
    count: int = Field(default=4, ge=1, le=MOST_ITEMS)
    images: Literal["catalogue", "open_time", "none"] = "catalogue"
    offer: Literal["no", "yes"] = "no"
    heading: str = Field(default="Picked for you", max_length=500)
    accent: str = Field(default="", pattern=r"^(#[0-9a-fA-F]{6})?$", description="Empty: the theme's own.")
    locale: str = Field(
        default="", max_length=35, pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$",
        description="Empty: that of the default market.",
    )  # fmt: skip


class PreviewPage:
    """Renders the page."""

    def __init__(self) -> None:
        here = files("serving.email")
        self._css = Markup((here / "preview.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self._template = environment.from_string((here / "preview.html.j2").read_text(encoding="utf-8"))

    def show(self, wanted: Wanted, items: Sequence[CatalogueItem], locale: str) -> str:
        """The page with these items, at most as many as wanted."""
        is_drawn = wanted.images == "open_time"
        shown = [
            block_item(item, NOWHERE, (not is_drawn and web_address(item.image_url)) or f"{NOWHERE}{place}")
            for place, item in enumerate(items)
        ]
        standing_in = sum(web_address(item.image_url) is None for item in items) if wanted.images == "catalogue" else 0
        themes = THEMES if wanted.theme == "all" else (wanted.theme,)
        return self._template.render(
            css=self._css, standing_in=standing_in, n_items=len(shown), byte_budget=DEFAULT_BUDGET,
            themes=[_theme(wanted, name, shown, locale) for name in themes],
            choices={
                "theme": ("all", *THEMES), "columns": range(1, MOST_COLUMNS + 1), "count": range(1, MOST_ITEMS + 1),
                "images": tuple(map(str, Images)), "offer": ("no", "yes"),
            },
            hints={"heading": "", "accent": "#0b6e4f", "locale": locale}, wanted=wanted.model_dump(),
        )  # fmt: skip


def _theme(wanted: Wanted, name: ThemeName, items: Sequence[BlockItem], locale: str) -> dict[str, object]:
    """What the page tells of one theme."""
    accent = wanted.accent or None
    spec = BlockSpec(
        block_id="preview", theme=name, columns=wanted.columns, count=wanted.count, images=Images(wanted.images),
        accent=accent, heading=wanted.heading,
    )  # fmt: skip
    block = render(spec, items, OFFER if wanted.offer == "yes" else None, locale)
    html = block.html
    for item in items:
        if item.image_url and item.image_url.startswith(NOWHERE):
            html = html.replace(f'src="{item.image_url}"', f'src="{_picture(item, spec, locale)}"')
    head = head_of_mail(name, accent)
    mails = {time: _mail(head, html, time) for time in ("day", "night")}
    return {
        "name": name, "empty": block.empty, "html_bytes": block.html_bytes, "text": block.text,
        "views": [(title, width, mails[time]) for title, width, time in VIEWS],
    }  # fmt: skip


def _picture(item: BlockItem, spec: BlockSpec, locale: str) -> str:
    """What stands in for the picture of an item: what would be drawn at open time, else a grey one."""
    if spec.images is not Images.OPEN_TIME or item.price is None:
        return f"data:image/svg+xml,{quote(GREY)}"
    price, accent = price_text(item.price, locale), spec.accent or LOOKS[spec.theme].accent
    drawn = draw(Shown(*open_time_size(spec.columns), item.title, item.detail or "", price, accent))
    return f"data:image/png;base64,{b64encode(drawn).decode()}"


def _mail(head: str, html: str, time: str) -> str:
    """A whole mail that looks as it does by day, or at night, whatever the reader's own machine prefers."""
    head = head.replace(DARK, "all" if time == "night" else "not all")
    head = head.replace("light dark", "dark" if time == "night" else "light")
    return f'<!doctype html><html><head><meta charset="utf-8">{head}</head><body style="margin:0">{html}</body></html>'
