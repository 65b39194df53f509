"""Sessions and carts at any past moment, computed from item events: the offline twin of `features.shopper`."""

from datetime import datetime

import polars as pl

from features.definitions import CART_KINDS, CART_WINDOW, SESSION_KINDS, SESSION_PAUSE, TAKES_BACK
from recommender.shopper import EventKind


def sessions_at(touches: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Items of the session that each user has at `now`; nobody whose last event is too long ago.

    In:  user_id str, item_row i32, kind u8, occurred_at datetime up to `now`; any order.
    Out: user_id, item_rows list[i32]: viewed or added in the session, newest first, no repeats.
    """
    touches = touches.filter(~pl.col("kind").is_in([int(kind) for kind in TAKES_BACK]))
    later = pl.col("occurred_at").shift(1, fill_value=now).over("user_id")
    session_over = ((later - pl.col("occurred_at")) > SESSION_PAUSE).cum_max().over("user_id")
    running = _newest_first(touches).filter(~session_over)
    return _item_rows(running.filter(pl.col("kind").is_in([int(kind) for kind in SESSION_KINDS])))


def carts_at(touches: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Items in the cart of each user at `now`: added lately, and not removed or ordered since.

    In and out: as of `sessions_at`.
    """
    deciding = pl.col("kind").is_in([int(kind) for kind in CART_KINDS]) & (pl.col("occurred_at") >= now - CART_WINDOW)
    latest = _newest_first(touches.filter(deciding)).unique(["user_id", "item_row"], keep="first", maintain_order=True)
    return _item_rows(latest.filter(pl.col("kind") == int(EventKind.ADDED)))


def _newest_first(touches: pl.LazyFrame) -> pl.LazyFrame:
    """Of events at the same moment, the higher kind is the later: an order comes after an addition."""
    return touches.sort("user_id", "occurred_at", "kind", descending=[False, True, True], maintain_order=True)


def _item_rows(touches: pl.LazyFrame) -> pl.LazyFrame:
    rows = pl.col("item_row").unique(maintain_order=True)
    return touches.group_by("user_id", maintain_order=True).agg(item_rows=rows)
