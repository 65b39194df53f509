"""Updates of live state on their way: noted beside their events, so that whoever survives can make them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from features.online.live_events import LiveEntry
from features.online.live_value import pack

Updates = Mapping[str, bytes]  # by key of live state, the packed value to merge into what is kept there


def updates_of(entries_by_key: Mapping[str, Sequence[LiveEntry]], allowed_at: int = 0) -> Updates:
    """What live state is to be told of many shoppers.

    `allowed_at` is the change number of the ledger of consents as of which they may be kept: nothing is kept
    under a key that was emptied by more of it.
    """
    return {key: pack(entries, allowed_at) for key, entries in entries_by_key.items() if entries}


def encode_updates(updates: Updates) -> bytes:
    """Updates as bytes."""
    return orjson.dumps({key: value.hex() for key, value in updates.items()})


def decode_updates(encoded: bytes) -> Updates:
    """What `encode_updates` was given.

    Raises:
        ValueError: these are no such bytes.
    """
    decoded: Any = orjson.loads(encoded)
    try:
        return {key: bytes.fromhex(value) for key, value in decoded.items()}
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no updates of live state: {error}") from error
