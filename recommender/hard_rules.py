"""What must never be shown. Every rule here is checked for every item of every list, pins and fillers included."""

from collections.abc import Mapping

import numpy as np

from recommender.arrays import Mask, Rows
from recommender.catalogue import Catalogue
from recommender.ids import StoreId
from recommender.shopper import EventKind
from recommender.situation import Situation


def allowed(situation: Situation, rows: Rows) -> Mask:
    """True for each of `rows` that no hard rule forbids."""
    masks = list(_of_items(situation, rows).values())
    unwanted = list(_unwanted(situation).values())
    if unwanted:
        masks.append(~_shares_group(situation.catalogue, rows, np.concatenate(unwanted)))
    return np.logical_and.reduce(masks)


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
