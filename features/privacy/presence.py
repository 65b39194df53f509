"""What the devices of a person heard lately, as it is kept under their identifiers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from features.identity import Identifier
from features.online.keys import presence_of
from features.online.presence_states import unpack
from features.sql.place_rows import BEACONS, STORES
from features.sql.place_store import PlaceStore
from recommender.places.places import number_of


def presence_keys_of(named: Sequence[Identifier]) -> list[str]:
    """Keys of presence of these identifiers."""
    return [presence_of(one) for one in named]


def presence_records(redis: Redis, engine: Engine, named: Sequence[Identifier]) -> list[dict[str, Any]]:
    """What is kept, for people to read."""
    values: Any = [redis.get(key) for key in presence_keys_of(named)]
    states = [unpack(value).whereabouts for value in values if value is not None]
    if not states:
        return []
    store = PlaceStore(engine)
    beacons = {number_of(one.key): one.beacon_id for one in store.read_all(BEACONS)}
    stores = {number_of(one.store_id): one.store_id for one in store.read_all(STORES)}
    return [
        {
            "heard": [
                {"beacon_id": beacons.get(one.beacon), "at": _moment(one.at), "rssi_dbm": one.rssi_dbm}
                for sightings in state.devices.values()
                for one in sightings
            ],
            "stores": [{"store_id": stores.get(number), "at": _moment(at)} for number, at in state.stores.items()],
        }
        for state in states
        if state.devices or state.stores
    ]


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
