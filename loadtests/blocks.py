"""Microseconds to draw one block of an email, without deciding or storing it: `python -m loadtests.blocks`.

Every recipient gets four of 2,000 items, drawn by Zipf's law as best sellers are, each with a link of its own.
"""

from time import process_time

import numpy as np
from msgspec import json

from recommender.email.blocks import BlockItem, BlockSpec, Images, Price
from recommender.email.render import render
from recommender.email.themes import THEMES

N_ITEMS, N_RECIPIENTS, COUNT = 2_000, 5_000, 4
TOKEN = "x" * 120  # about as long as the token of a link


def measure(spec: BlockSpec, n_recipients: int = N_RECIPIENTS) -> tuple[float, int, int]:
    """Processor microseconds a block, of one core; bytes of its HTML on average; bytes as it is stored on average."""
    rng = np.random.default_rng(7)
    drawn = np.minimum(rng.zipf(1.2, (n_recipients, COUNT)) - 1, N_ITEMS - 1).tolist()
    orders = [
        [_item(number, f"{recipient}-{place}") for place, number in enumerate(numbers)]
        for recipient, numbers in enumerate(drawn)
    ]
    render(spec, orders[0], None, "en")  # makes the template
    html = stored = 0
    started = process_time()
    for items in orders:
        block = render(spec, items, None, "en")
        html += block.html_bytes
        stored += len(json.encode(block))
    seconds = process_time() - started
    return 1e6 * seconds / n_recipients, html // n_recipients, stored // n_recipients


def _item(number: int, link: str) -> BlockItem:
    before = Price(500 + number, "USD") if number % 3 == 0 else None
    return BlockItem(
        item_id=str(number), title=f"Item {number}, with a name of the usual length", price=Price(399 + number, "USD"),
        list_price=before, url=f"https://shop.example/e/c/{TOKEN}{link}", image_url=f"https://img.example/{number}.jpg",
        detail=f"Brand {number % 50} · 12 oz",
    )  # fmt: skip


def main() -> None:
    """Print a line a theme."""
    for theme in THEMES:
        for images in (Images.CATALOGUE, Images.OPEN_TIME):
            microseconds, html, stored = measure(
                BlockSpec(block_id="top", theme=theme, images=images, heading="For you")
            )
            print(
                f"{theme:<9} {images:<10} {microseconds:6.0f} us a block  {html:6d} bytes HTML  {stored:6d} bytes kept"
            )


if __name__ == "__main__":
    main()
