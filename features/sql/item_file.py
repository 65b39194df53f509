"""Rows of a catalogue file, from text to facts; a row that does not fit gets the reason."""

from collections.abc import Iterator, Mapping

import polars as pl

from features.import_file import REASON, ROW
from recommender.money import MINOR_DIGITS

# Longest text of each column.
TEXTS = {
    "item_id": 200,
    "group_id": 200,
    "title": 500,
    "department": 200,
    "category": 200,
    "type": 200,
    "brand": 200,
    "manufacturer": 200,
    "size": 100,
    "url": 2000,
    "image_url": 2000,
}
REQUIRED = ("item_id", "title", "currency")
COLUMNS = (*TEXTS, "price", "currency", "stock", "hidden", "min_age", "added_at", "margin")
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")
PRICE = r"^(\d{1,12})(?:\.(\d+))?$"  # in units of the currency
WHOLE = r"^(\d{1,12})(?:\.0+)?$"
SHARE = r"^(-?\d{1,2}(?:\.\d{1,17})?)$"
OLDEST = 150


def parse_items(rows: pl.DataFrame) -> pl.DataFrame:
    """Check and convert all rows.

    In:  the columns of COLUMNS that the file has, str; `row`; where a row could not even be read, `reason`.
    Out: `row`, `reason` (null: the row fits), texts and currency as they were, price i64 in minor units, stock i64,
        min_age i64, hidden bool, added_day f64, margin f64; columns that the file lacks stay away.
    """
    has = set(rows.columns)
    checks = [check for name, check in _checks() if name in has]
    earlier = [pl.col(REASON)] if REASON in has else []
    converted = {fact: expression for fact, (name, expression) in _conversions().items() if name in has}
    kept = [name for name in (*TEXTS, "currency") if name in has]
    return rows.select(ROW, pl.coalesce(*earlier, *checks).alias(REASON), *kept, **converted)


def _conversions() -> Mapping[str, tuple[str, pl.Expr]]:
    """For each fact that is not text: the column that it comes from, and its value; null if that does not fit."""
    at = pl.col("added_at").str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    date = pl.col("added_at").str.to_datetime("%Y-%m-%d", time_unit="us", time_zone="UTC", strict=False)
    margin = pl.col("margin").str.extract(SHARE).cast(pl.Float64, strict=False)
    return {
        "price": ("price", _minor_units()),
        "stock": ("stock", pl.col("stock").str.extract(WHOLE).cast(pl.Int64)),
        "min_age": ("min_age", pl.col("min_age").str.extract(WHOLE).cast(pl.Int64)),
        "hidden": ("hidden", pl.col("hidden").str.to_lowercase().is_in(TRUE)),
        "added_day": ("added_at", pl.coalesce(at, date).dt.epoch("us") / 86_400e6),
        "margin": ("margin", pl.when(margin.is_between(-1, 1)).then(margin)),
    }


def _minor_units() -> pl.Expr:
    digits = _digits()
    whole = pl.col("price").str.extract(PRICE, 1).cast(pl.Int64)
    fraction = pl.col("price").str.extract(PRICE, 2).fill_null("").str.strip_chars_end("0").str.pad_end(3, "0")
    fits = fraction.str.len_chars() == 3  # no currency has more decimals
    fraction = pl.when(fits).then(fraction).cast(pl.Int64)
    return pl.when(fraction % _ten_to(3 - digits) == 0).then(whole * _ten_to(digits) + fraction // _ten_to(3 - digits))


def _digits() -> pl.Expr:
    return pl.col("currency").replace_strict(MINOR_DIGITS, default=2, return_dtype=pl.Int64)


def _ten_to(digits: pl.Expr) -> pl.Expr:
    return pl.lit(10, dtype=pl.Int64).pow(digits).cast(pl.Int64)


def _checks() -> Iterator[tuple[str, pl.Expr]]:
    """Per column, an expression that is the reason where a row does not fit, else null."""
    for name in (*REQUIRED, "added_at"):
        yield name, _reason(pl.col(name).is_null(), f"{name}: missing")
    for name, longest in TEXTS.items():
        yield name, _reason(pl.col(name).str.len_chars() > longest, f"{name}: longer than {longest} characters")
        yield name, _reason(pl.col(name).str.contains("\0", literal=True), f"{name}: has a NUL character")
    yield "item_id", _reason(~pl.col("item_id").is_first_distinct(), "item_id: an earlier row has the same")
    yield "currency", _reason(~pl.col("currency").str.contains("^[A-Z]{3}$"), "currency: not an ISO 4217 code")
    yield "hidden", _reason(~pl.col("hidden").str.to_lowercase().is_in([*TRUE, *FALSE]), "hidden: not true or false")
    forms = {
        "price": "not an amount of its currency, such as 1.99",
        "stock": "not a whole number of 0 or more",
        "min_age": "not a whole number of years",
        "margin": "not a share of the price from -1 to 1, such as 0.35",
        "added_day": "not a time such as 2026-05-31T12:00:00Z, nor a date",
    }
    for fact, form in forms.items():
        name, value = _conversions()[fact]
        yield name, _reason(pl.col(name).is_not_null() & value.is_null(), f"{name}: {form}")
    yield "min_age", _reason(_conversions()["min_age"][1] > OLDEST, f"min_age: above {OLDEST}")


def _reason(wrong: pl.Expr, text: str) -> pl.Expr:
    return pl.when(wrong).then(pl.lit(text))
