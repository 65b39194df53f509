"""Training data out of files of others: items that are known by their ids alone, and order made into times."""

from collections.abc import Sequence

import polars as pl

from features.events.schema import ORDER_COMPLETED
from recommender.catalogue import Catalogue, CatalogueItem
from recommender.errors import NotEnoughData
from recommender.ids import GroupId, ItemId, ItemNumber
from training.interactions import Interactions
from training.offers.history import REDEMPTIONS, CouponHistory
from training.offers.in_aisle import NO_ISSUES
from training.read import TrainingData

LAST_DAY = 20_000.0  # of all lists in order: their last item, in days since 1970-01-01 UTC
STEP_DAYS = 1.0  # from one item of a list to the next
NO_CURRENCY = "XXX"  # ISO 4217
NEVER = float("inf")


def catalogue_items(item_ids: Sequence[str]) -> list[CatalogueItem]:
    """Items of which nothing but the id is known, in the order given: for sale from the first day on, at no price."""
    return [
        CatalogueItem(
            item_id=ItemId(item_id),
            item_number=ItemNumber(number),
            group_id=GroupId(item_id),
            title=item_id,
            price=0,  # an item without a price is not shown
            currency=NO_CURRENCY,
            added_day=0.0,
        )
        for number, item_id in enumerate(item_ids)
    ]


def catalogue_of(item_ids: Sequence[str]) -> Catalogue:
    """The same as decisions see them: row r is the r-th, visible and in stock."""
    return Catalogue.of(catalogue_items(item_ids), spare=0)


def events_of_lists(lists: pl.DataFrame) -> pl.DataFrame:
    """Order made into times: the last item of each list happens on LAST_DAY, each other STEP_DAYS before the next.

    So "the last item of each list" is one moment for all, and what decays with age decays with the place from the end.

    In:  user_id str, items list[str]. Out: as `files.read_events`; each item an order.
    """
    places = pl.int_range(pl.len()).over("user_id")
    behind = pl.len().over("user_id") - 1 - places
    return (
        lists.select("user_id", item_id="items")
        .explode("item_id")
        .select(
            "user_id",
            "item_id",
            event=pl.lit(ORDER_COMPLETED),
            day=LAST_DAY - STEP_DAYS * behind.cast(pl.Float64),
            quantity=pl.lit(1.0),
            channel=pl.lit(None, dtype=pl.String()),
        )
    )


def as_training_data(events: pl.DataFrame, option: str, item_ids: Sequence[str] | None = None) -> TrainingData:
    """What `fit` and `rehearse` take: all of these users may be learnt from, and there are no coupons.

    Args:
        events: as `files.read_events` gives them, with days throughout. What a user buys at one moment is an order.
        option: what the caller calls the file, for errors.
        item_ids: the catalogue; None: the items of the events.

    Raises:
        NotEnoughData: there is no order among the events.
    """
    catalogue = catalogue_items(events["item_id"].unique().sort().to_list() if item_ids is None else item_ids)
    positions = pl.DataFrame(
        {"item_id": [item.item_id for item in catalogue], "item": range(len(catalogue))},
        schema={"item_id": pl.String(), "item": pl.Int32()},
    )
    events = events.with_columns(_enumerated(events["user_id"]))
    known = events.join(positions, on="item_id", maintain_order="left")
    is_order = pl.col("event") == ORDER_COMPLETED
    purchases = (
        known.filter(is_order)
        .group_by("user_id", "day", "item_id", "item")
        .agg(pl.col("quantity").sum())
        .sort("day", "user_id", "item")
        .select(
            "user_id", pl.col("day").cast(pl.String).alias("order_id"), "item",
            pl.lit(None, dtype=pl.String()).alias("store_id"), "day", "quantity",
            pl.lit(NEVER).alias("taken_back_day"),
        )
    )  # fmt: skip
    if purchases.is_empty():
        remedy = "Leave the column event out: then each row counts as an order."
        raise NotEnoughData(f"Among the events of --{option} there is no order.", remedy=remedy)
    purchases = purchases.with_columns(_enumerated(purchases["order_id"]))
    touches = known.filter(~is_order).select("user_id", "item", "event", "day")
    return TrainingData(
        interactions=Interactions(purchases, touches.sort("day", "user_id", "item", "event"), left_out={}, aliases={}),
        catalogue=catalogue,
        change_number=0,
        consents="",
        coupons=CouponHistory((), pl.DataFrame(schema=REDEMPTIONS), NO_ISSUES, {}),
        prices=None,
    )


def _enumerated(ids: pl.Series) -> pl.Series:
    return ids.cast(pl.Enum(ids.unique().sort()))
