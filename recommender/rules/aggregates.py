"""Counts and sums over a shopper's events, within bounds where something about the events is not known."""

from collections.abc import Callable
from math import inf

import numpy as np

from recommender.arrays import Mask, Rows
from recommender.catalogue import Catalogue
from recommender.rules.bounds import Bounds
from recommender.rules.facts import Facts
from recommender.rules.mask import MaskOf, View, compile_mask
from recommender.rules.scalar import Scene, truth
from recommender.rules.syntax import Aggregate, Condition, Not
from recommender.shopper import EventKind

TotalOf = Callable[[Facts, Catalogue | None], Bounds]
Matches = Callable[[Rows, Facts, Catalogue | None], tuple[Mask, Mask]]  # by item row: certainly, possibly


def compile_total(aggregate: Aggregate) -> TotalOf:
    """What totals a shopper's events: [what is certain, what is possible].

    An event counts if it is of the kind and `now_day - window <= day <= now_day`. Where `where` is unknown of an event
    (its item or a fact of it is not known) the event is possible only, and so is a quantity that is not known. A window
    that reaches back beyond what is complete may hold any number of events more.
    """
    matches = _compile_where(aggregate.where)
    counts_orders = aggregate.measure == "count" and aggregate.kind == EventKind.ORDERED

    def total(facts: Facts, catalogue: Catalogue | None) -> Bounds:
        bounds = _from_events(aggregate, matches, facts, catalogue)
        if counts_orders and bounds.low != bounds.high:
            start = facts.now_day - aggregate.window_days
            return _narrowed(bounds, _from_purchases(start, matches, facts, catalogue))
        return bounds

    return total


def _narrowed(bounds: Bounds, others: Bounds) -> Bounds:
    low = np.maximum(bounds.low, others.low)
    return Bounds(low, np.maximum(low, np.minimum(bounds.high, others.high)))


def _from_events(aggregate: Aggregate, matches: Matches, facts: Facts, catalogue: Catalogue | None) -> Bounds:
    events, start = facts.events, facts.now_day - aggregate.window_days
    inside = (events.kinds == aggregate.kind) & (events.days >= start) & (events.days <= facts.now_day)
    certain, possible = matches(events.rows[inside], facts, catalogue)
    low, high = float(certain.sum()), float(possible.sum())
    if aggregate.measure == "sum":
        low, high = _quantities(facts, inside, certain, possible)
    return Bounds(low, high if facts.events_since_day <= start else inf)  # NaN is not below anything


def _from_purchases(start: float, matches: Matches, facts: Facts, catalogue: Catalogue | None) -> Bounds:
    """Orders since `start`, from each item's number of orders and the days of its first and last one."""
    bought, now_day = facts.purchases, facts.now_day
    certain, possible = matches(bought.rows, facts, catalogue)
    first_inside = (bought.first_day >= start) & (bought.first_day <= now_day)
    last_inside = (bought.last_day >= start) & (bought.last_day <= now_day)
    baskets = bought.baskets.astype(np.float64)
    ends_inside = np.minimum(baskets, first_inside.astype(np.float64) + last_inside)
    at_least = np.where(first_inside & last_inside, baskets, ends_inside)
    apart = (bought.last_day >= start) & (bought.first_day <= now_day)  # else all orders are on one side of the window
    at_most = np.where(apart, np.maximum(at_least, baskets - ~first_inside - (~last_inside & (baskets > 1))), 0.0)
    low, high = float(at_least[certain].sum()), float(at_most[possible].sum())
    return Bounds(low, high if facts.purchases_since_day <= start else inf)


def _quantities(facts: Facts, inside: Mask, certain: Mask, possible: Mask) -> tuple[float, float]:
    if facts.event_quantities is None:
        return 0.0, inf if possible.any() else 0.0
    quantities = facts.event_quantities[inside].astype(np.float64)
    at_most = quantities[possible]
    low = float(np.nansum(quantities[certain]))
    return low, inf if np.isnan(at_most).any() else float(at_most.sum())


def _compile_where(where: Condition | None) -> Matches:
    if where is None:
        return lambda rows, _facts, _catalogue: (np.ones(len(rows), dtype=np.bool_), np.ones(len(rows), dtype=np.bool_))
    true_of, false_of = compile_mask(where), compile_mask(Not(where))

    def matches(rows: Rows, facts: Facts, catalogue: Catalogue | None) -> tuple[Mask, Mask]:
        if catalogue is None:
            rows = np.full(len(rows), -1, dtype=np.int32)
        strange = truth(where, Scene({}, facts, {})) if (rows < 0).any() else None
        certain = _where(true_of, rows, facts, catalogue, strange=strange is True)
        refuted = _where(false_of, rows, facts, catalogue, strange=strange is False)
        return certain, ~refuted

    return matches


def _where(test: MaskOf, rows: Rows, facts: Facts, catalogue: Catalogue | None, *, strange: bool) -> Mask:
    """The test for each row; `strange` for a row below 0, an item that this catalogue does not have."""
    result: Mask = np.full(len(rows), strange, dtype=np.bool_)
    known = rows >= 0
    if catalogue is not None:
        result[known] = test(View.of(catalogue, facts, {}, rows[known]))
    return result
