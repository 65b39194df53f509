"""What a block of an email is: what was asked for, what it shows, and what came of it."""

from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

MOST_COLUMNS = 3
MOST_ITEMS = 12
SMALLEST_BUDGET = 4_096
LARGEST_BUDGET = 90_000  # Gmail clips a message near 102 KB
DEFAULT_BUDGET = 32_768

ThemeName = Literal["plain", "cards", "magazine"]


class Images(StrEnum):
    """Which pictures a block has: the catalogue's, ours drawn when the mail is opened, or none."""

    CATALOGUE = "catalogue"
    OPEN_TIME = "open_time"
    NONE = "none"


class LeftOut(StrEnum):
    """Why an item that was decided on is not shown."""

    NO_LINK = "no_link"  # not an absolute http(s) address
    NO_IMAGE = "no_image"
    NO_PRICE = "no_price"
    NO_TITLE = "no_title"
    BUDGET = "byte_budget"


class Words(Struct, frozen=True):
    """What the mail says in its own language: the link of an item, before an older price, and the link of an offer."""

    view: str = "View"
    before: str = "before"
    redeem: str = "Get the coupon"


class BlockSpec(Struct, frozen=True, kw_only=True):
    """How one block is to be drawn.

    Attributes:
        columns: 1 to MOST_COLUMNS, side by side on a desktop.
        count: items wanted, 1 to MOST_ITEMS; min_items: with fewer the block is empty, 1 to `count`.
        byte_budget: the most bytes of HTML (UTF-8), SMALLEST_BUDGET to LARGEST_BUDGET.
        accent: the shop's colour of buttons and badges as `#rrggbb`; None: the theme's.
        heading: above the items; None: none.
    """

    block_id: str
    columns: int = 2
    count: int = 4
    min_items: int = 1
    theme: ThemeName = "cards"
    byte_budget: int = DEFAULT_BUDGET
    images: Images = Images.CATALOGUE
    accent: str | None = None
    heading: str | None = None
    words: Words = Words()

    def __post_init__(self) -> None:
        if not 1 <= self.columns <= MOST_COLUMNS:
            raise ValueError(f"columns must be 1 to {MOST_COLUMNS}, got {self.columns}")
        if not 1 <= self.min_items <= self.count <= MOST_ITEMS:
            raise ValueError(
                f"min_items {self.min_items} and count {self.count} must be 1 to {MOST_ITEMS}, in that order"
            )
        if not SMALLEST_BUDGET <= self.byte_budget <= LARGEST_BUDGET:
            raise ValueError(f"byte_budget must be {SMALLEST_BUDGET} to {LARGEST_BUDGET}, got {self.byte_budget}")


class Price(Struct, frozen=True):
    """An amount in minor units of an ISO 4217 currency."""

    amount: int
    currency: str


class Image(Struct, frozen=True):
    """A picture: its address, its size in the mail in pixels, and what it shows in words."""

    url: str
    width: int
    height: int
    alt: str


class BlockItem(Struct, frozen=True, kw_only=True):
    """What a block shows of one item; all text may be hostile.

    Attributes:
        price: what it costs; None keeps it out of the block. list_price: what it cost before, if that was more.
        url: where its link leads, ready to be clicked (a signed link of ours, or the catalogue's).
        image_url: of the catalogue, or of the picture drawn at open time.
        detail: a second line, as brand and size. badge: a few words on a label, as "-20 %".
    """

    item_id: str
    title: str
    price: Price | None
    url: str | None
    image_url: str | None = None
    list_price: Price | None = None
    detail: str | None = None
    badge: str | None = None


class BlockOffer(Struct, frozen=True, kw_only=True):
    """A coupon that a block points to: what it says, and the link that reserves it."""

    title: str
    url: str
    terms: str | None = None


def open_time_size(columns: int) -> tuple[int, int]:
    """Width and height in the mail, in pixels, of a picture drawn at open time; it is drawn at twice that."""
    return {1: (552, 144), 2: (260, 208), 3: (162, 192)}[columns]


class ShownItem(Struct, frozen=True, kw_only=True):
    """An item as it is shown: cleaned texts and checked addresses."""

    item_id: str
    title: str
    price: Price
    price_text: str
    url: str
    image: Image | None = None
    list_price: Price | None = None
    list_price_text: str | None = None
    detail: str | None = None
    badge: str | None = None


class ShownOffer(Struct, frozen=True, kw_only=True):
    """An offer as it is shown."""

    title: str
    url: str
    terms: str | None


class RenderedBlock(Struct, frozen=True, kw_only=True):
    """A block, ready to be put into a mail; the same input gives the same bytes.

    Attributes:
        empty: too few items are left, or even those are over the budget; then there is no HTML and no text.
        left_out: why an item that was given is not shown, by item id.
        html: a fragment for the middle of a mail; it wants `head_style` of its theme in the head of the mail.
    """

    block_id: str
    theme: ThemeName
    empty: bool
    heading: str | None = None
    items: tuple[ShownItem, ...] = ()
    offer: ShownOffer | None = None
    left_out: dict[str, LeftOut] = field(default_factory=dict[str, LeftOut])
    html: str = ""
    text: str = ""
    html_bytes: int = 0
