"""How much a worker takes on: what must hold whatever the waits are."""

from hypothesis import given
from hypothesis import strategies as st

from serving.admission import LOOK_SECONDS
from serving.priorities import CALLERS, NEVER_REFUSED, Caller, caller_of
from serving.room import INTERVAL_SECONDS, LEAST, MOST, SHARES, Room
from tests.integration.serving.shop import openapi_document

TARGET = 0.05
WAITS = st.lists(st.tuples(st.floats(0, 2), st.integers(0, 600)), max_size=200)


def after(waits: list[tuple[float, int]]) -> Room:
    """A room after so many waits, one every LOOK_SECONDS, each with what was under way."""
    room = Room(TARGET)
    for number, (seconds, under_way) in enumerate(waits):
        room.allows(Caller.STOREFRONT, under_way, 0.0, 0)
        room.waited(seconds, number * LOOK_SECONDS)
    return room


def most(room: Room, caller: Caller) -> int:
    return next(number for number in range(10_000) if not room.allows(caller, number, 0.0, 0))


def patience(room: Room, caller: Caller) -> float:
    """The age in multiples of the target from which on a request of this kind is refused; infinite if it never is."""
    ages = [TARGET * quarter / 4 for quarter in range(1, 100)]
    return next((age for age in ages if not room.allows(caller, 0, age, 1_000)), float("inf")) / TARGET


@given(WAITS)
def test_who_is_more_pressing_always_has_more_room(waits):
    room = after(waits)
    bounds = [most(room, caller) for caller in Caller]
    assert bounds == sorted(bounds, reverse=True)
    assert len(set(bounds)) == len(Caller)
    ages = [patience(room, caller) for caller in Caller]
    assert ages == sorted(ages, reverse=True)


@given(WAITS)
def test_light_load_is_never_refused(waits):
    room = after(waits)
    for caller in Caller:
        few = int(LEAST * SHARES[caller]) - 1
        assert room.allows(caller, few, age_seconds=10.0, n_before=few)
        assert not room.allows(caller, int(MOST * SHARES[caller]), 0.0, 0)


def test_a_standing_queue_lowers_the_bound_until_it_is_gone_and_calm_raises_it_again():
    room = after([(2 * TARGET, 300)] * 12)
    assert LEAST <= most(room, Caller.STOREFRONT) < 300
    assert [patience(room, caller) for caller in Caller] == [8.25, 4.25, 1.25, 0.5]
    for number in range(12, 2_000):
        room.waited(0.001, number * LOOK_SECONDS)
    assert most(room, Caller.STOREFRONT) == MOST
    assert patience(room, Caller.BATCH) == float("inf")


@given(st.floats(0, 10))
def test_one_long_stall_refuses_nobody(stall):
    n_per_interval = int(INTERVAL_SECONDS / LOOK_SECONDS)
    room = after([(0.001, 50)] * n_per_interval + [(stall, 50), (0.001, 50)] + [(0.001, 50)] * n_per_interval)
    assert most(room, Caller.STOREFRONT) == MOST
    assert patience(room, Caller.BATCH) == float("inf")


def test_the_bound_falls_from_what_is_under_way():
    assert most(after([(2 * TARGET, 100)] * 2), Caller.STOREFRONT) == 81  # 0.8 of 101


def test_every_route_has_a_caller_that_somebody_chose():
    for path in openapi_document()["paths"]:
        begins = {"/".join(path.split("/", 3)[:3]), "/" + path.split("/", 2)[1]}
        assert begins & (CALLERS.keys() | NEVER_REFUSED), path
    assert caller_of("/v1/redemptions/rdm_0/rollback") is Caller.TILL
    assert caller_of("/e/c/token") is Caller.STOREFRONT
    assert caller_of("/v1/kill-switch") is caller_of("/readyz") is None
    assert caller_of("") is caller_of("/") is caller_of("/nobody/knows/this") is Caller.BATCH
