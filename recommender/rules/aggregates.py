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

TotalOf = Callable[[Facts, Catalogue | None], Bounds]


def compile_total(aggregate: Aggregate) -> TotalOf:
    """What totals a shopper's events: [what is certain, what is possible].

    An event counts if it is of the kind and `now_day - window <= day <= now_day`. Where `where` is unknown of an event
    (its item or a fact of it is not known) the event is possible only, and so is a quantity that is not known. A window
    that reaches back beyond `events_since_day` may hold any number of events more.
    """
    matches = _compile_where(aggregate.where)

    def total(facts: Facts, catalogue: Catalogue | None) -> Bounds:
        events, start = facts.events, facts.now_day - aggregate.window_days
        inside = (events.kinds == aggregate.kind) & (events.days >= start) & (events.days <= facts.now_day)
        certain, possible = matches(events.rows[inside], facts, catalogue)
        low, high = float(certain.sum()), float(possible.sum())
        if aggregate.measure == "sum":
            low, high = _quantities(facts, inside, certain, possible)
        complete = facts.events_since_day <= start  # False for NaN
        return Bounds(low, high if complete else inf)

    return total


def _quantities(facts: Facts, inside: Mask, certain: Mask, possible: Mask) -> tuple[float, float]:
    if facts.event_quantities is None:
        return 0.0, inf if possible.any() else 0.0
    quantities = facts.event_quantities[inside].astype(np.float64)
    at_most = quantities[possible]
    low = float(np.nansum(quantities[certain]))
    return low, inf if np.isnan(at_most).any() else float(at_most.sum())


def _compile_where(where: Condition | None) -> Callable[[Rows, Facts, Catalogue | None], tuple[Mask, Mask]]:
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
