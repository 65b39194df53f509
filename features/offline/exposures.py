"""What was shown: one row per item of each served list, and when it came into view."""

import polars as pl

from features.definitions import ACCEPTED_LEAD, CLICK_WINDOW
from features.events.schema import RECOMMENDATION_SERVED, RECOMMENDATION_VIEWED

JOINABLE = ("personalisation", "analytics")  # with neither of these purposes, an event is joined to no person

_LIST = pl.Struct(
    {
        "placement": pl.String(),
        "item_ids": pl.List(pl.String()),
        "sources": pl.List(pl.String()),
        "context_item_id": pl.String(),
        "fallback": pl.String(),
        "personalised": pl.Boolean(),
        "propensities": pl.List(pl.Float64()),
    }
)


def shown_items(events: pl.LazyFrame) -> pl.LazyFrame:
    """One row per item of each served list.

    In:  EVENT_COLUMNS with `person`, as `with_persons` adds it; any order.
    Out: recommendation_id str, position i32 (from 1), item_id str, source str, placement str,
         context_item_id str, fallback str, personalised bool, person str, store_id str, policy str, experiment str,
         variant str, propensity f64 (of the item in its place), shown_at datetime. Unique by (recommendation_id,
         position); in no order.
    """
    # Ours alone carry their own id twice: a client may send an event of this name, with anything in it.
    is_ours = (pl.col("event") == RECOMMENDATION_SERVED) & (pl.col("event_id") == pl.col("recommendation_id"))
    served = events.filter(is_ours).unique("recommendation_id", keep="any")
    lists = (
        served.with_columns(pl.col("properties").str.json_decode(_LIST))
        .drop("item_id", "position")
        .unnest("properties")
    )
    length = pl.col("item_ids").list.len()
    return (
        lists.with_columns(
            position=pl.int_ranges(1, length + 1, dtype=pl.Int32),
            propensity=pl.coalesce("propensities", pl.col("propensity").repeat_by(length)),
        )
        .explode("item_ids", "sources", "position", "propensity")
        .drop_nulls("item_ids")
        .select(
            "recommendation_id", "position", pl.col("item_ids").alias("item_id"), pl.col("sources").alias("source"),
            "placement", "context_item_id", "fallback", "personalised", "person", "store_id", "policy", "experiment",
            "variant", "propensity", pl.col("occurred_at").alias("shown_at"),
        )
    )  # fmt: skip


def with_views(shown: pl.LazyFrame, events: pl.LazyFrame) -> pl.LazyFrame:
    """Add when each shown item first came into view; a view that names no item is of the whole list.

    In:  shown: as `shown_items` with `product`. events: EVENT_COLUMNS with `product`.
    Out: the rows of shown, plus viewed_at datetime, null where no client said so.
    """
    views = events.filter(
        (pl.col("event") == RECOMMENDATION_VIEWED) & pl.col("recommendation_id").is_not_null()
    ).select("recommendation_id", "product", moment="occurred_at")
    keys = shown.select("recommendation_id", "position", "product", "shown_at")
    of_item = keys.join(views.drop_nulls("product"), on=["recommendation_id", "product"])
    of_list = keys.join(views.filter(pl.col("product").is_null()).drop("product"), on="recommendation_id")
    first = (
        pl.concat([of_item.drop("product"), of_list.drop("product")])
        .filter(pl.col("moment").is_between(pl.col("shown_at") - ACCEPTED_LEAD, pl.col("shown_at") + CLICK_WINDOW))
        .group_by("recommendation_id", "position")
        .agg(viewed_at=pl.col("moment").min())
    )
    return shown.join(first, on=["recommendation_id", "position"], how="left")


def with_persons(events: pl.LazyFrame, persons: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """Add who did it: the person behind the user id, else behind the anonymous id.

    In:  EVENT_COLUMNS. persons: kind str ("user_id" or "anonymous_id"), value str, person str; unique by (kind, value);
         an identifier that it lacks, or None, is a person of its own.
    Out: the same rows, plus person str; null where nobody is named, or the event's consent allows no joining.
    """
    allowed = pl.col("consent").is_null() | pl.col("consent").list.eval(pl.element().is_in(JOINABLE)).list.any()
    named = events.with_columns(
        kind=pl.when(pl.col("user_id").is_not_null()).then(pl.lit("user_id")).otherwise(pl.lit("anonymous_id")),
        value=pl.when(allowed).then(pl.coalesce("user_id", "anonymous_id")),
    )
    own = pl.concat_str(pl.col("kind"), pl.lit(":"), pl.col("value"))  # null where the value is
    if persons is None:
        return named.with_columns(person=own).drop("kind", "value")
    known = persons.select("kind", "value", pl.concat_str(pl.lit("person:"), "person").alias("person"))
    return (
        named.join(known, on=["kind", "value"], how="left")
        .with_columns(pl.coalesce("person", own))
        .drop("kind", "value")
    )


def with_products(events: pl.LazyFrame, groups: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """Add the product of each row's item, so that whoever is shown a variant and buys another is understood.

    In:  item_id str. groups: item_id str, group_id str, unique by item_id; an item that it lacks is its own product.
    Out: the same rows, plus product str; null where there is no item.
    """
    if groups is None:
        return events.with_columns(product="item_id")
    known = groups.select("item_id", product="group_id")
    return events.join(known, on="item_id", how="left").with_columns(pl.coalesce("product", "item_id"))
