"""What came in of late and nobody has bought yet, by category and brand: training knows nothing else of it."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from recommender.arrays import EMPTY_ROWS, Floats, Rows
from recommender.ranking.affinity import affinity
from recommender.retrieval.new_arrivals import NEW_FOR_DAYS
from recommender.retrieval.proposal import NOTHING, Proposal
from recommender.situation import Situation

PER_CATEGORY = 5  # newest ones that are looked at
LOOKED_AT = 1_000  # in all, whatever was imported today
ONE_IN = 8  # lists that try them on what a shopper buys: each takes a slot from something that surely sells


def newcomers(situation: Situation) -> Proposal:
    """Newcomers of the kind of the item in view; without one, of what the shopper has at hand.

    By the seed, one list in ONE_IN also has those of the kind of what the shopper buys.
    """
    catalogue, model, day = situation.catalogue, situation.model, int(situation.now_day)
    rows = catalogue.kept.get(catalogue.version, ("newcomers", model.version, day), lambda: _newcomers(situation))
    if not len(rows):
        return NOTHING
    liking = _liking(situation, rows)
    order = np.argsort(-liking, kind="stable")
    return Proposal(rows[order[: np.count_nonzero(liking)]])


def _liking(situation: Situation, rows: Rows) -> Floats:
    """Share of the seeds that is of a newcomer's category, up to double where its brand is among them too."""
    context_item, purchases = situation.query.context_item, situation.shopper.purchases
    if context_item is not None:
        return _likeness(situation, np.array([context_item], dtype=np.int32), np.ones(1, dtype=np.float32), rows)
    at_hand = _likeness(situation, situation.at_hand, situation.at_hand_weights, rows)
    if situation.query.seed % ONE_IN != 1:
        return at_hand
    return at_hand + _likeness(situation, purchases.rows, purchases.decayed_long, rows)


def _likeness(situation: Situation, seeds: Rows, weights: Floats, rows: Rows) -> Floats:
    of_category = affinity(situation.catalogue, "category", seeds, weights, rows)
    return of_category * (1 + affinity(situation.catalogue, "brand", seeds, weights, rows))


def _newcomers(situation: Situation) -> Rows:
    """Rows that can be shown, were never bought, and are of a category that is; the newest first."""
    catalogue, model = situation.catalogue, situation.model
    since_training = np.arange(model.n_items, catalogue.n, dtype=np.int32)
    rows = np.concatenate([model.never_bought, since_training])
    added, categories = catalogue.number["added_day"], catalogue.text["category"]
    bought = [categories.code_of(word) for word, best in model.popularity.by_category.items() if len(best)]
    fits = catalogue.visible[rows] & catalogue.in_stock[rows] & (added[rows] > situation.now_day - NEW_FOR_DAYS)
    rows = rows[fits & (categories.codes[rows] >= 0) & np.isin(categories.codes[rows], bought)]
    rows = rows[np.argsort(-added[rows], kind="stable")]
    found = list(islice(_first_of_each(rows, categories.codes[rows]), LOOKED_AT))
    return np.array(found, dtype=np.int32) if found else EMPTY_ROWS


def _first_of_each(rows: Rows, categories: Rows) -> Iterator[int]:
    seen: dict[int, int] = {}
    for row, category in zip(rows.tolist(), categories.tolist(), strict=True):
        seen[category] = seen.get(category, 0) + 1
        if seen[category] <= PER_CATEGORY:
            yield row
