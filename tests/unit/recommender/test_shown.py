"""What a shopper was shown on which days, and what a placement that rotates makes of it."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender.decide import decide
from recommender.ids import PlacementId
from recommender.placements import Placement
from recommender.query import Decision, Query
from recommender.shopper import STRANGER, Shopper
from recommender.shown import MOST_SHOWN, NOTHING_SHOWN, SHOWN_DAYS, Shown, join, shown_on
from tests.builders import NOW_DAY, shopper_with, small_catalogue, small_model

TODAY = int(NOW_DAY)
HOME, OTHER = PlacementId("home"), PlacementId("other")
LISTS = st.lists(
    st.tuples(
        st.sampled_from([HOME, OTHER]), st.lists(st.integers(0, 30), max_size=8, unique=True), st.integers(0, 12)
    ),
    max_size=8,
)


def after(lists: list[tuple[PlacementId, list[int], int]]) -> Shown:
    """What is known after lists of (placement, item numbers, days ago)."""
    shown = NOTHING_SHOWN
    for placement, numbers, days_ago in lists:
        shown = join(shown, shown_on(placement, numbers, TODAY - days_ago))
    return shown


def as_rows(shown: Shown) -> list[tuple[int, int, int]]:
    columns = shown.places, shown.numbers, shown.on(TODAY)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@given(LISTS)
def test_each_item_has_the_days_on_which_it_was_shown(lists: list[tuple[PlacementId, list[int], int]]):
    shown = after(lists)
    for placement in (HOME, OTHER):
        days: dict[int, set[int]] = {}
        for where, numbers, ago in lists:
            if where == placement and 1 <= ago < SHOWN_DAYS:
                for number in numbers:
                    days.setdefault(number, set()).add(ago)
        if len(shown) < MOST_SHOWN:
            numbers, times = shown.days_before(placement, TODAY)
            expected = {number: len(of_item) for number, of_item in days.items()}
            assert dict(zip(numbers.tolist(), times.tolist(), strict=True)) == expected
    assert len(shown) <= MOST_SHOWN
    assert as_rows(join(shown, shown)) == as_rows(shown)


def test_of_too_much_the_latest_stays():
    shown = after([(HOME, list(range(30)), 3), (HOME, list(range(100, 130)), 1)])
    assert len(shown) == MOST_SHOWN
    assert set(range(100, 130)) <= set(shown.numbers.tolist())


MODEL, CATALOGUE = small_model(np.random.default_rng(3)), small_catalogue()
ROTATING = Placement(placement_id=HOME, title="", sources=("popular",), ranker="fused", rotation=0.5, limit=6)


def asked(shopper: Shopper, placement: Placement = ROTATING) -> Decision:
    return decide(Query(placement=HOME, limit=6, age=30), placement, shopper, CATALOGUE, MODEL, NOW_DAY)


def passed_over(decision: Decision, days_ago: int, shopper: Shopper = STRANGER) -> Shopper:
    """The shopper after such a list; the numbers of items are their rows here."""
    return replace(shopper, shown=join(shopper.shown, shown_on(HOME, decision.rows.tolist(), TODAY - days_ago)))


def test_what_was_passed_over_on_earlier_days_gives_way_to_others():
    first = asked(STRANGER)
    later = asked(passed_over(first, 1))
    assert not set(first.rows.tolist()) & set(later.rows.tolist())
    assert later.personalised
    assert not first.personalised


def test_a_list_stays_the_same_all_day():
    first = asked(STRANGER)
    assert asked(passed_over(first, 0)).rows.tolist() == first.rows.tolist()


def test_what_was_touched_was_not_passed_over():
    first = asked(STRANGER)
    best = int(first.rows[0])
    later = asked(passed_over(first, 1, shopper_with(looked_at=[best])))
    assert best in later.rows.tolist()


def test_only_the_placement_that_showed_it_rotates_and_only_where_it_is_asked_to():
    first = asked(STRANGER)
    elsewhere = replace(STRANGER, shown=shown_on(OTHER, first.rows.tolist(), TODAY - 1))
    assert asked(elsewhere).rows.tolist() == first.rows.tolist()
    assert not asked(elsewhere).personalised
    steady = replace(ROTATING, rotation=0.0)
    assert asked(passed_over(first, 1), steady).rows.tolist() == first.rows.tolist()


def test_a_list_that_follows_the_mix_of_categories_of_somebody_is_personal():
    calibrated, buyer = replace(ROTATING, rotation=0.0, calibration=0.5), shopper_with(bought={1: [3.0], 2: [5.0]})
    assert asked(buyer, calibrated).personalised
    assert not asked(buyer, replace(calibrated, calibration=0.0)).personalised
    assert not asked(shopper_with(looked_at=[1]), calibrated).personalised
