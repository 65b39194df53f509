"""The clock: read at the edge only, handed to everything that needs the time."""

from collections.abc import Callable
from datetime import UTC, datetime

SECONDS_PER_DAY = 86_400.0

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def day_of(moment: datetime) -> float:
    """Days since 1970-01-01 UTC."""
    return moment.timestamp() / SECONDS_PER_DAY
