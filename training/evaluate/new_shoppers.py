"""Shoppers of whom little is known: after their first few events, and nobody known at all but what is in view."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.online.live_events import NO_PLACES, LiveEvents
from features.shopper import assemble
from recommender.arrays import Rows
from recommender.decide import decide
from recommender.ids import PlacementId
from recommender.query import Query
from recommender.shopper import STRANGER, EventKind, Shopper
from training.evaluate.baselines import LENGTH, RECENT_DAYS, buyers
from training.evaluate.measure import VOUCHED_AGE, query_at_cut
from training.evaluate.metrics import NO_ITEM, Lists, Quality, Relevant, quality
from training.evaluate.report import Comparison, compare
from training.evaluate.trial import EVERY_ITEM, Trial

EVENTS = (1, 3, 10)
MOST_ASKED = 3_000  # shoppers, drawn
NEW_SHOPPERS, IN_CONTEXT = "new shoppers", "unknown shoppers with an item in view"
VIEWED_AT = (PlacementId("home"), PlacementId("product"))


def with_little_known(trial: Trial) -> list[Comparison]:
    """The pipeline beside the better of popularity and recent popularity, on all items; nothing without that scope."""
    if EVERY_ITEM.name not in {scope.name for scope in trial.scopes}:
        return []
    rng = np.random.default_rng(trial.config.seed)
    asked = np.sort(rng.permutation(len(trial.past.held_out))[:MOST_ASKED])
    return [*_after_events(trial, asked), *_in_context(trial, asked, rng)]


def _after_events(trial: Trial, asked: NDArray[np.int64]) -> list[Comparison]:
    """Shoppers as they would be, had they come new to the shop with their latest events before the cut."""
    past, found = trial.past, list[Comparison]()
    histories = _purchases_of(trial, asked)
    for n_events in EVENTS:
        enough = [place for place, rows in enumerate(histories) if len(rows[0]) >= n_events]
        latest = [(histories[place][0][:n_events], histories[place][1][:n_events]) for place in enough]
        shoppers = [_after(trial, rows, days) for rows, days in latest]
        numbers, placement = asked[enough], trial.placements[EVERY_ITEM.placement]
        queries = [query_at_cut(placement, LENGTH, int(number)) for number in numbers]
        lists = _ask(trial, shoppers, queries)
        right = [past.held_out.bought.of(int(number)) for number in numbers]
        about = (NEW_SHOPPERS, "after 1 event" if n_events == 1 else f"after {n_events} events")
        found += _beside_popularity(trial, about, lists, right, without=[np.empty(0, np.int32)] * len(right))
    return found


def _in_context(trial: Trial, asked: NDArray[np.int64], rng: np.random.Generator) -> list[Comparison]:
    """Strangers who look at one item that they buy later; the others that they buy are right."""
    past, found = trial.past, list[Comparison]()
    in_view, right = list[Rows](), list[Rows]()
    for number in asked.tolist():
        bought = past.held_out.bought.of(number)
        there = bought[bought < past.catalogue.n]
        if len(bought) > 1 and len(there):
            drawn = rng.choice(there, 1).astype(np.int32)
            in_view.append(drawn)
            right.append(bought[bought != drawn[0]])
    for placement in VIEWED_AT:
        queries = [
            Query(placement=placement, limit=LENGTH, context_item=int(item[0]), age=VOUCHED_AGE) for item in in_view
        ]
        lists = _ask(trial, [STRANGER] * len(queries), queries)
        found += _beside_popularity(trial, (IN_CONTEXT, f"placement {placement}"), lists, right, without=in_view)
    return found


def _after(trial: Trial, rows: Rows, days: NDArray[np.float64]) -> Shopper:
    """A shopper whom training did not see, put together from orders in live state, newest first."""
    items, past = trial.past.catalogue.items, trial.past
    live = LiveEvents(
        numbers=np.array([items[row].item_number for row in rows.tolist()], dtype=np.int32),
        kinds=np.full(len(rows), EventKind.ORDERED, dtype=np.uint8),
        days=days,
        quantities=np.ones(len(rows), dtype=np.float32),
        orders=np.unique(days, return_inverse=True)[1].astype(np.uint32),
        places=NO_PLACES,
    )
    return assemble(
        user_id=None, live=live, histories=past.model.histories, catalogue=past.catalogue, now_day=past.cut_day
    )


def _purchases_of(trial: Trial, asked: NDArray[np.int64]) -> list[tuple[Rows, NDArray[np.float64]]]:
    """Rows and days of what each shopper had bought, the latest first, of one moment by row."""
    past = trial.past.purchases
    order = np.lexsort((past.row, -past.day, past.shopper))
    shopper = past.shopper[order]
    starts, ends = (np.searchsorted(shopper, asked, side=side) for side in ("left", "right"))
    parts = [order[start:end] for start, end in zip(starts, ends, strict=True)]
    return [(past.row[part], past.day[part]) for part in parts]


def _ask(trial: Trial, shoppers: Sequence[Shopper], queries: Sequence[Query]) -> Lists:
    past = trial.past
    lists = np.full((len(queries), LENGTH), NO_ITEM, dtype=np.int32)
    for place, (shopper, query) in enumerate(zip(shoppers, queries, strict=True)):
        placement = trial.placements[query.placement]
        rows = decide(query, placement, shopper, past.catalogue, past.model, past.cut_day).rows
        lists[place, : len(rows)] = rows
    return lists


def _beside_popularity(
    trial: Trial, about: tuple[str, str], lists: Lists, right: Sequence[Rows], without: Sequence[Rows]
) -> list[Comparison]:
    """Compare with the better of the baselines that know nobody; `without`: what these leave out of each list."""
    if not len(lists):
        return []
    past = trial.past.purchases
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in right])]).astype(np.int64)
    relevant = Relevant(offsets=offsets, rows=np.concatenate(right).astype(np.int32))
    n_assortment = int(np.count_nonzero(past.for_sale))

    def measured(shown: Lists) -> Quality:
        return quality(shown, relevant, popularity=buyers(past), n_assortment=n_assortment)

    baselines = {
        "popularity": measured(_popular(trial, buyers(past), without)),
        "recent popularity, 28 d": measured(_popular(trial, buyers(past, RECENT_DAYS), without)),
    }
    best = max(baselines, key=lambda name: baselines[name].mean(EVERY_ITEM.headline))
    everyone = np.ones(len(lists), dtype=np.bool_)
    one = compare(about, EVERY_ITEM, measured(lists), baselines[best], best, everyone, trial.config.seed)
    return [] if one is None else [one]


def _popular(trial: Trial, counts: NDArray[np.float64], without: Sequence[Rows]) -> Lists:
    most = max(map(len, without), default=0)
    rows = np.argsort(-counts, kind="stable").astype(np.int32)
    rows = rows[trial.past.purchases.for_sale[rows]][: LENGTH + most]
    lists = np.full((len(without), LENGTH), NO_ITEM, dtype=np.int32)
    for place, left_out in enumerate(without):
        kept = rows[~np.isin(rows, left_out)][:LENGTH]
        lists[place, : len(kept)] = kept
    return lists
