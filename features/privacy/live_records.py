"""What live state holds of a person, for the answer to an access request: every field of `LiveEvents`, in words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import isinf
from typing import Any

from redis import Redis
from sqlalchemy import Engine, select

from features.identity import Identifier
from features.online.live_events import ORDER_KINDS, LiveEvents
from features.online.live_value import unpack
from features.privacy.live import live_keys_of
from features.sql.engine import reading
from features.sql.tables.catalogue import items
from recommender.shopper import EventKind
from recommender.shown import SHOWN_DAYS, Shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ItemIds = Mapping[int, str]  # by item number


def live_records(redis: Redis, engine: Engine, named: Sequence[Identifier]) -> Sequence[Mapping[str, Any]]:
    """One record for each of the identifiers that something is kept of."""
    found = list[Mapping[str, Any]]()
    for key in live_keys_of(named):
        value: Any = redis.get(key)
        if value is not None:
            live = unpack([value])
            item_ids = _item_ids(engine, {*live.numbers.tolist(), *live.shown.numbers.tolist()})
            found.append(
                {
                    "key": key, "events": _events(live, item_ids), "places": _places(live),
                    "shown": _shown(live.shown, item_ids), "emptied_at": live.emptied_at,
                }
            )  # fmt: skip
    return found


def moment(day: float) -> str:
    """Days since 1970-01-01 UTC as people write them."""
    return (EPOCH + timedelta(days=day)).isoformat(timespec="seconds")


def _item_ids(engine: Engine, numbers: Iterable[int]) -> ItemIds:
    with reading(engine) as connection:
        query = select(items.c.item_number, items.c.item_id).where(items.c.item_number.in_(numbers))
        return {row.item_number: row.item_id for row in connection.execute(query)}


def _events(live: LiveEvents, item_ids: ItemIds) -> list[dict[str, Any]]:
    """Of orders with the hash by which a refund finds its order."""
    columns = live.kinds, live.numbers, live.days, live.quantities, live.orders
    return [
        {
            "event": EventKind(kind).name.lower(), "item_id": item_ids.get(number), "at": moment(day),
            "quantity": "all" if isinf(quantity) else quantity,
            **({"order": f"{order:08x}"} if kind in ORDER_KINDS else {}),
        }
        for kind, number, day, quantity, order in zip(*(column.tolist() for column in columns), strict=True)
    ]  # fmt: skip


def _places(live: LiveEvents) -> list[dict[str, Any]]:
    return [
        {"kind": kind.name.lower(), "place_id": place.place_id, "at": moment(place.day)}
        for kind, place in live.places.items()
    ]


def _shown(shown: Shown, item_ids: ItemIds) -> list[dict[str, Any]]:
    """By placement, of which one byte is kept, the items and the days on which it showed them, the latest first."""
    columns = shown.places, shown.numbers, shown.days
    return [
        {
            "placement_code": place, "item_id": item_ids.get(number),
            "on": [_date(shown.day - before) for before in range(SHOWN_DAYS) if days >> before & 1],
        }
        for place, number, days in zip(*(column.tolist() for column in columns), strict=True)
    ]  # fmt: skip


def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
