"""What shoppers did with items and where they were, out of the event log, as live state sees it."""

from datetime import datetime

import polars as pl

from features.definitions import STORE_WINDOW, TAKES_BACK, ZONE_WINDOW
from features.events.schema import ORDER_COMPLETED
from features.offline.purchases import read_purchases
from features.online.live_entries import IN_STORE_LOCATION, LIVE_KINDS, ZONE_KINDS
from features.online.live_events import PlaceKind


def read_touches(events: pl.LazyFrame) -> pl.LazyFrame:
    """Events of known users on items, without orders that were taken back and without what took them back.

    In:  the columns of EVENT_COLUMNS, up to the moment in question; any order.
    Out: user_id str, item_id str, kind u8 (EventKind), occurred_at datetime; in no order.
    """
    kinds = {event: int(kind) for event, kind in LIVE_KINDS.items() if kind not in TAKES_BACK}
    back = read_purchases(events).filter(pl.col("taken_back_day").is_finite())
    return (
        events.filter(pl.col("user_id").is_not_null(), pl.col("item_id").is_not_null(), pl.col("event").is_in(kinds))
        .with_columns(
            kind=pl.col("event").replace_strict(kinds, return_dtype=pl.UInt8),
            order_id=pl.when(pl.col("event") == ORDER_COMPLETED).then(pl.coalesce("order_id", "event_id")),
        )
        .join(back, on=["user_id", "order_id", "item_id"], how="anti")
        .select("user_id", "item_id", "kind", "occurred_at")
    )


def places_at(events: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Where each user is at `now`: the store of the latest order or zone, and the zone entered and not left since.

    In:  the columns of EVENT_COLUMNS, up to `now`; any order.
    Out: user_id str, store_id str, zone_id str; null where not known of late.
    """
    in_zones = pl.col("event").is_in(list(ZONE_KINDS)) & pl.col("consent").list.contains(IN_STORE_LOCATION)
    seen = events.filter(in_zones | (pl.col("event") == ORDER_COMPLETED))
    stores = _latest(seen.filter(pl.col("store_id").is_not_null()), "store_id")
    zones = seen.filter(pl.col("zone_id").is_not_null(), pl.col("event") != ORDER_COMPLETED)
    left = [event for event, kind in ZONE_KINDS.items() if kind == PlaceKind.LEFT_ZONE]
    entered = _latest(zones.filter(~pl.col("event").is_in(left)), "zone_id")
    exits = _latest(zones.filter(pl.col("event").is_in(left)), "zone_id").rename(
        {"zone_id": "left_id", "occurred_at": "left_at"}
    )
    was_left = (pl.col("left_id") == pl.col("zone_id")) & (pl.col("left_at") >= pl.col("occurred_at"))
    still = entered.join(exits, on="user_id", how="left").filter(
        ~was_left.fill_null(value=False), pl.col("occurred_at") >= now - ZONE_WINDOW
    )
    recent = stores.filter(pl.col("occurred_at") >= now - STORE_WINDOW).select("user_id", "store_id")
    return recent.join(still.select("user_id", "zone_id"), on="user_id", how="full", coalesce=True)


def _latest(events: pl.LazyFrame, place: str) -> pl.LazyFrame:
    """Each user's latest event that names the place; of two at the same moment, the place of the larger id."""
    return (
        events.sort("user_id", "occurred_at", pl.col(place).cast(pl.Binary))
        .unique("user_id", keep="last", maintain_order=True)
        .select("user_id", place, "occurred_at")
    )
