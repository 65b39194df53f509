"""When a store that is gone is asked again: what must hold whatever happens when."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from features.breaker import Breaker

FAILURES, LASTING, PAUSE = 3, 0.5, 1.0


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(FAILURES, LASTING, PAUSE, clock)
    for _ in range(FAILURES):
        assert breaker.lets_through()
        clock.seconds += LASTING / (FAILURES - 1)
        breaker.failed()
    return breaker, clock


def test_it_opens_after_failures_in_a_row_only():
    clock = Clock()
    breaker = Breaker(FAILURES, LASTING, PAUSE, clock)
    for _ in range(10):
        breaker.failed()
        clock.seconds += LASTING
        breaker.failed()
        breaker.succeeded()
        assert breaker.lets_through()
    assert not breaker.is_open


def test_one_hiccup_that_fails_many_calls_at_once_does_not_open_it():
    clock = Clock()
    breaker = Breaker(FAILURES, LASTING, PAUSE, clock)
    for _ in range(50):
        clock.seconds += LASTING / 100
        breaker.failed()
    assert not breaker.is_open


def test_one_call_at_a_time_tries_whether_it_is_back_and_closes_it():
    breaker, clock = opened()
    assert breaker.is_open
    assert not breaker.lets_through()
    clock.seconds += PAUSE
    assert [breaker.lets_through() for _ in range(5)] == [True, False, False, False, False]
    breaker.failed()
    clock.seconds += PAUSE / 2
    assert not breaker.lets_through()
    clock.seconds += PAUSE / 2
    assert breaker.lets_through()
    breaker.succeeded()
    assert not breaker.is_open
    assert all(breaker.lets_through() for _ in range(5))


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=100))
def test_while_it_is_open_there_is_never_more_than_one_try_a_pause(calls):
    breaker, clock = opened()
    tries: list[float] = []
    for passed, _ in calls:
        clock.seconds += passed
        if breaker.lets_through():
            tries.append(clock.seconds)
            breaker.failed()
    assert all(later - earlier >= PAUSE for earlier, later in itertools.pairwise(tries))


@given(st.floats(0, 1_000))
def test_a_try_whose_end_nobody_tells_does_not_keep_it_open_for_ever(passed):
    breaker, clock = opened()
    clock.seconds += PAUSE
    assert breaker.lets_through()
    clock.seconds += PAUSE + passed
    assert breaker.lets_through()
