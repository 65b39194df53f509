"""Files of a made-up shop of any size: a catalogue, and orders that repeat, share tastes and follow Zipf's law."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

N_TYPES, N_CATEGORIES, N_DEPARTMENTS, N_STORES = 2_000, 300, 30, 50
TASTES = 6  # types that a shopper buys most of
FAITHFUL = 0.8  # of the lines of an order are of these types
ZIPF = 1.1  # of the items of a type
LINES = 8  # of an order, on average
DAYS = 365
ROWS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Size:
    """How large a shop is; `rows` are lines of orders."""

    items: int
    shoppers: int
    rows: int


def size_from_environment() -> Size:
    """What ITEMS, SHOPPERS and ROWS say."""
    stated = os.environ.get
    return Size(int(stated("ITEMS", "100_000")), int(stated("SHOPPERS", "100_000")), int(stated("ROWS", "2_000_000")))


def write_catalogue(size: Size, folder: Path) -> Path:
    """Write catalogue.parquet: item r is of type r % N_TYPES, so that low numbers are what is bought most."""
    row = pl.int_range(size.items, eager=True)
    kind = row % min(N_TYPES, size.items)
    frame = pl.DataFrame(
        {
            "item_id": "i" + row.cast(pl.String), "title": "Item " + row.cast(pl.String),
            "price": 99 + row * 37 % 2_000,
            "currency": pl.Series(["EUR"]).new_from_index(0, size.items),
            "department": "department " + (kind % N_DEPARTMENTS).cast(pl.String),
            "category": "category " + (kind % N_CATEGORIES).cast(pl.String),
            "type": "type " + kind.cast(pl.String), "brand": "brand " + (row % 997).cast(pl.String),
            "image_url": "https://shop.example/" + row.cast(pl.String) + ".jpg",
            "url": "https://shop.example/" + row.cast(pl.String),
            "added_at": pl.Series(["2020-01-01"]).new_from_index(0, size.items),  # so that the artifact has it
        }
    )  # fmt: skip
    file = folder / "catalogue.parquet"
    frame.write_parquet(file)
    return file


def write_consents(size: Size, folder: Path) -> Path:
    """Write consents.parquet: every shopper allows to be known."""
    frame = pl.DataFrame(
        {
            "user_id": "u" + pl.int_range(size.shoppers, eager=True).cast(pl.String),
            "purpose": pl.Series(["personalisation"]).new_from_index(0, size.shoppers),
            "state": pl.Series(["granted"]).new_from_index(0, size.shoppers),
            "occurred_at": pl.Series(["2020-01-01T00:00:00Z"]).new_from_index(0, size.shoppers),
        }
    )
    file = folder / "consents.parquet"
    frame.write_parquet(file)
    return file


def write_orders(size: Size, folder: Path, seed: int = 7) -> Iterator[Path]:
    """Write orders-NN.parquet one by one, each when it is asked for; times end now."""
    rng = np.random.default_rng(seed)
    n_types = min(N_TYPES, size.items)
    tastes = rng.integers(0, n_types, (size.shoppers, TASTES), dtype=np.int32)
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    first_order = 0
    for number, start in enumerate(range(0, size.rows, ROWS_AT_ONCE)):
        n = min(ROWS_AT_ONCE, size.rows - start)
        order = first_order + np.sort(rng.integers(0, max(n // LINES, 1), n))
        line = np.arange(n) - np.searchsorted(order, order)
        # Some shop daily, most now and then: by a log-normal rate.
        of_order = _shopper_of(order - first_order, size.shoppers, rng)
        faithful = rng.random(n) < FAITHFUL
        kind = np.where(faithful, tastes[of_order, rng.integers(0, TASTES, n)], rng.integers(0, n_types, n))
        place = np.minimum(rng.zipf(ZIPF, n) - 1, (size.items - 1 - kind) // n_types)
        seconds = rng.integers(0, DAYS * 86_400, int(order[-1]) - first_order + 1)[order - first_order]
        file = folder / f"orders-{number:02}.parquet"
        _lines(order, line, of_order, kind + place * n_types, end, seconds).write_parquet(file)
        first_order = int(order[-1]) + 1
        yield file


def _shopper_of(order: np.ndarray, n_shoppers: int, rng: np.random.Generator) -> np.ndarray:
    """The shopper of each line, by the order that it belongs to."""
    # The inverse of a Pareto distribution: a fifth of the shoppers place about half of the orders.
    drawn = (rng.random(int(order[-1]) + 1) ** 1.7 * n_shoppers).astype(np.int64)
    return drawn[order]


def _lines(
    order: np.ndarray, line: np.ndarray, shopper: np.ndarray, item: np.ndarray, end: datetime, seconds: np.ndarray
) -> pl.DataFrame:
    names = pl.Series("order", order).cast(pl.String)
    return pl.DataFrame(
        {
            "event_id": "o" + names, "line": line,
            "event": pl.Series(["Order Completed"]).new_from_index(0, len(order)),
            "order_id": "o" + names, "user_id": "u" + pl.Series(shopper).cast(pl.String),
            "item_id": "i" + pl.Series(item).cast(pl.String),
            "store_id": "s" + pl.Series(shopper % N_STORES).cast(pl.String),
            "occurred_at": int(end.timestamp()) - seconds,
        }
    ).with_columns(pl.from_epoch("occurred_at").dt.replace_time_zone("UTC"))  # fmt: skip
