"""What a row of the event log means for live state: the same from the request that brought it and from a replay."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from math import inf
from typing import cast

from features.definitions import ACCEPTED_AGE
from features.events.schema import (
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
    PRODUCT_VIEWED,
    TAKES_BACK,
)
from features.online.live_events import LiveEntry, LiveEvent, LivePlace, PlaceKind
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION
from recommender.ids import ItemNumber
from recommender.shopper import EventKind

LIVE_KINDS = {
    PRODUCT_VIEWED: EventKind.VIEWED,
    PRODUCT_ADDED: EventKind.ADDED,
    PRODUCT_REMOVED: EventKind.REMOVED,
    ORDER_COMPLETED: EventKind.ORDERED,
    ORDER_REFUNDED: EventKind.REFUNDED,
    ORDER_CANCELLED: EventKind.CANCELLED,
}
ZONE_KINDS = {
    "Zone Entered": PlaceKind.ZONE,
    "Zone Dwelled": PlaceKind.ZONE,
    "Zone Exited": PlaceKind.LEFT_ZONE,
}


def is_live(row: Mapping[str, object]) -> bool:
    """Whether a row may reach live state at all: the consent in force covers it, and it is not too old."""
    age = _moment(row["received_at"]) - _moment(row["occurred_at"])
    return age <= ACCEPTED_AGE and PERSONALISATION in _purposes(row)


def entries_of(row: Mapping[str, object], number_of: Callable[[str], ItemNumber | None]) -> list[LiveEntry]:
    """Live entries of one row of the log; none for an event of another kind or on an item without a number.

    Args:
        row: by column of EVENT_COLUMNS, as it stands in the stream or before; what is null may be left out.
        number_of: the number of an item that the catalogue has; None for another.
    """
    if not is_live(row):
        return []
    event, occurred_ms = str(row["event"]), round(_moment(row["occurred_at"]).timestamp() * 1000)
    entries: list[LiveEntry] = list(_places(event, row, occurred_ms))
    kind, item_id = LIVE_KINDS.get(event), row.get("item_id")
    if kind is None:
        return entries
    number = None if item_id is None else number_of(str(item_id))
    if number is None and (item_id is not None or event not in TAKES_BACK):
        return entries
    quantity, order_id = row.get("quantity"), row.get("order_id")
    usual = inf if event in TAKES_BACK else 1.0
    entries.append(
        LiveEvent(
            event_id=str(row["event_id"]),
            line=int(row["line"]) if isinstance(row["line"], int) else 0,
            kind=kind,
            item_number=number,
            quantity=float(quantity) if isinstance(quantity, int | float) else usual,
            occurred_ms=occurred_ms,
            order_id=None if order_id is None else str(order_id),
        )
    )
    return entries


def _places(event: str, row: Mapping[str, object], occurred_ms: int) -> list[LivePlace]:
    store_id, zone_id = row.get("store_id"), row.get("zone_id")
    places: list[LivePlace] = []
    if event in ZONE_KINDS:
        if IN_STORE_LOCATION not in _purposes(row):
            return []
        if zone_id is not None:
            places.append(LivePlace(kind=ZONE_KINDS[event], place_id=str(zone_id), occurred_ms=occurred_ms))
    elif event != ORDER_COMPLETED:
        return []
    if store_id is not None:
        places.append(LivePlace(kind=PlaceKind.STORE, place_id=str(store_id), occurred_ms=occurred_ms))
    return places


def _purposes(row: Mapping[str, object]) -> Collection[str]:
    return cast("Collection[str] | None", row.get("consent")) or ()  # as the column is typed


def _moment(value: object) -> datetime:
    """A moment of a row; the stream holds them as text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
