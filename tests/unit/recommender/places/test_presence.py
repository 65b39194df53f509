"""Presence: what may yield an offer, and what never does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.place_rules import read_presence_rules
from features.settings import Settings
from recommender.ids import BeaconId
from recommender.places.beacons import ibeacon_key
from recommender.places.heard import HeardLately
from recommender.places.presence import Absence, Judgement, Presence, Sighting, judge
from tests.places import AISLES, BERLIN, NOW, PARIS, UUID, chain, heard, key_of, zone_id

PLACES, RULES = chain(), read_presence_rules(Settings())
LATER = timedelta(seconds=6)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def told(*bursts: tuple[float, Sequence[Sighting]]) -> Judgement:
    """What the last of some bursts came to; each with the seconds after NOW at which it is told."""
    judgement = Judgement(Absence.UNKNOWN_BEACON, HeardLately())
    for seconds, sightings in bursts:
        judgement = judge(sightings, judgement.state, PLACES, at(seconds), RULES)
    return judgement


def in_zone(judgement: Judgement) -> str | None:
    return judgement.outcome.zone.name if isinstance(judgement.outcome, Presence) else None


def test_who_stays_is_there_and_by_our_clock_since_the_first_call():
    first = told((0, [heard("milk")]))
    assert first.outcome is Absence.DWELL_NOT_MET
    assert first.retry_after_seconds == 5
    assert told((0, [heard("milk")]), (6, [heard("milk", -6)])).outcome == Presence(
        BERLIN.store_id, PLACES.zones[zone_id(BERLIN, "milk")], NOW
    )


def test_a_phone_that_says_it_was_there_for_long_waits_like_any_other():
    long = [heard("milk", ago) for ago in range(100, -1, -5)]
    assert told((0, long)).outcome is Absence.DWELL_NOT_MET


@pytest.mark.parametrize(
    ("sighting", "reason"),
    [
        (Sighting(ibeacon_key(UUID, 9, 9), -60, 5, NOW), Absence.UNKNOWN_BEACON),
        (heard("milk", 121), Absence.STALE_SIGHTING),
        (heard("milk", -31), Absence.STALE_SIGHTING),
        (heard("milk", rssi_dbm=127), Absence.STALE_SIGHTING),
        (heard("milk", rssi_dbm=0), Absence.STALE_SIGHTING),
        (heard("milk", rssi_dbm=None), Absence.STALE_SIGHTING),
        (heard("pharmacy"), Absence.POLICY_NO_OFFER),
    ],
)
def test_what_says_nothing_of_now_is_not_kept(sighting: Sighting, reason: Absence):
    judgement = told((0, [sighting]))
    assert judgement.outcome is reason
    assert judgement.state == HeardLately()


def test_what_was_told_before_counts_once():
    once = told((0, [heard("milk")]))
    again = judge([heard("milk")], once.state, PLACES, at(6), RULES)
    assert again.outcome is Absence.STALE_SIGHTING
    assert again.state == once.state


def test_near_a_pharmacy_nothing_is_targeted_and_its_signals_are_not_kept():
    louder = told((0, [heard("milk")]), (6, [heard("milk", -6, -70), heard("pharmacy", -6, -60)]))
    assert louder.outcome is Absence.POLICY_NO_OFFER
    weaker = told((0, [heard("milk")]), (6, [heard("milk", -6, -60), heard("pharmacy", -6, -80)]))
    assert in_zone(weaker) == "milk"
    assert len(weaker.state.sightings) == 2


def test_two_stores_too_far_apart_for_the_time():
    assert told((0, [heard("milk")]), (60, [heard("milk", -60, store=PARIS)])).outcome is Absence.IMPLAUSIBLE_MOVEMENT
    hours = 4.5 * 3600  # at 200 km/h one comes 900 km far, and Paris is 880 away
    assert told((0, [heard("milk")]), (hours, [heard("milk", -hours, store=PARIS)])).outcome is Absence.DWELL_NOT_MET
    hours = 4.2 * 3600
    far = told((0, [heard("milk")]), (hours, [heard("milk", -hours, store=PARIS)]))
    assert far.outcome is Absence.IMPLAUSIBLE_MOVEMENT
    assert {one.last_seen for one in far.state.sightings} == {int(NOW.timestamp() * 1000)}


def test_zones_that_are_not_beside_each_other_take_time():
    there = told((0, [heard("entrance")]), (1, [heard("checkout", -1, -50)]))
    assert there.outcome is Absence.IMPLAUSIBLE_MOVEMENT
    walked = told((0, [heard("entrance")]), (8, [heard("checkout", -8, -50)]), (14, [heard("checkout", -14, -50)]))
    assert in_zone(walked) == "checkout"


def test_a_zone_that_still_seems_loudest_though_one_has_left_it_holds_nobody_up():
    walked = told(
        (0, [heard("entrance", rssi_dbm=-50)]),
        (3, [heard("bread", -3, -62)]),  # weaker than what fades
        (6, [heard("milk", -6, -55)]),  # two zones from the entrance, in six seconds
        (12, [heard("milk", -12, -55)]),
    )
    assert in_zone(walked) == "milk"


def test_a_beacon_that_was_moved_raises_an_alarm_and_is_not_believed():
    among = [heard("milk", -6), heard("wine", -6, -80), heard("milk", -6, -50, store=PARIS)]
    judgement = told((0, [heard("milk")]), (6, among))
    assert judgement.moved == (BeaconId(zone_id(PARIS, "milk")),)
    assert in_zone(judgement) == "milk"
    assert judgement.outcome.store_id == BERLIN.store_id if isinstance(judgement.outcome, Presence) else False
    both = told((0, [heard("milk"), heard("milk", store=PARIS)]))
    assert both.outcome is Absence.IMPLAUSIBLE_MOVEMENT


def test_another_zone_takes_over_only_with_a_margin():
    stays = told((0, [heard("milk", rssi_dbm=-70)]), (6, [heard("milk", -6, -70), heard("wine", -6, -68)]))
    assert in_zone(stays) == "milk"
    moves = told(
        (0, [heard("milk", rssi_dbm=-70)]),
        (6, [heard("milk", -6, -75), heard("wine", -6, -60)]),
        (12, [heard("wine", -12, -60)]),
    )
    assert in_zone(moves) == "wine"


def test_silence_ends_a_presence():
    back = told((0, [heard("milk")]), (40, [heard("milk", -40)]))
    assert back.outcome is Absence.DWELL_NOT_MET
    assert back.retry_after_seconds == 5


def test_a_beacon_stands_for_the_zone_that_it_was_in_then():
    beacon = PLACES.beacons[BeaconId(zone_id(BERLIN, "milk"))]
    moved = replace(PLACES, beacons={**PLACES.beacons, beacon.beacon_id: beacon.moved(zone_id(BERLIN, "wine"), NOW)})
    assert moved.zone_of(key_of("milk"), at(-1)) == PLACES.zones[zone_id(BERLIN, "milk")]
    assert moved.zone_of(key_of("milk"), at(0)) == PLACES.zones[zone_id(BERLIN, "wine")]


sightings = st.builds(
    heard, st.sampled_from(AISLES), st.integers(-5, 100), st.floats(-95, -40).map(lambda dbm: round(dbm, 1))
)


@given(st.lists(st.lists(sightings, min_size=1, max_size=6), min_size=1, max_size=6), st.randoms())
def test_late_repeated_and_reordered_bursts_come_out_the_same(bursts: list[list[Sighting]], random):
    # Each burst reaches us within the same moment, in any order, cut up in another way, and some of them twice.
    straight = told(*((6, burst) for burst in bursts))
    shuffled = [one for burst in bursts for one in burst]
    random.shuffle(shuffled)
    other = told(*((6, [one]) for one in shuffled), (6, bursts[0]), (9, bursts[-1]))
    assert other.state == straight.state
    more = heard("milk", -10)
    assert judge([more], straight.state, PLACES, at(12), RULES) == judge([more], other.state, PLACES, at(12), RULES)


@given(st.lists(st.tuples(st.floats(0, 60), st.lists(sightings, min_size=1, max_size=5)), max_size=6))
def test_nobody_is_present_without_the_dwell_by_our_clock(bursts: list[tuple[float, list[Sighting]]]):
    state, first = HeardLately(), None
    for seconds, burst in sorted(bursts, key=lambda entry: entry[0]):
        judgement = judge(burst, state, PLACES, at(seconds), RULES)
        state, first = judgement.state, at(seconds) if first is None else first
        if isinstance(judgement.outcome, Presence):
            assert at(seconds) - first >= timedelta(seconds=5)
            assert not judgement.outcome.zone.sensitive
