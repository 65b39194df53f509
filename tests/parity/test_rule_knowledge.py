from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.purchases import count_orders
from recommender.rules.compiled import Facts, compile_rule
from recommender.shopper import EventKind, Touches
from tests.rule_strategies import NOW_DAY, Situation, situations

DAYS_AGO = (-1.0, 0.0, 0.5, 3.0, 6.0, 20.0, 40.0)
COUNTS = [
    f"count(orders{where} within {window}) {order} {number}"
    for where in ("", ' where item.category == "A"', ' where item.brand != "B"')
    for window in ("1 day", "1 week", "5 weeks")
    for order in ("==", "<", ">=")
    for number in (0, 1, 2, 4)
]


def knowing_all(orders: list[tuple[int, float]]) -> Facts:
    """The orders as events, none of them missing."""
    rows = np.array([row for row, _ in orders], dtype=np.int32)
    days = NOW_DAY - np.array([days_ago for _, days_ago in orders], dtype=np.float64)
    kinds = np.full(len(orders), EventKind.ORDERED, dtype=np.uint8)
    return Facts(now_day=NOW_DAY, events=Touches(rows, kinds, days), events_since_day=-np.inf)


def knowing_less(facts: Facts, kept: int, *, complete: bool) -> Facts:
    """The first few events, and the purchases that they were summed up to."""
    events = facts.events
    purchases = (
        count_orders(events.rows, np.arange(len(events)), events.days, NOW_DAY) if len(events) else facts.purchases
    )
    return replace(
        facts,
        events=Touches(events.rows[:kept], events.kinds[:kept], events.days[:kept]),
        events_since_day=np.nan,
        purchases=purchases,
        purchases_since_day=-np.inf if complete else np.nan,
    )


orders = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(DAYS_AGO)), unique=True, max_size=7)


@given(st.sampled_from(COUNTS), orders, situations(), st.integers(0, 4), st.booleans())
def test_who_knows_less_never_says_otherwise(
    source: str, bought: list[tuple[int, float]], situation: Situation, kept: int, complete: bool
) -> None:
    rule, catalogue = compile_rule(source), situation.catalogue
    all_known = knowing_all(sorted({(min(row, catalogue.n - 1), day) for row, day in bought}))
    less = rule.evaluate({}, knowing_less(all_known, kept, complete=complete), catalogue)
    assert less in (None, rule.evaluate({}, all_known, catalogue))


def test_purchases_answer_what_events_cannot() -> None:
    facts = knowing_less(knowing_all([(0, 3.0), (0, 20.0), (1, 40.0)]), 0, complete=True)
    for source in (
        "count(orders within 5 weeks) == 2",
        "count(orders within 1 week) == 1",
        "count(orders within 1 day) == 0",
        "count(orders within 6 weeks) == 3",
    ):
        assert compile_rule(source).evaluate({}, facts) is True
    incomplete = replace(facts, purchases_since_day=np.nan)
    assert compile_rule("count(orders within 1 week) >= 1").evaluate({}, incomplete) is True
    assert compile_rule("count(orders within 1 week) == 1").evaluate({}, incomplete) is None
