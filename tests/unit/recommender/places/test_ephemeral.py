"""Rotating identifiers: as other implementations compute them, and what must hold for every key and clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import InvalidInput
from recommender.ids import BeaconKey
from recommender.places.ephemeral import (
    DRIFT,
    LEAST_EXPONENT,
    Enrolment,
    identifiers,
    identity_of,
    read_identity_key,
    resolve_all,
)

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
KEY = bytes.fromhex("0102030405060708090a111213141516")
KEYS = st.binary(min_size=16, max_size=16)
SECONDS = st.integers(0, 2**31)


def sent_at(key: bytes, exponent: int, second: int) -> str:
    """What a beacon with a perfect clock sends: the last before DRIFT of those that may be heard until then."""
    at = BEGAN + timedelta(seconds=second)
    return [*identifiers(key, Enrolment(exponent, BEGAN, ""), at - DRIFT, at - DRIFT)][-1]


@pytest.mark.parametrize(("second", "sent"), [(0, "a9b76a71c5f89290"), (1023, "a9b76a71c5f89290"),
                                              (1024, "4144413e45fefa58"), (2000, "4144413e45fefa58")])  # fmt: skip
def test_it_is_what_other_implementations_compute(second: int, sent: str) -> None:
    assert sent_at(KEY, 10, second) == sent


@given(KEYS, st.integers(LEAST_EXPONENT, 15), SECONDS)
def test_one_lasts_for_two_to_the_exponent_seconds(key: bytes, exponent: int, second: int) -> None:
    begins = second >> exponent << exponent
    assert sent_at(key, exponent, begins) == sent_at(key, exponent, second)
    assert sent_at(key, exponent, second) == sent_at(key, exponent, begins + (1 << exponent) - 1)
    assert sent_at(key, exponent, second) != sent_at(key, exponent, begins + (1 << exponent))


@given(KEYS, st.integers(LEAST_EXPONENT, 15), SECONDS, st.integers(-60, 60), st.integers(0, 60))
def test_a_beacon_is_known_while_its_clock_is_off_by_a_minute(
    key: bytes, exponent: int, second: int, off: int, later: int
) -> None:
    now, name = BEGAN + timedelta(seconds=second), BeaconKey("b")
    table = resolve_all([(name, key, Enrolment(exponent, BEGAN, ""))], now, timedelta(seconds=60))
    assert table[sent_at(key, exponent, max(second + later + off, 0))] == name
    recorded = second - (3 << exponent) - 120  # by somebody who plays it again
    assert recorded < 0 or sent_at(key, exponent, recorded) not in table


def test_what_two_beacons_send_means_neither() -> None:
    enrolment = Enrolment(10, BEGAN, "")
    twins = [(BeaconKey(name), KEY, enrolment) for name in ("a", "b")]
    assert resolve_all(twins, BEGAN, timedelta(0)) == {}


def test_a_beacon_is_known_by_its_key_and_does_not_tell_it() -> None:
    assert identity_of(KEY) != identity_of(bytes(16))
    assert KEY.hex() not in repr((identity_of(KEY), Enrolment(10, BEGAN, KEY.hex())))
    assert Enrolment(10, BEGAN, "sealed once") == Enrolment(10, BEGAN, "sealed again")


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 34, "x" * 32, "0" * 16 + " " * 16])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="32 hexadecimal digits") as refused:
        read_identity_key(text, "eid_key")
    assert refused.value.field == "eid_key"


@pytest.mark.parametrize(
    ("exponent", "began_at", "field"),
    [
        (3, BEGAN, "rotation_exponent"),
        (16, BEGAN, "rotation_exponent"),
        (4, datetime(1969, 12, 31, tzinfo=UTC), "counter_began_at"),
    ],
)
def test_an_exponent_is_from_four_to_fifteen_and_a_counter_begins_after_1970(
    exponent: int, began_at: datetime, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        Enrolment(exponent, began_at, "")
    assert refused.value.field == field


def test_a_counter_that_has_yet_to_begin_sends_nothing() -> None:
    assert [*identifiers(KEY, Enrolment(4, BEGAN, ""), BEGAN - timedelta(days=2), BEGAN - timedelta(days=1))] == []


def test_the_fastest_beacon_has_few_identifiers_to_know_of() -> None:
    enrolment, now = Enrolment(LEAST_EXPONENT, BEGAN, ""), BEGAN + timedelta(days=40, seconds=7)
    assert len([*identifiers(KEY, enrolment, now, now + timedelta(seconds=60))]) <= 14
