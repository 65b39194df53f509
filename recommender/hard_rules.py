"""What must never be shown. Every rule here is checked for every item of every list, pins and fillers included."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import EMPTY_ROWS, Codes, Mask, Offsets, Rows
from recommender.catalogue import KIND_FACTS, OPEN_FROM, Catalogue
from recommender.ids import StoreId
from recommender.native import BOOL, F64, I32, I64, NOTHING, compiled, reads, writes
from recommender.shopper import EventKind
from recommender.situation import Situation

GROUP = KIND_FACTS.index("group")  # column of the cards
NO_MASK: Mask = np.empty(0, dtype=np.bool_)


def allowed(situation: Situation, rows: Rows) -> Mask:
    """True for each of `rows` that no hard rule forbids."""
    mask = np.empty(len(rows), dtype=np.bool_)
    _allow(mask, rows, *_rules(situation))
    return mask


def rank_allowed(situation: Situation, proposed: Rows, counts: Offsets) -> Offsets:
    """Rank the first allowed rows of each source, from 1 on.

    Args:
        proposed: (n,) rows of one source after the other, each source's best first.
        counts: (n_sources, 3) how many rows a source proposes, how many of them have a seed (all or none), and how many
            are ranked at most.

    Returns:
        (n,) 0 for a row that is forbidden, or comes after its source has enough.
    """
    rank = np.zeros(len(proposed), dtype=np.int64)
    _rank(rank, proposed, counts, *_rules(situation))
    return rank


def removed(situation: Situation, rows: Rows) -> dict[str, int]:
    """By rule, how many of `rows` it forbids; an item that several forbid counts for the first."""
    forbids = {name: ~allowed for name, allowed in _of_items(situation, rows).items()}
    for name, unwanted in _unwanted(situation).items():
        forbids[name] = _shares_group(situation.catalogue, rows, unwanted)
    left = np.ones(len(rows), dtype=np.bool_)
    counts: dict[str, int] = {}
    for name, forbidden in forbids.items():
        counts[name] = int((left & forbidden).sum())
        left &= ~forbidden
    return counts


Rules = tuple[NDArray[np.int32], float, Codes, Mask]  # what `_is_allowed` asks, in its order


def _rules(situation: Situation) -> Rules:
    """The hard rules of one decision."""
    catalogue, age, store_id = situation.catalogue, situation.age, situation.query.store_id
    groups, unwanted = catalogue.text["group"].codes, EMPTY_ROWS
    if parts := list(_unwanted(situation).values()):
        unwanted = groups[parts[0] if len(parts) == 1 else np.concatenate(parts)]
        unwanted.sort()
    also = NO_MASK if situation.fitting is None else situation.fitting
    if store_id is not None and store_id in catalogue.store_stock:
        also = also & _in_store(catalogue, store_id) if len(also) else _in_store(catalogue, store_id)
    return catalogue.cards, 0.0 if age is None else age, unwanted, also


RULES = (reads(I32, 2), F64, reads(I32), reads(BOOL))


@compiled(BOOL, I32, *RULES)
def _is_allowed(
    row: int, cards: NDArray[np.int32], age: float, unwanted: Codes, also: Mask,
) -> bool:  # fmt: skip
    """Whether no hard rule forbids `row`.

    Args:
        age: of the shopper, in years.
        unwanted: (m,) codes of groups that are forbidden, ascending.
        also: (catalogue.n,) False is forbidden; empty: nothing more is.
    """
    if cards[row, OPEN_FROM] > age:
        return False
    if len(also) and not also[row]:
        return False
    if not len(unwanted):
        return True
    place = np.searchsorted(unwanted, cards[row, GROUP])
    return place == len(unwanted) or unwanted[place] != cards[row, GROUP]


@compiled(NOTHING, writes(BOOL), reads(I32), *RULES)
def _allow(
    mask: Mask, rows: Rows, cards: NDArray[np.int32], age: float, unwanted: Codes, also: Mask,
) -> None:  # fmt: skip
    for i in range(len(rows)):
        mask[i] = _is_allowed(rows[i], cards, age, unwanted, also)


@compiled(NOTHING, writes(I64), reads(I32), reads(I64, 2), *RULES)
def _rank(
    rank: Offsets, proposed: Rows, counts: Offsets, cards: NDArray[np.int32], age: float, unwanted: Codes, also: Mask,
) -> None:  # fmt: skip
    end = 0
    for source in range(len(counts)):
        n_ranked, start, end = 0, end, end + counts[source, 0]
        for position in range(start, end):
            if n_ranked == counts[source, 2]:
                break
            if _is_allowed(proposed[position], cards, age, unwanted, also):
                n_ranked += 1
                rank[position] = n_ranked


def _of_items(situation: Situation, rows: Rows) -> Mapping[str, Mask]:
    """By rule, which of `rows` it allows, for the rules that look at the item alone."""
    catalogue, age = situation.catalogue, situation.age
    masks = {
        "hidden": catalogue.visible[rows],
        "sold_out": catalogue.in_stock[rows],
        "age": catalogue.number["min_age"][rows] <= (0 if age is None else age),
    }
    store_id = situation.query.store_id
    if store_id is not None and store_id in catalogue.store_stock:
        masks["sold_out_in_store"] = _in_store(catalogue, store_id)[rows]
    if situation.fitting is not None:
        masks["filter"] = situation.fitting[rows]
    return masks


def _unwanted(situation: Situation) -> Mapping[str, Rows]:
    """By rule, the rows that must not be shown, nor any other of their groups."""
    query, shopper, exclude = situation.query, situation.shopper, situation.placement.exclude
    unwanted = {"excluded": query.exclude}
    if "context_item" in exclude and query.context_item is not None:
        unwanted["context_item"] = np.array([query.context_item], dtype=np.int32)
    if "cart" in exclude:
        unwanted["cart"] = situation.cart
    if "bought" in exclude:
        unwanted["bought"] = shopper.purchases.rows
    if "viewed" in exclude:
        viewed = shopper.touches.rows[shopper.touches.kinds == EventKind.VIEWED]
        unwanted["viewed"] = np.concatenate([shopper.session, viewed])
    return {name: rows for name, rows in unwanted.items() if len(rows)}


def _shares_group(catalogue: Catalogue, rows: Rows, others: Rows) -> Mask:
    """True for each of `rows` that is a variant of the same product as one of `others`."""
    groups = catalogue.text["group"]
    marked = np.zeros(len(groups.words), dtype=np.bool_)
    marked[groups.codes[others]] = True
    return marked[groups.codes[rows]]


def _in_store(catalogue: Catalogue, store_id: StoreId) -> Mask:
    def make() -> Mask:
        mask = np.ones(catalogue.n, dtype=np.bool_)
        mask[catalogue.store_stock[store_id].rows] = False
        return mask

    return catalogue.kept.get(catalogue.version, ("in_store", store_id), make)
