"""Replays dead letters: what fits now is taken in, once, as if it had come when it first did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import msgspec
from msgspec import DecodeError

from features.events.dead_letters import DeadLetter, DeadLetters
from recommender.ids import UserId
from serving.access import Access
from serving.events.arrival import Arrival
from serving.events.schemas import Kind
from serving.events.use_cases import Ingest


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of the letters; those still rejected stay."""

    accepted: int
    duplicates: int
    still_rejected: int


async def replay(
    letters: Sequence[DeadLetter], ingest: Ingest, dead_letters: DeadLetters, now: datetime
) -> ReplayReport:
    """Check letters again and take in what fits; what was taken in leaves the list.

    A replay that was cut off may be started again: an event without an id of its own gets that of its letter.

    Raises:
        StoreUnavailable: the event stream cannot be reached; what was not taken in stays.
    """
    counts = {"accepted": 0, "duplicate": 0, "rejected": 0}
    for letter in letters:
        arrival = Arrival(
            now=now,
            received_at=letter.received_at,
            access=Access(trusted=letter.trusted, subject=None if letter.subject is None else UserId(letter.subject)),
            sent_at=letter.sent_at,
        )
        kind = cast("Kind | None", letter.kind)  # written by Ingest, which was given a Kind
        [outcome] = await ingest([_with_id(letter)], arrival, kind=kind, keep_rejected=False)
        counts[outcome.status] += 1
        if outcome.status != "rejected":
            dead_letters.mark_replayed([letter])
    return ReplayReport(counts["accepted"], counts["duplicate"], counts["rejected"])


def _with_id(letter: DeadLetter) -> bytes:
    try:
        event = msgspec.json.decode(letter.text)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return letter.text.encode()
    if isinstance(event, dict) and event.get("messageId") is None:
        event["messageId"] = letter.letter_id
        return msgspec.json.encode(event)
    return letter.text.encode()
