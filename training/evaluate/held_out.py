"""What was bought before the cut, which a recommender may see, and after it, which it is measured on."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.offline.histories import purchases_before
from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.ids import UserId
from training.evaluate.metrics import Relevant


@dataclass(frozen=True, slots=True)
class PastPurchases:
    """Everything bought before the cut: one entry per shopper, order and item.

    Attributes:
        cut_day: days since 1970-01-01 UTC; every `day` is below it.
        n_shoppers: shoppers 0 .. n_shoppers - 1; those who are asked about come first, as in `HeldOut`.
        n_asked: how many shoppers are asked about.
        n_items: item rows are below it.
        shopper, row: (n,) int32.
        day: (n,) float64, days since 1970-01-01 UTC.
        for_sale: (n_items,) True for the items that may be shown at the cut.
    """

    cut_day: float
    n_shoppers: int
    n_asked: int
    n_items: int
    shopper: NDArray[np.int32]
    row: Rows
    day: NDArray[np.float64]
    for_sale: NDArray[np.bool_]

    def of_asked(self) -> "PastPurchases":
        """The same without what the shoppers bought who are not asked about."""
        asked = self.shopper < self.n_asked
        return replace(self, shopper=self.shopper[asked], row=self.row[asked], day=self.day[asked])


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The shoppers who bought anything after the cut, and what.

    Attributes:
        user_ids: of shopper 0, 1, ...
        bought: distinct items bought after the cut, per shopper.
        new: those of them which that shopper had never bought before the cut; may be empty.
    """

    user_ids: tuple[UserId, ...]
    bought: Relevant
    new: Relevant

    def __len__(self) -> int:
        return len(self.user_ids)


def split_purchases(
    purchases: pl.DataFrame,
    row_of_position: Rows,
    catalogue: Catalogue,
    *,
    cut_day: float,
    end_day: float,
    most_shoppers: int,
    seed: int,
) -> tuple[PastPurchases, HeldOut]:
    """Split real purchases at the cut.

    What was bought after the cut counts as right even if nobody could have recommended it: an item that was not there
    at the cut gets a row of its own, `catalogue.n` or above.

    Args:
        purchases: user_id str, item i32 (position in the list of all items), day f64, taken_back_day f64; one row per
            shopper, order and item. What was taken back by the cut is not in the past; what was taken back by `end_day`
            is not held out.
        row_of_position: the row that each position has in `catalogue`, -1: it was not there at the cut.
        catalogue: as of the cut.
        cut_day, end_day: days since 1970-01-01 UTC; held out is what lies in [cut_day, end_day).
        most_shoppers: if more bought something then, so many of them are drawn by `seed`; of the others nothing is held
            out.
    """
    rows = np.where(row_of_position < 0, catalogue.n + np.arange(len(row_of_position)), row_of_position)
    item_row = pl.Series(rows.astype(np.int32)).gather(purchases["item"])
    numbered = purchases.select("user_id", "day", "taken_back_day", item_row=item_row)
    kept = pl.col("taken_back_day") >= end_day
    after = numbered.filter(kept & pl.col("day").is_between(cut_day, end_day, closed="left"))
    asked = after["user_id"].unique().sort()
    if len(asked) > most_shoppers:
        asked = asked.sample(most_shoppers, seed=seed).sort()
        after = after.join(asked.to_frame(), on="user_id", how="semi", maintain_order="left")
    before = purchases_before(numbered.lazy(), cut_day).select("user_id", "item_row", "day").collect()
    users = pl.concat([asked, before["user_id"].unique().sort()]).unique(maintain_order=True)
    numbers = pl.DataFrame({"user_id": users, "shopper": np.arange(len(users), dtype=np.int32)})
    past = before.join(numbers, on="user_id", maintain_order="left")
    pairs = after.join(numbers, on="user_id").select("shopper", "item_row").unique().sort("shopper", "item_row")
    of_asked = past.filter(pl.col("shopper") < len(asked))
    new = pairs.join(of_asked, on=["shopper", "item_row"], how="anti", maintain_order="left")
    n_asked = len(asked)
    held_out = HeldOut(
        user_ids=tuple(UserId(user) for user in users.head(n_asked)),
        bought=_relevant(pairs, n_asked),
        new=_relevant(new, n_asked),
    )
    return _past(past, catalogue, cut_day=cut_day, n_shoppers=len(users), n_asked=n_asked), held_out


def _past(past: pl.DataFrame, catalogue: Catalogue, *, cut_day: float, n_shoppers: int, n_asked: int) -> PastPurchases:
    return PastPurchases(
        cut_day=cut_day,
        n_shoppers=n_shoppers,
        n_asked=n_asked,
        n_items=catalogue.n,
        shopper=past["shopper"].to_numpy(),
        row=past["item_row"].to_numpy(),
        day=past["day"].to_numpy(),
        for_sale=catalogue.visible[: catalogue.n].copy(),
    )


def _relevant(pairs: pl.DataFrame, n_shoppers: int) -> Relevant:
    sizes = np.bincount(pairs["shopper"].to_numpy(), minlength=n_shoppers)
    offsets = np.zeros(n_shoppers + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return Relevant(offsets=offsets, rows=pairs["item_row"].to_numpy())
