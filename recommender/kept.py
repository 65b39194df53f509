"""Values worked out from the catalogue, kept until it changes."""

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

T = TypeVar("T")


class Kept:
    """The last results of costly functions of the catalogue; a newer version of it forgets them all.

    Several threads may ask at once: two of them may both work a value out, and the later one stays.
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._at_version: tuple[int, dict[Hashable, object]] = (-1, {})
        self._lock = Lock()

    def get(self, version: int, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key` at this version; `make` is called when it is not there. A key always has one type."""
        known, values = self._at_version
        value = values.get(key) if known == version else None
        if value is None:
            value = make()
            self._keep(version, key, value)
        return cast("T", value)  # the key fixes the type

    def _keep(self, version: int, key: Hashable, value: object) -> None:
        with self._lock:
            if self._at_version[0] != version:
                self._at_version = version, {}
            values = self._at_version[1]
            if len(values) >= self._limit:
                values.pop(next(iter(values)))
            values[key] = value
