"""Moves the data set's year to the present by whole weeks, once, and remembers by how many."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

WEEK = timedelta(weeks=1)


def whole_weeks(last_at: datetime, now: datetime) -> timedelta:
    """The largest shift by whole weeks after which `last_at` is not in the future: weekdays and hours stay."""
    return (now - last_at) // WEEK * WEEK


def read_shift(file: Path) -> timedelta | None:
    """The shift that this data folder was prepared with; None: it was not."""
    if not file.exists():
        return None
    return timedelta(weeks=json.loads(file.read_text())["weeks"])


def write_shift(file: Path, shift: timedelta, last_at: datetime) -> None:
    """Record the shift; `last_at` is the data set's last purchase, in its own dates."""
    file.parent.mkdir(parents=True, exist_ok=True)
    recorded = {
        "weeks": shift // WEEK,
        "last_original_at": last_at.astimezone(UTC).isoformat(),
        "last_shifted_at": (last_at + shift).astimezone(UTC).isoformat(),
    }
    beside = file.with_suffix(".partial")
    beside.write_text(json.dumps(recorded, indent=2) + "\n")
    beside.replace(file)
