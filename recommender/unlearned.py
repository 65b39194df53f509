"""A model that has learnt nothing: what can still be shown without one is what is allowed, in the catalogue's order."""

import numpy as np

from recommender.arrays import EMPTY_ROWS
from recommender.model import FoldIn, Histories, Model, Neighbours, Popularity, Rhythm
from recommender.retrieval.index import build_index

NOTHING = np.empty(0, dtype=np.float32)
NO_OFFSETS = np.zeros(1, dtype=np.int64)


def unlearned_model() -> Model:
    """A model that knows no item and no shopper; its version is "none"."""
    no_vectors = np.empty((0, 1), dtype=np.float32)
    no_neighbours = Neighbours(NO_OFFSETS, EMPTY_ROWS, NOTHING)
    return Model(
        version="none",
        cut_day=0.0,
        embeddings=no_vectors,
        index=build_index(no_vectors, no_vectors)[0],
        fold_in=FoldIn(np.eye(1, dtype=np.float32), alpha=0.0),
        neighbours=no_neighbours,
        bought_together=no_neighbours,
        rhythm=Rhythm(NOTHING, NOTHING),
        popularity=Popularity(
            overall=NOTHING, recent=NOTHING, weekly=NOTHING, trend=NOTHING, tried=NOTHING, ranking=EMPTY_ROWS,
            trending=EMPTY_ROWS, by_category={}, by_store={},
        ),
        histories=Histories(
            cut_day=0.0, position_of={}, offsets=NO_OFFSETS, rows=EMPTY_ROWS, baskets=NOTHING, decayed_short=NOTHING,
            decayed_long=NOTHING, first_day=np.empty(0), last_day=np.empty(0), n_baskets=np.empty(0, dtype=np.int32),
            first_basket_day=np.empty(0), coupons_redeemed=NOTHING, coupons_expected=NOTHING,
        ),
        rankers={},
    )  # fmt: skip
