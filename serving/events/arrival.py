"""When and from whom events came."""

from dataclasses import dataclass
from datetime import datetime

from serving.access import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """When and from whom the events of one call came.

    Attributes:
        now: when they are taken in: what the log calls received.
        received_at: when they reached us first, by which a wrong clock is set right; earlier than `now` in a replay.
        sent_at: when they were sent, by the sender's clock; an event's own word goes before it.
        privacy_signal: the browser sent Global Privacy Control; the law says what that stops.
        access: who sent them, and so what of the people they name is a fact.
    """

    now: datetime
    received_at: datetime
    access: Access
    sent_at: datetime | None = None
    privacy_signal: bool = False
