"""Which shown item led to which click, addition and order: what was stated first, else the last touch of the person.

Of the touches of one person with one product the last click wins; only what was not clicked can be claimed by a view,
which counts apart. Each conversion is credited once, or to nothing.
"""

from datetime import datetime, timedelta

import polars as pl

from features.definitions import ACCEPTED_LEAD, CLICK_WINDOW, CONVERSION_WINDOW, VIEW_WINDOW
from features.events.schema import EMAIL_LINK_CLICKED, PRODUCT_CLICKED, PRODUCT_VIEWED, RECOMMENDATION_CLICKED
from features.offline.conversions import ADDED, ORDERED, conversions
from features.offline.exposures import shown_items, with_persons, with_products, with_views

STATED, CLICK, VIEW = "stated", "click", "view"  # how a conversion came to be credited, the strongest first
_SHOWN = ("recommendation_id", "position")


def attribute(
    events: pl.LazyFrame, as_of: datetime, *, persons: pl.LazyFrame | None = None, groups: pl.LazyFrame | None = None
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Join what was shown with what came of it, by nothing but what was known at `as_of`.

    Args:
        events: EVENT_COLUMNS, in any order.
        persons: identifiers of one person, as `with_persons` takes them; groups: as `with_products`.

    Returns:
        Shown items, as `shown_items`, plus product str, viewed_at datetime, clicks u32, clicked_at datetime (the first
        click; null: none).
        Conversions, as `conversions` gives them, plus how str (STATED, CLICK, VIEW; null: credited to nothing) and the
        shown item credited with all of its value: credited_to str (a recommendation_id), position i32.
    """
    known = events.filter((pl.col("received_at") <= as_of) & (pl.col("occurred_at") <= as_of + ACCEPTED_LEAD))
    told = with_products(with_persons(known, persons), groups)
    # Cached: several joins read each, and parsing the lists is most of the work.
    shown = with_views(with_products(shown_items(told), groups).cache(), told).cache()
    clicked = _clicks(told, shown).cache()
    counted = clicked.group_by(_SHOWN).agg(clicks=pl.len(), clicked_at=pl.col("clicked_at").min())
    with_clicks = shown.join(counted, on=_SHOWN, how="left").with_columns(pl.col("clicks").fill_null(0))
    return with_clicks, _credited(conversions(told), shown, clicked)


def outcomes(shown: pl.LazyFrame, credited: pl.LazyFrame) -> pl.LazyFrame:
    """One row per shown item with what came of it: what training and reports start from.

    In:  as `attribute` returns them.
    Out: the columns of shown, plus adds, orders, view_adds, view_orders u32 (what was kept at least in part; those
         credited to a view apart), quantity f64, revenue, view_revenue i64 in minor units of currency str (null where
         orders were in several currencies).
    """
    by_view = pl.col("how") == VIEW
    added, ordered = pl.col("kind") == ADDED, (pl.col("kind") == ORDERED) & (pl.col("quantity") > 0)
    one_currency = pl.col("currency").drop_nulls().n_unique() <= 1
    sums = (
        credited.filter(pl.col("how").is_not_null())
        .group_by(recommendation_id="credited_to", position="position")
        .agg(
            adds=(added & ~by_view).sum(),
            view_adds=(added & by_view).sum(),
            orders=(ordered & ~by_view).sum(),
            view_orders=(ordered & by_view).sum(),
            quantity=pl.col("quantity").filter(ordered).sum(),
            revenue=pl.when(one_currency).then(pl.col("value").filter(~by_view).sum()),
            view_revenue=pl.when(one_currency).then(pl.col("value").filter(by_view).sum()),
            currency=pl.when(one_currency).then(pl.col("currency").drop_nulls().first()),
        )
    )
    counts = ("adds", "view_adds", "orders", "view_orders")
    joined = shown.join(sums.with_columns(credited=True), on=_SHOWN, how="left")
    return joined.with_columns(
        pl.col(counts).fill_null(0),
        pl.col("quantity").fill_null(0.0),
        *(pl.when(pl.col("credited")).then(name).otherwise(0).alias(name) for name in ("revenue", "view_revenue")),
    ).drop("credited")


def _clicks(events: pl.LazyFrame, shown: pl.LazyFrame) -> pl.LazyFrame:
    """Clicks with the shown item that they are on: recommendation_id, position, person, product, clicked_at.

    Looking at a product is a click only where it says which recommendation led to it.
    """
    is_click = pl.col("event").is_in([RECOMMENDATION_CLICKED, PRODUCT_CLICKED, EMAIL_LINK_CLICKED])
    stated_view = (pl.col("event") == PRODUCT_VIEWED) & pl.col("recommendation_id").is_not_null()
    clicks = events.filter((is_click | stated_view) & pl.col("product").is_not_null()).select(
        "event_id", "line", "event", "person", "product", "recommendation_id", clicked_at="occurred_at"
    )
    stated = _stated(clicks, shown, "clicked_at", CLICK_WINDOW)
    rest = clicks.filter(pl.col("event") != PRODUCT_VIEWED).join(stated, on=["event_id", "line"], how="anti")
    last = _last_touch(rest, shown, "clicked_at", "shown_at", CLICK_WINDOW)
    columns = ("recommendation_id", "position", "person", "product", "clicked_at")
    return pl.concat([found.select(*columns) for found in (stated, last)])


def _credited(converted: pl.LazyFrame, shown: pl.LazyFrame, clicked: pl.LazyFrame) -> pl.LazyFrame:
    key = ["kind", "conversion_id"]
    stated = _stated(converted, shown, "converted_at", CLICK_WINDOW + CONVERSION_WINDOW)
    rest = converted.join(stated, on=key, how="anti")
    by_click = _last_touch(rest, clicked, "converted_at", "clicked_at", CONVERSION_WINDOW)
    rest = rest.join(by_click, on=key, how="anti")
    by_view = _last_touch(rest, shown, "converted_at", "viewed_at", VIEW_WINDOW)
    found = pl.concat(
        [
            credited.select(*key, credited_to="recommendation_id", position="position", how=pl.lit(how))
            for credited, how in ((stated, STATED), (by_click, CLICK), (by_view, VIEW))
        ]
    )
    return converted.join(found, on=key, how="left")


def _stated(acts: pl.LazyFrame, shown: pl.LazyFrame, moment: str, window: timedelta) -> pl.LazyFrame:
    """The acts whose recommendation_id names a list with the product in it, not longer ago than `window`."""
    # No list shows two items of a product, but items may have become one product since.
    lists = shown.group_by("recommendation_id", "product").agg(pl.col("position").min(), pl.col("shown_at").first())
    in_time = pl.col(moment).is_between(pl.col("shown_at") - ACCEPTED_LEAD, pl.col("shown_at") + pl.lit(window))
    joined = acts.drop_nulls("recommendation_id").join(lists, on=["recommendation_id", "product"])
    return joined.filter(in_time)


def _last_touch(
    acts: pl.LazyFrame, touches: pl.LazyFrame, moment: str, touched: str, window: timedelta
) -> pl.LazyFrame:
    """The acts with the latest touch of the same person and product at most `window` before; the others are left out.

    Of touches at one moment the one of the later list counts, then that of the later slot.
    """
    theirs = touches.drop_nulls(["person", "product", touched]).select("person", "product", touched, *_SHOWN)
    sorted_touches = theirs.sort(touched, *_SHOWN)
    return (
        acts.drop("recommendation_id")
        .drop_nulls(["person", "product"])
        .sort(moment)
        .join_asof(
            sorted_touches, left_on=moment, right_on=touched, by=["person", "product"], tolerance=window,
            check_sortedness=False,
        )
        .drop_nulls("recommendation_id")
    )  # fmt: skip
