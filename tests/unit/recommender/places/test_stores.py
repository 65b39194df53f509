"""Stores: when they are open, how far apart they are, what an app watches around them; and what beacons send."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import Conflict, InvalidInput
from recommender.ids import BeaconId
from recommender.places.beacons import ALWAYS, Beacon, eddystone_uid_key, frame_of, ibeacon_key
from recommender.places.manifest import MOST_REGIONS, Near, Region, regions_near
from recommender.places.store import Store, check_store
from tests.places import BERLIN, NOW, PARIS, UUID, chain, key_of, zone_id

OPEN = replace(
    BERLIN,
    opening_hours={"fri": [["08:00", "12:00"], ["14:00", "02:00"]], "sat": [["09:00", "24:00"]], "2026-12-25": []},
)


def open_at(text: str, store: Store = OPEN) -> bool | None:
    return store.is_open(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-20T07:00:00+00:00", True),  # Friday, 08:00 in Berlin
        ("2026-11-20T06:59:00+00:00", False),
        ("2026-11-20T12:00:00+01:00", False),
        ("2026-11-20T14:00:00+01:00", True),
        ("2026-11-21T01:59:00+01:00", True),  # still Friday's evening
        ("2026-11-21T02:00:00+01:00", False),
        ("2026-11-21T23:59:00+01:00", True),
        ("2026-11-22T00:00:00+01:00", False),  # Sunday is not named
        ("2026-07-17T08:00:00+02:00", True),  # in summer time
        ("2026-12-25T10:00:00+01:00", False),  # a Friday, but its date says otherwise
    ],
)
def test_a_store_is_open_by_its_own_clock(moment: str, is_open: bool):
    assert open_at(moment) is is_open


def test_of_a_store_that_says_nothing_nothing_is_known():
    assert open_at("2026-11-20T12:00:00+01:00", BERLIN) is None
    assert open_at("2026-11-20T12:00:00+01:00", replace(BERLIN, opening_hours={})) is False
    assert replace(BERLIN, latitude=None, longitude=None).km_between(PARIS) is None
    assert PARIS.km_between(replace(BERLIN, latitude=None, longitude=None)) is None


@pytest.mark.parametrize(
    "hours", [{"mo": []}, {"mon": [["8:00", "20:00"]]}, {"mon": [["24:00", "24:00"]]}, {"mon": [["08:00"]]}]
)
def test_hours_that_are_none_are_named(hours: dict[str, list[list[str]]]):
    with pytest.raises(InvalidInput) as refused:
        check_store(replace(BERLIN, opening_hours=hours))
    assert refused.value.field == f"opening_hours.{next(iter(hours))}"


def test_distances_are_over_the_ground():
    assert BERLIN.km_between(PARIS) == pytest.approx(878, abs=3)
    assert BERLIN.km_between(BERLIN) == 0
    date_line = replace(BERLIN, latitude=0.0, longitude=179.9)
    assert date_line.km_to(0.0, -179.9) == pytest.approx(22.2, abs=0.1)


@given(st.uuids(), st.integers(0, 65_535), st.integers(0, 65_535))
def test_an_ibeacon_has_one_key_however_it_is_spelt(uuid, major, minor):
    key = ibeacon_key(str(uuid), major, minor)
    assert ibeacon_key(uuid.hex.upper(), major, minor) == key
    assert frame_of(Beacon(BeaconId("b"), key)) == {
        "type": "ibeacon",
        "uuid": str(uuid),
        "major": major,
        "minor": minor,
    }


def test_what_no_beacon_sends_is_refused_by_name():
    for broken, field in [
        (lambda: ibeacon_key("xyz", 1, 1), "uuid"),
        (lambda: ibeacon_key(UUID, 65_536, 1), "major"),
        (lambda: ibeacon_key(UUID, 1, -1), "minor"),
        (lambda: eddystone_uid_key("ab", "0bdb87539b67"), "namespace"),
        (lambda: eddystone_uid_key("edd1ebeac04e5defa017", "0bdb87539b6g"), "instance"),
    ]:
        with pytest.raises(InvalidInput) as refused:
            broken()
        assert refused.value.field == field


@given(st.lists(st.tuples(st.sampled_from(["milk", "wine", None]), st.integers(0, 1_000)), max_size=8))
def test_a_beacon_stands_for_one_zone_at_a_time_and_its_past_stays(moves):
    beacon, said = Beacon(BeaconId("b"), key_of("milk")), []
    for name, days in moves:
        zone, since = None if name is None else zone_id(BERLIN, name), ALWAYS + timedelta(days=days)
        before = beacon
        try:
            beacon = beacon.moved(zone, since)
        except Conflict:
            assert said
            assert since <= said[-1][0]
            continue
        if beacon is not before:
            said.append((since, zone))
            earlier = since - timedelta(seconds=1)
            assert beacon.zone_at(earlier) == before.zone_at(earlier)
        assert beacon.zone_at(since) == zone
    assert [(one.since, one.zone_id) for one in beacon.assignments] == said


def test_the_manifest_names_chains_and_stores_and_no_beacon():
    places = chain()
    spare = Beacon(BeaconId("spare"), eddystone_uid_key("edd1ebeac04e5defa017", "0bdb87539b67"))
    places = places.with_changes({}, {}, {spare.beacon_id: spare.moved(zone_id(PARIS, "milk"), NOW)})
    uid, whole = Region("eddystone_uid", "edd1ebeac04e5defa017"), Region("ibeacon", UUID)
    berlin, paris = Region("ibeacon", UUID, 1), Region("ibeacon", UUID, 2)
    assert regions_near(places, BERLIN.store_id) == [uid, whole, berlin, paris]
    assert regions_near(places, Near(48.8, 2.3)) == [uid, whole, paris, berlin]
    nowhere = replace(BERLIN, latitude=None, longitude=None)
    alone = places.with_changes({BERLIN.store_id: nowhere}, {}, {})
    assert regions_near(alone, BERLIN.store_id) == [uid, whole, berlin]
    assert MOST_REGIONS == 20
