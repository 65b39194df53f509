"""Dated facts of The Complete Journey: prices, assortments, and displays, each read as of a moment."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import polars as pl

# The data set's first week is the one whose last day is Sunday, 1 January 2017; its own code book names the letters
# (0 is neither).
_FIRST_WEEK = date(2016, 12, 26)
DISPLAYS = {
    "1": "store front", "2": "store rear", "3": "front end cap", "4": "mid-aisle end cap",
    "5": "rear end cap", "6": "side-aisle end cap", "7": "in aisle", "9": "secondary location", "A": "in shelf",
}  # fmt: skip
MAILERS = {
    "A": "interior page feature", "C": "interior page line item", "D": "front page feature",
    "F": "back page feature", "H": "wrap front feature", "J": "wrap interior coupon", "L": "wrap back feature",
    "P": "interior page coupon", "X": "free on interior page", "Z": "free on front, back or wrap page",
}  # fmt: skip


def price_changes(lines: pl.DataFrame) -> pl.DataFrame:
    """Shelf prices, a row wherever one changes.

    In: lines of `read_lines`.
    Out: item_id str; store_id str, null: the chain (the day's median over its stores), else the last of the day;
        valid_from datetime[us, UTC]; price i64 in cents, per unit; by the numbers of item and store, then time.
    """
    by_number = lines.lazy().select(
        pl.col("item_id", "store_id").cast(pl.Int64), "price", valid_from=pl.col("occurred_at").dt.truncate("1d")
    )
    of_stores = by_number.group_by("item_id", "store_id", "valid_from").agg(pl.col("price").last())
    of_chain = by_number.group_by("item_id", "valid_from").agg(pl.col("price").median().round().cast(pl.Int64))
    prices = pl.concat([of_stores, of_chain], how="diagonal").sort("item_id", "store_id", "valid_from")
    is_same_series = pl.col("item_id").eq(pl.col("item_id").shift()) & pl.col("store_id").eq_missing(
        pl.col("store_id").shift()
    )
    changed = ~is_same_series.fill_null(value=False) | (pl.col("price") != pl.col("price").shift())
    kept = prices.filter(changed).select(pl.col("item_id", "store_id").cast(pl.String), "valid_from", "price")
    return kept.collect()


def assortment(lines: pl.DataFrame) -> pl.DataFrame:
    """Which store sold what, and from when to when; that it did not sell something does not mean it was out of stock.

    Out: item_id, store_id str; first_sold_at, last_sold_at datetime[us, UTC]; by item and store.
    """
    return (
        lines.group_by("item_id", "store_id")
        .agg(first_sold_at=pl.col("occurred_at").min(), last_sold_at=pl.col("occurred_at").max())
        .sort("item_id", "store_id")
    )


def displays(promotions: pl.LazyFrame, shift: timedelta) -> pl.LazyFrame:
    """What stood where in a store, and what the week's mailer showed.

    Out: store_id, item_id str; week_start date, a Monday, shifted; display, mailer: a word of DISPLAYS and MAILERS,
        null for neither. In the order of the data set.
    """
    week_start = pl.lit(_FIRST_WEEK + shift) + pl.duration(weeks=pl.col("week") - 1)
    return promotions.select(
        pl.col("store_id").cast(pl.String),
        item_id=pl.col("product_id").cast(pl.String),
        week_start=week_start.cast(pl.Date),
        display=_word("display_location", DISPLAYS),
        mailer=_word("mailer_location", MAILERS),
    )


def write_facts(folder: Path, lines: pl.DataFrame, promotions: pl.LazyFrame, shift: timedelta) -> None:
    """Write prices.parquet, assortment.parquet and displays.parquet, streaming: the last has 21 million rows."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "prices.parquet", price_changes(lines).lazy())
    _replace(folder / "assortment.parquet", assortment(lines).lazy())
    _replace(folder / "displays.parquet", displays(promotions, shift))


def _replace(file: Path, rows: pl.LazyFrame) -> None:
    beside = file.with_suffix(".partial")
    rows.sink_parquet(beside, compression="zstd", compression_level=1)
    beside.replace(file)


def _word(column: str, words: Mapping[str, str]) -> pl.Expr:
    """The words of a column of letters, null for other letters; by codes, which is twice as fast as by text."""
    letters = pl.col(column).cast(pl.Enum(list(words)), strict=False)
    return letters.to_physical().cat.to(pl.Enum(list(words.values())))
