"""How much a worker has at work: what must hold whatever the waits are."""

from hypothesis import given
from hypothesis import strategies as st

from serving.admission import LOOK_SECONDS
from serving.room import INTERVAL_SECONDS, LATEST, LEAST, MOST, Room

LATE = 0.01
WAITS = st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=200)


def after(waits: list[tuple[float, bool]]) -> Room:
    """A room after so many waits, one every LOOK_SECONDS, each with whether somebody waited at the door."""
    room = Room(LATE)
    for number, (seconds, somebody_waits) in enumerate(waits):
        room.waited(seconds, number * LOOK_SECONDS, somebody_waits=somebody_waits)
    return room


@given(WAITS)
def test_the_bound_stays_in_its_bounds(waits: list[tuple[float, bool]]) -> None:
    assert LEAST <= after(waits).bound <= MOST


def test_it_rises_while_somebody_waits_and_falls_while_the_worker_is_late_or_nobody_waits():
    waiting_for_a_store = [(0.001, True)] * 1_000
    assert after(waiting_for_a_store).bound == MOST
    assert after([*waiting_for_a_store, *[(2 * LATE, True)] * 1_000]).bound == LEAST
    assert after([*waiting_for_a_store, *[(0.001, False)] * 2_000]).bound == LEAST
    busy = [(0.7 * LATE, True)] * 1_000  # more at work would only wait longer
    assert after([*waiting_for_a_store, *busy]).bound == MOST
    assert after(busy).bound == LEAST


@given(st.lists(st.floats(0, 10), max_size=LATEST // 2))
def test_a_stall_lowers_nothing(stalls: list[float]) -> None:
    n_per_interval = int(INTERVAL_SECONDS / LOOK_SECONDS)
    calm = [(0.001, True)] * n_per_interval
    stalled = [(seconds, True) for seconds in stalls]
    assert after([*calm, *stalled, *calm]).bound >= after([*calm, *calm]).bound
