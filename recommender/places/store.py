"""Stores: where each is, and when it is open."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo, available_timezones

from recommender.errors import InvalidInput
from recommender.ids import StoreId

OpeningHours = Mapping[str, Sequence[Sequence[str]]]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One place where the shop sells.

    Attributes:
        timezone: a name of the tz database ("Europe/Berlin").
        latitude, longitude: in degrees, both or neither.
        opening_hours: as `check_opening_hours` has it; None: not stated.
    """

    store_id: StoreId
    name: str
    timezone: str
    market: str
    latitude: float | None = None
    longitude: float | None = None
    opening_hours: OpeningHours | None = None

    def is_open(self, at: datetime) -> bool | None:
        """Whether it is open at a moment; None: it does not say."""
        if self.opening_hours is None:
            return None
        local = at.astimezone(ZoneInfo(self.timezone))
        today, minute = local.date(), local.hour * 60 + local.minute
        yesterday = today - timedelta(days=1)
        return any(begin <= minute < end for begin, end in self._hours_of(today)) or any(
            minute < end - _DAY for _, end in self._hours_of(yesterday)
        )

    def km_to(self, latitude: float, longitude: float) -> float | None:
        """Distance over the ground; None: the store does not say where it is. Haversine formula on a sphere."""
        if self.latitude is None or self.longitude is None:
            return None
        north, south = radians(self.latitude), radians(latitude)
        half = sin((north - south) / 2) ** 2
        half += cos(north) * cos(south) * sin(radians(self.longitude - longitude) / 2) ** 2
        return 2 * EARTH_KM * asin(sqrt(min(1.0, half)))

    def km_between(self, other: "Store") -> float | None:
        """Distance to another store; None: one of them does not say where it is."""
        if other.latitude is None or other.longitude is None:
            return None
        return self.km_to(other.latitude, other.longitude)

    def _hours_of(self, day: date) -> Sequence[tuple[int, int]]:
        """From and until of a day, in minutes after its midnight; past 1,440 it is the next day."""
        hours = self.opening_hours or {}
        stated = hours.get(day.isoformat(), hours.get(WEEKDAYS[day.weekday()], ()))
        return [_minutes(begin, end) for begin, end in stated]


def check_store(store: Store) -> Store:
    """The store, if its facts fit; raises InvalidInput, which names the field."""
    if store.timezone not in known_zones():
        raise InvalidInput(
            f"{store.timezone!r} is no time zone.", field="timezone", remedy="Use a name such as Europe/Berlin."
        )
    if (store.latitude is None) != (store.longitude is None):
        missing = "latitude" if store.latitude is None else "longitude"
        raise InvalidInput("A position takes both degrees.", field=missing, remedy="Send both, or neither.")
    for field, degrees, most in (("latitude", store.latitude, 90.0), ("longitude", store.longitude, 180.0)):
        if degrees is not None and not -most <= degrees <= most:
            raise InvalidInput(f"{field} is from -{most:.0f} to {most:.0f} degrees.", field=field, remedy="Correct it.")
    if store.opening_hours is not None:
        check_opening_hours(store.opening_hours)
    return store


known_zones = cache(available_timezones)


def check_opening_hours(hours: OpeningHours) -> None:
    """Refuse what is no opening hours.

    They are lists of [from, until] in local time ("08:00", until up to "24:00") by day: "mon" to "sun", or a date,
    which takes the place of its weekday. A day that is not named is closed. An `until` that is not after its `from` is
    of the next day.

    Raises:
        InvalidInput: names the day.
    """
    for day, stated in hours.items():
        field = f"opening_hours.{day}"
        if day not in WEEKDAYS and not _is_date(day):
            raise InvalidInput(
                f"{day!r} is neither a weekday nor a date.", field=field, remedy='Use "mon" to "sun", or "2026-12-25".'
            )
        for pair in stated:
            if len(pair) != 2 or not all(_TIME.fullmatch(text) for text in pair) or pair[0] == "24:00":
                raise InvalidInput(
                    "Each entry is a pair of local times.", field=field, remedy='Send [["08:00", "20:00"]].'
                )


_DAY = 24 * 60
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@cache
def _minutes(begin: str, end: str) -> tuple[int, int]:
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (begin, end))
    return first, last if last > first else last + _DAY
