"""The packed value in which live state keeps what one identifier did lately: places, then events, newest first.

    number of places (1 byte), then for each: kind (1), length of the rest (1), moment (6), id of the place in UTF-8;
      three more kinds have a change number of the ledger of consents in place of a moment, and no id:
      16, emptied: what was allowed by less of the ledger than this is gone; 17, allowed: so much of it allows the rest;
      18, unplaced: places that were written before, or allowed by less of the ledger than this, are gone
      and one more a moment and records of SHOWN_BYTES: 19, shown: placement (1), item number (4), days as bits (1)
    for each event RECORD_BYTES: moment (6), kind (1), name (4), line (1), item number (4), quantity (2)

All numbers are big-endian, so that records compare like what they say: first by moment in milliseconds, then by kind
(of what happens at once, an order is later than a removal, that than an addition). Two values are merged by taking the
newest of the records of both, each once, and of each kind of place the later one; where either was emptied, only of
what was allowed since. `lua/keep_newest_events.lua` does that in Redis, `unpack` merges what it finds for the two
identifiers of a shopper.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from struct import Struct

import numpy as np

from features.definitions import KEPT_PLACE_BYTES
from features.online.live_events import (
    MS_PER_DAY,
    NO_LIVE_EVENTS,
    NO_PLACES,
    ORDER_KINDS,
    LastPlace,
    LiveEntry,
    LiveEvent,
    LiveEvents,
    LivePlace,
    PlaceKind,
)
from recommender.shown import NOTHING_SHOWN, Shown

_RECORD = Struct(">6sBIBIe")
RECORD_BYTES = _RECORD.size
_RECORDS = np.dtype(
    [
        ("moment_high", ">u2"), ("moment_low", ">u4"), ("kind", "u1"), ("name", ">u4"), ("line", "u1"),
        ("number", ">u4"), ("quantity", ">f2"),
    ]
)  # fmt: skip
_MOMENT_BYTES = 6
_WHOLE_ORDER = 2**32 - 1  # in place of an item number
_LARGEST_QUANTITY = 60_000.0  # a float of 16 bits ends a little above
_NOTHING = b"\0"
_EMPTIED, _ALLOWED, _UNPLACED = 16, 17, 18  # kinds of change numbers; those of places are below
_SHOWN = 19
_SHOWN_RECORDS = np.dtype([("place", "u1"), ("number", ">u4"), ("days", "u1")])
SHOWN_BYTES = _SHOWN_RECORDS.itemsize  # MOST_SHOWN of them and a moment fit into the 255 bytes that a length can say


def pack(entries: Iterable[LiveEntry], allowed_at: int = 0) -> bytes:
    """The value that holds these entries and no others; the same entries in any order give the same bytes.

    Args:
        entries: what the shopper did.
        allowed_at: the change number of the ledger of consents as of which they may be kept; 0: not where a key was
            ever emptied.
    """
    records, places = set[bytes](), dict[int, bytes]()
    for entry in entries:
        if isinstance(entry, LiveEvent):
            records.add(_pack_event(entry))
        elif (place := _pack_place(entry)) > places.get(entry.kind, b""):
            places[entry.kind] = place
    return _join(places, b"".join(sorted(records, reverse=True)), allowed_at)


def pack_emptied(emptied_at: int) -> bytes:
    """The value that empties what it is merged into, as of a change number of the ledger of consents."""
    return _join({_EMPTIED: emptied_at.to_bytes(_MOMENT_BYTES)}, b"", 0)


def pack_unplaced(unplaced_at: int) -> bytes:
    """The value that takes places out of what it is merged into, as of a change number of the ledger of consents."""
    return _join({_UNPLACED: unplaced_at.to_bytes(_MOMENT_BYTES)}, b"", 0)


def pack_shown(shown: Shown, shown_ms: int, allowed_at: int) -> bytes:
    """The value that says what was shown, in place of what was said of it before `shown_ms`; of that day is `shown`."""
    records = np.empty(len(shown), dtype=_SHOWN_RECORDS)
    records["place"], records["number"], records["days"] = shown.places, shown.numbers, shown.days
    return _join({_SHOWN: shown_ms.to_bytes(_MOMENT_BYTES) + records.tobytes()}, b"", allowed_at)


def as_update(value: bytes, allowed_at: int) -> bytes | None:
    """What another identifier may take over of a kept value, as of a change number; None: nothing."""
    places, records = _split(value)
    emptied_at, unplaced_at = (int.from_bytes(places.pop(kind, b"")) for kind in (_EMPTIED, _UNPLACED))
    places.pop(_ALLOWED, None)
    if unplaced_at > allowed_at:
        places = {}
    if emptied_at > allowed_at or not (places or records):
        return None
    return _join(places, records, allowed_at)


def unpack(values: Sequence[bytes | None]) -> LiveEvents:
    """Read the values of a shopper's identifiers, merged; None stands for an identifier that nothing is known of."""
    known = [value for value in values if value is not None and value != _NOTHING]
    if not known:
        return NO_LIVE_EVENTS
    split = [_split(value) for value in known]
    if len(split) == 1:
        places, packed = split[0]
    else:
        places = {kind: max(of.get(kind, b"") for of, _ in split) for of, _ in split for kind in of}
        packed = b"".join(sorted({record for _, records in split for record in _records(records)}, reverse=True))
    return _as_arrays(packed, places)


def _pack_event(event: LiveEvent) -> bytes:
    # An order is named by its id, so that a refund finds it; what tells its events apart is all the rest.
    named = event.order_id if event.kind in ORDER_KINDS and event.order_id is not None else event.event_id
    name = blake2b(named.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    number = _WHOLE_ORDER if event.item_number is None else event.item_number
    quantity = event.quantity if event.quantity == np.inf else min(max(event.quantity, 0.0), _LARGEST_QUANTITY)
    moment = event.occurred_ms.to_bytes(_MOMENT_BYTES)
    return _RECORD.pack(moment, event.kind, int.from_bytes(name), event.line & 0xFF, number, quantity)


def _pack_place(place: LivePlace) -> bytes:
    """Empty, which is earlier than any place, for an id that is too long to be kept."""
    place_id = place.place_id.encode("utf-8", "surrogatepass")
    return b"" if len(place_id) > KEPT_PLACE_BYTES else place.occurred_ms.to_bytes(_MOMENT_BYTES) + place_id


def _join(places: dict[int, bytes], records: bytes, allowed_at: int) -> bytes:
    if allowed_at:
        places[_ALLOWED] = allowed_at.to_bytes(_MOMENT_BYTES)
    head = b"".join(bytes((kind, len(place))) + place for kind, place in sorted(places.items()))
    return bytes((len(places),)) + head + records


def _split(value: bytes) -> tuple[dict[int, bytes], bytes]:
    """Places by kind, and the records."""
    places, at = dict[int, bytes](), 1
    for _ in range(value[0]):
        kind, length = value[at], value[at + 1]
        places[kind] = value[at + 2 : at + 2 + length]
        at += 2 + length
    return places, value[at:]


def _records(packed: bytes) -> list[bytes]:
    return [packed[at : at + RECORD_BYTES] for at in range(0, len(packed), RECORD_BYTES)]


def _as_arrays(packed: bytes, places: dict[int, bytes]) -> LiveEvents:
    records = np.frombuffer(packed, dtype=_RECORDS)
    emptied = places.pop(_EMPTIED, b"")
    for kind in (_ALLOWED, _UNPLACED):
        places.pop(kind, None)
    shown = places.pop(_SHOWN, None)
    return LiveEvents(
        numbers=records["number"].astype(np.uint32).view(np.int32),
        kinds=records["kind"].copy(),
        days=(records["moment_high"] * 2.0**32 + records["moment_low"]) / MS_PER_DAY,
        quantities=records["quantity"].astype(np.float32),
        orders=records["name"].astype(np.uint32),
        places={PlaceKind(kind): _last(place) for kind, place in places.items()} if places else NO_PLACES,
        emptied_at=int.from_bytes(emptied),
        shown=NOTHING_SHOWN if shown is None else _shown(shown),
    )


def _shown(packed: bytes) -> Shown:
    records = np.frombuffer(packed, dtype=_SHOWN_RECORDS, offset=_MOMENT_BYTES)
    day = int(int.from_bytes(packed[:_MOMENT_BYTES]) // MS_PER_DAY)
    return Shown(day, records["place"].copy(), records["number"].astype(np.int32), records["days"].copy())


def _last(place: bytes) -> LastPlace:
    moment, place_id = place[:_MOMENT_BYTES], place[_MOMENT_BYTES:]
    return LastPlace(int.from_bytes(moment) / MS_PER_DAY, place_id.decode("utf-8", "surrogatepass"))
