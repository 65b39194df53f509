"""Turns rows of text into events, and says of each row that does not fit what is wrong with it first."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson
import polars as pl

from features.events.schema import (
    EVENT_COLUMNS,
    ITEM_EVENTS,
    ORDER_COMPLETED,
    TAKES_BACK,
    TIME,
)
from recommender.consent import PURPOSES

CHANNELS = ("store", "web", "app", "email", "call_centre")
EARLIEST_AT = datetime(1990, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(minutes=5)  # how far a source's clock may run ahead of ours
MAX_ID = 200  # characters
_MAX_NUMBER = 1e12
_IDS = (
    "event_id", "order_id", "user_id", "anonymous_id", "session_id", "item_id", "unit", "market", "store_id", "zone_id",
    "recommendation_id", "experiment", "variant", "policy",
)  # fmt: skip
_JSON = ("identifiers", "properties")
_TIMES = ("occurred_at", "sent_at", "received_at")


def parse_events(texts: pl.DataFrame, now: datetime) -> tuple[pl.DataFrame, pl.Series]:
    """Parse rows whose values are text, as `read_rows` gives them.

    Args:
        texts: all EVENT_COLUMNS as str, null where nothing is stated.
        now: what happened more than CLOCK_SKEW later cannot be.

    Returns:
        (n, EVENT_COLUMNS) the events, in the same order; where a reason is given, of no meaning.
        (n,) str, the reason for which a row is refused; null: it fits.
    """
    trimmed = texts.with_columns(pl.col(name).str.strip_chars() for name in texts.columns if name not in _JSON)
    stated = trimmed.with_columns(pl.when(pl.col(name) != "").then(pl.col(name)) for name in texts.columns)
    parsed = stated.select(_parsed(name, dtype) for name, dtype in EVENT_COLUMNS.items())
    filled = parsed.with_columns(
        pl.col("line").fill_null(pl.when(stated["line"].is_null()).then(0)),
        pl.col("synthetic").fill_null(pl.when(stated["synthetic"].is_null()).then(pl.lit(value=False))),
        pl.col("received_at").fill_null(pl.when(stated["received_at"].is_null()).then("occurred_at")),
    )
    both = pl.concat([filled, stated.rename(lambda name: f"text_{name}")], how="horizontal")
    problems = (*_malformed(), *_missing(), *_out_of_range(now))
    first = [pl.when(is_wrong.fill_null(value=False)).then(pl.lit(reason)) for is_wrong, reason in problems]
    reasons = both.select(reason=pl.coalesce(first)).to_series()
    return filled, _with_json_reasons(stated, reasons)


def _parsed(name: str, dtype: pl.DataType) -> pl.Expr:
    text = pl.col(name)
    if dtype == pl.String():
        return text
    if dtype == TIME:
        return _instant(text).alias(name)
    if dtype == pl.Boolean():
        return text.str.to_lowercase().replace_strict(
            {"true": True, "1": True, "false": False, "0": False}, default=None, return_dtype=pl.Boolean
        )
    if isinstance(dtype, pl.List):
        return text.str.extract_all("[a-z_]+")
    number = text.cast(pl.Float64, strict=False)
    if dtype == pl.Float64():
        return number
    return pl.when(number == number.round()).then(number).cast(dtype, strict=False).alias(name)


def _instant(text: pl.Expr) -> pl.Expr:
    """RFC 3339, also with a space for the T, without an offset (then UTC), or as a date (then its first moment)."""
    whole = text.str.replace(r"^(\d{4}-\d\d-\d\d)$", "${1}T00:00:00").str.replace(r"^(\d{4}-\d\d-\d\d)[ t]", "${1}T")
    offset = whole.str.replace(r" ?([Zz]|UTC)$", "+00:00").str.replace(r"([+-]\d\d)(\d\d)$", "${1}:${2}")
    has_offset = offset.str.contains(r"T.*[+-]\d\d:\d\d$")
    complete = pl.when(has_offset).then(offset).otherwise(offset + "+00:00")
    return complete.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)


_Problem = tuple[pl.Expr, str]


def _malformed() -> Iterator[_Problem]:
    """What is stated but cannot be read as its type."""
    kinds: dict[pl.DataType, str] = {
        pl.Int32(): "a whole number", pl.Int64(): "a whole number", pl.Float64(): "a number",
        pl.Boolean(): "true or false", TIME: "a time such as 2026-11-21T09:30:00Z",
    }  # fmt: skip
    for name, dtype in EVENT_COLUMNS.items():
        text = pl.col(f"text_{name}")
        if dtype in kinds:
            yield text.is_not_null() & pl.col(name).is_null(), f"{name} is not {kinds[dtype]}"
        yield text.str.contains(r"\x00"), f"{name} contains a NUL character"
        yield text.str.contains("\ufffd", literal=True), f"{name} is not UTF-8"
    for name in _IDS:
        yield pl.col(name).str.contains(r"[\x01-\x1f\x7f]"), f"{name} contains a control character"
        yield pl.col(name).str.len_chars() > MAX_ID, f"{name} is longer than {MAX_ID} characters"
    yield ~pl.col("text_consent").str.contains(r'^[a-z_\[\]",;| ]*$'), "consent is no list of purposes"


def _missing() -> Iterator[_Problem]:
    """What must be stated, depending on the event."""
    for name in ("event_id", "event", "occurred_at"):
        yield pl.col(name).is_null(), f"{name} is missing"
    yield ~pl.col("event").is_in(ITEM_EVENTS), f"event is none of {', '.join(ITEM_EVENTS)}"
    takes_back = pl.col("event").is_in(TAKES_BACK)
    is_of_order = takes_back | (pl.col("event") == ORDER_COMPLETED)
    yield pl.col("item_id").is_null() & ~takes_back, "item_id is missing"
    yield pl.col("order_id").is_null() & is_of_order, "order_id is missing"
    nobody = pl.col("user_id").is_null() & pl.col("anonymous_id").is_null()
    yield nobody & ~takes_back, "user_id and anonymous_id are missing"
    has_money = pl.col("price").is_not_null() | pl.col("discount").is_not_null()
    yield pl.col("currency").is_null() & has_money, "currency is missing"


def _out_of_range(now: datetime) -> Iterator[_Problem]:
    """What is stated and readable, but cannot be."""
    yield pl.col("line") < 0, "line is negative"
    yield ~pl.col("quantity").is_finite() | (pl.col("quantity") <= 0), "quantity is not above 0"
    yield pl.col("quantity") > _MAX_NUMBER, "quantity is too large"
    for name in ("price", "discount"):
        yield pl.col(name) < 0, f"{name} is negative"
        yield pl.col(name) > _MAX_NUMBER, f"{name} is too large"
    yield pl.col("position") < 0, "position is negative"
    is_chance = pl.col("propensity").is_between(0, 1, closed="right")
    yield ~is_chance | pl.col("propensity").is_nan(), "propensity is not above 0 and at most 1"
    yield ~pl.col("currency").str.contains("^[A-Z]{3}$"), "currency is no code of three capitals, such as EUR"
    yield ~pl.col("channel").is_in(CHANNELS), f"channel is none of {', '.join(CHANNELS)}"
    known = pl.col("consent").list.eval(pl.element().is_in(PURPOSES)).list.all()
    yield ~known, f"consent has a purpose that is none of {', '.join(PURPOSES)}"
    for name in _TIMES:
        yield pl.col(name) < EARLIEST_AT, f"{name} is before {EARLIEST_AT:%Y}"
        yield pl.col(name) > now + CLOCK_SKEW, f"{name} is in the future"


def _with_json_reasons(stated: pl.DataFrame, reasons: pl.Series) -> pl.Series:
    """Add the reasons of columns that must be JSON objects; few rows have any, so they are parsed one by one."""
    for name in _JSON:
        wrong = {text for text in stated[name].drop_nulls().unique() if not _is_object(text)}
        if wrong:
            is_wrong = stated[name].is_in(wrong).fill_null(value=False)
            reason = pl.select(pl.when(is_wrong).then(pl.lit(f"{name} is no JSON object"))).to_series()
            reasons = reasons.zip_with(reasons.is_not_null(), reason)
    return reasons


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
