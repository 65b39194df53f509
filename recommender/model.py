"""What training learnt, as arrays by item row: the inside of an artifact, without the disk."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Floats, Mask, Matrix, Offsets, Rows, Scores
from recommender.derived import derived
from recommender.ids import StoreId, UserId
from recommender.offers.response_model import ResponseModel
from recommender.ranking.rhythm import USUAL_GAP_DAYS
from recommender.ranking.trees import Trees
from recommender.retrieval.index import EmbeddingIndex
from recommender.retrieval.session_index import SessionIndex
from recommender.shopper import Purchases

BEST_SELLING_SHARE = 0.01  # of the items that are bought of late


@dataclass(frozen=True, slots=True)
class Neighbours:
    """For each item the items that go with it, best first (CSR by item row).

    `scores` are in (0, 1], comparable between the entries of one row only.
    """

    offsets: Offsets
    rows: Rows
    scores: Scores

    def of(self, row: int) -> tuple[Rows, Scores]:
        """Neighbours of one item and their scores; empty for a row that training did not see."""
        if row < 0 or row + 1 >= len(self.offsets):
            return self.rows[:0], self.scores[:0]
        start, end = self.offsets[row], self.offsets[row + 1]
        return self.rows[start:end], self.scores[start:end]


NO_NEIGHBOURS = Neighbours(
    offsets=np.zeros(1, dtype=np.int64), rows=np.empty(0, dtype=np.int32), scores=np.empty(0, dtype=np.float32)
)


@dataclass(frozen=True, slots=True)
class FoldIn:
    """What turns interactions into a shopper's embedding (Hu, Koren & Volinsky, ICDM 2008, doi:10.1109/ICDM.2008.22).

    Attributes:
        inverse: (d, d) of (Y'Y + regularization * I) inverted, for the item embeddings Y.
        alpha: confidence of one unit of interaction weight: confidence = 1 + alpha * weight.
        regularization: of a shopper of whom nothing is known.
        exponent: how it grows with what is known; 0: it does not.
    """

    inverse: Matrix
    alpha: float
    regularization: float = 0.0
    exponent: float = 0.0

    def regularization_of(self, weight: float, n_others: int) -> float:
        """Regularisation of a row whose interaction weights add up to `weight`, of `n_others` that it might have.

        Source: Rendle, Krichene, Zhang & Koren, RecSys 2022, doi:10.1145/3523227.3548486: their formula, but for a
        factor that is the same for all rows.
        """
        return self.regularization * (1.0 + self.alpha * weight / n_others) ** self.exponent


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long it takes until an item is bought again.

    Attributes:
        gap_days: (n,) median days between two purchases of the same item by the same shopper; NaN: too few gaps.
        repeat_share: (n,) share of the item's buyers who bought it more than once, shrunk to its category's share.
    """

    gap_days: Floats
    repeat_share: Floats


@dataclass(frozen=True, slots=True)
class Popularity:
    """How much everyone buys each item, at the cut.

    Attributes:
        overall, recent, weekly: (n,) buyers (distinct shoppers) in the whole window, the last 28 and the last 7 days.
        trend: (n,) weekly rate over the recent rate, shrunk to 1; above 1: rising.
        tried: (n,) of 10,000 shoppers who had not bought it, how many did of late for the first time (decayed).
        ranking: (m,) item rows by `recent`, best first: the fallback of every list.
        trending: (m,) item rows by trend-weighted recent popularity, best first.
        by_category: category -> (up to 100,) item rows, best first.
        by_store: store -> (up to 200,) item rows by recent popularity in that store, best first.
    """

    overall: Floats
    recent: Floats
    weekly: Floats
    trend: Floats
    tried: Floats
    ranking: Rows
    trending: Rows
    by_category: Mapping[str, Rows]
    by_store: Mapping[StoreId, Rows]


@dataclass(frozen=True)
class Histories:
    """What each shopper had bought up to the cut (CSR by shopper).

    Attributes:
        position_of: user id -> position p; entries of that shopper lie in [offsets[p], offsets[p + 1]). All user ids
            of a person have the same.
        rows, baskets, decayed_short, decayed_long, first_day, last_day: as in `Purchases`, decayed to `cut_day`.
        n_baskets, first_basket_day: (n_shoppers,).
        coupons_redeemed, coupons_expected: (n_shoppers,) as in `Shopper`.
    """

    cut_day: float
    position_of: Mapping[UserId, int]
    offsets: Offsets
    rows: Rows
    baskets: Floats
    decayed_short: Floats
    decayed_long: Floats
    first_day: NDArray[np.float64]
    last_day: NDArray[np.float64]
    n_baskets: NDArray[np.int32]
    first_basket_day: NDArray[np.float64]
    coupons_redeemed: Floats
    coupons_expected: Floats

    def of(self, user_id: UserId) -> Purchases | None:
        """Purchases of a shopper up to the cut (decayed to `cut_day`); None for one that training did not see."""
        position = self.position_of.get(user_id)
        if position is None:
            return None
        part = slice(int(self.offsets[position]), int(self.offsets[position + 1]))
        return Purchases(
            rows=self.rows[part],
            baskets=self.baskets[part],
            decayed_short=self.decayed_short[part],
            decayed_long=self.decayed_long[part],
            first_day=self.first_day[part],
            last_day=self.last_day[part],
        )


@dataclass(frozen=True)
class Model:
    """All that a decision needs from training. Arrays are read-only, most of them memory-mapped.

    Attributes:
        version: id of the artifact that this came from.
        cut_day: days since 1970-01-01 UTC; nothing later was learnt from.
        embeddings: (n, d) float32, inner product is the score.
        index: finds the rows of the largest inner products.
        neighbours: items bought by the same shoppers.
        bought_together: items in the same baskets, corrected for popularity.
        rankers: by name of the placement setting `ranker`; "session" is of shoppers who have nothing but a session.
        followers: what is ordered next after each item.
        sessions: earlier ones; None: there were too few to learn from.
        response: to coupons; None: nothing, or nothing good enough, could be learnt.
    """

    version: str
    cut_day: float
    embeddings: Matrix
    index: EmbeddingIndex
    fold_in: FoldIn
    neighbours: Neighbours
    bought_together: Neighbours
    rhythm: Rhythm
    popularity: Popularity
    histories: Histories
    rankers: Mapping[str, Trees]
    followers: Neighbours = NO_NEIGHBOURS
    response: ResponseModel | None = None
    sessions: SessionIndex | None = None

    @property
    def n_items(self) -> int:
        """Rows that training saw; the catalogue may have more."""
        return len(self.embeddings)

    @derived
    def never_bought(self) -> Rows:
        """Rows that training saw without a buyer, ascending."""
        return np.flatnonzero(self.popularity.overall == 0).astype(np.int32)

    @derived
    def fame(self) -> Floats:
        """(n_items + 1,) in [0, 1]: log(1 + buyers of late) over that of the best seller.

        The last entry is of an item that training did not see.
        """
        buyers = np.log1p(np.append(self.popularity.recent, 0.0))
        return (buyers / max(float(buyers.max()), 1.0)).astype(np.float32)

    @derived
    def best_sellers(self) -> Mask:
        """(n_items + 1,) True for the hundredth of what is bought of late that most shoppers buy; one item at least.

        The last entry is of an item that training did not see.
        """
        ranking = self.popularity.ranking
        found = np.zeros(self.n_items + 1, dtype=np.bool_)
        found[ranking[: max(1, round(BEST_SELLING_SHARE * len(ranking)))]] = True
        return found

    @derived
    def item_facts(self) -> Matrix:
        """(n_items + 1, 8) float32: what the ranker sees of an item, together in memory.

        Columns: log(1 + buyers) in the whole window, of the last 28 and the last 7 days; trend; repeat share; usual
        days until it is bought again; how many try it; one of nothing. The last row is of an item that training did
        not see.
        """
        popularity, rhythm = self.popularity, self.rhythm
        facts = np.zeros((self.n_items + 1, 8), dtype=np.float32)
        buyers = (popularity.overall, popularity.recent, popularity.weekly)
        for column, values in enumerate(
            (*map(np.log1p, buyers), popularity.trend, rhythm.repeat_share, rhythm.gap_days, popularity.tried)
        ):
            facts[:-1, column] = values
        facts[-1, 3] = 1.0
        facts[-1, 5] = np.nan
        facts[np.isnan(facts[:, 5]), 5] = USUAL_GAP_DAYS
        return facts
