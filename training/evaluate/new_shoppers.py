"""Shoppers of whom little is known: after their first few events, and nobody known at all but what is in view."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Mask, Rows
from recommender.decide import decide
from recommender.ids import PlacementId
from recommender.query import Query
from recommender.shopper import STRANGER, Shopper
from training.encounters import EVENTS, latest_purchases, newcomer
from training.evaluate.baselines import LENGTH, RECENT_DAYS, buyers
from training.evaluate.measure import VOUCHED_AGE, query_at_cut
from training.evaluate.metrics import NO_ITEM, Lists, Quality, Relevant, quality
from training.evaluate.report import Comparison, compare
from training.evaluate.trial import EVERY_ITEM, Trial
from training.past import Past

MOST_ASKED = 3_000  # shoppers, drawn
NEW_SHOPPERS, IN_CONTEXT = "new shoppers", "unknown shoppers with an item in view"
HOME, PRODUCT = PlacementId("home"), PlacementId("product")

Kept = Callable[[int, Rows], Mask]  # which rows a baseline may put on the list of a place in the order of asking
View = tuple[int, Rows]  # the row of the item in view, and of those that are right


def with_little_known(trial: Trial) -> list[Comparison]:
    """The pipeline beside the better of popularity and recent popularity, on all items; nothing without that scope."""
    if EVERY_ITEM.name not in {scope.name for scope in trial.scopes}:
        return []
    rng = np.random.default_rng(trial.config.seed)
    asked = np.sort(rng.permutation(len(trial.past.held_out))[:MOST_ASKED])
    views = list(_views(trial.past, asked, rng))
    return [*_after_events(trial, asked), *_at_home(trial, views), *_of_similar(trial, views)]


def _after_events(trial: Trial, asked: NDArray[np.int64]) -> list[Comparison]:
    """Shoppers as they would be, had they come new to the shop with their latest events before the cut."""
    past, found = trial.past, list[Comparison]()
    histories = latest_purchases(past, asked)
    for n_events in EVENTS:
        enough = [place for place, rows in enumerate(histories) if len(rows[0]) >= n_events]
        latest = [(histories[place][0][:n_events], histories[place][1][:n_events]) for place in enough]
        shoppers = [newcomer(past, rows, days) for rows, days in latest]
        numbers, placement = asked[enough], trial.placements[EVERY_ITEM.placement]
        queries = [query_at_cut(placement, LENGTH, int(number)) for number in numbers]
        lists = _ask(trial, shoppers, queries)
        right = [past.held_out.bought.of(int(number)) for number in numbers]
        about = (NEW_SHOPPERS, "after 1 event" if n_events == 1 else f"after {n_events} events")
        found += _beside_popularity(trial, about, lists, right, lambda _, rows: np.ones(len(rows), dtype=np.bool_))
    return found


def _views(past: Past, asked: NDArray[np.int64], rng: np.random.Generator) -> Iterator[View]:
    """One item that each shopper buys later, drawn, and the others."""
    for number in asked.tolist():
        bought = past.held_out.bought.of(number)
        there = bought[bought < past.catalogue.n]
        if len(bought) > 1 and len(there):
            item = int(rng.choice(there))
            yield item, bought[bought != item]


def _at_home(trial: Trial, views: Sequence[View]) -> list[Comparison]:
    """Strangers at the home page, of whom a view is known: what else do they buy?"""
    lists = _look(trial, HOME, views)
    about, right = (IN_CONTEXT, f"placement {HOME}"), [others for _, others in views]
    return _beside_popularity(trial, about, lists, right, lambda place, rows: rows != views[place][0])


def _of_similar(trial: Trial, views: Sequence[View]) -> list[Comparison]:
    """Strangers at the page of a product: what else of its category do they buy? Popularity keeps to it as well."""
    past = trial.past
    codes = past.catalogue.text["category"].codes
    similar = list[View]()
    for item, others in views:
        there = others[others < past.catalogue.n]
        alike = there[(codes[there] == codes[item]) & (codes[item] >= 0)]
        if len(alike):
            similar.append((item, alike))

    def of_category(place: int, rows: Rows) -> Mask:
        item, _ = similar[place]
        return (rows != item) & (codes[rows] == codes[item])

    about, right = (IN_CONTEXT, f"placement {PRODUCT}, same category"), [alike for _, alike in similar]
    return _beside_popularity(trial, about, _look(trial, PRODUCT, similar), right, of_category)


def _look(trial: Trial, placement: PlacementId, views: Sequence[View]) -> Lists:
    queries = [
        Query(
            placement=placement, limit=LENGTH, context_item=item, exclude=np.array([item], dtype=np.int32),
            age=VOUCHED_AGE, seed=number,
        )
        for number, (item, _) in enumerate(views)
    ]  # fmt: skip
    return _ask(trial, [STRANGER] * len(queries), queries)


def _ask(trial: Trial, shoppers: Sequence[Shopper], queries: Sequence[Query]) -> Lists:
    past = trial.past
    lists = np.full((len(queries), LENGTH), NO_ITEM, dtype=np.int32)
    for place, (shopper, query) in enumerate(zip(shoppers, queries, strict=True)):
        placement = trial.placements[query.placement]
        rows = decide(query, placement, shopper, past.catalogue, past.model, past.cut_day).rows
        lists[place, : len(rows)] = rows
    return lists


def _beside_popularity(
    trial: Trial, about: tuple[str, str], lists: Lists, right: Sequence[Rows], kept: Kept
) -> list[Comparison]:
    """Compare with the better of the baselines that know nobody."""
    if not len(lists):
        return []
    past = trial.past.purchases
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in right])]).astype(np.int64)
    relevant = Relevant(offsets=offsets, rows=np.concatenate(right).astype(np.int32))
    n_assortment = int(np.count_nonzero(past.for_sale))

    def measured(shown: Lists) -> Quality:
        return quality(shown, relevant, popularity=buyers(past), n_assortment=n_assortment)

    baselines = {
        "popularity": measured(_popular(trial, buyers(past), len(lists), kept)),
        "recent popularity, 28 d": measured(_popular(trial, buyers(past, RECENT_DAYS), len(lists), kept)),
    }
    best = max(baselines, key=lambda name: baselines[name].mean(EVERY_ITEM.headline))
    everyone = np.ones(len(lists), dtype=np.bool_)
    one = compare(about, EVERY_ITEM, measured(lists), baselines[best], best, everyone, trial.config.seed)
    return [] if one is None else [one]


def _popular(trial: Trial, counts: NDArray[np.float64], n_lists: int, kept: Kept) -> Lists:
    rows = np.argsort(-counts, kind="stable").astype(np.int32)
    rows = rows[trial.past.purchases.for_sale[rows]]
    lists = np.full((n_lists, LENGTH), NO_ITEM, dtype=np.int32)
    for place in range(n_lists):
        shown = rows[kept(place, rows)][:LENGTH]
        lists[place, : len(shown)] = shown
    return lists
