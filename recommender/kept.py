"""Values worked out from the catalogue, kept until it changes."""

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")


class Kept:
    """The last results of costly functions of the catalogue; a newer version of it forgets them all."""

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._version = -1
        self._values: dict[Hashable, object] = {}

    def get(self, version: int, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key` at this version; `make` is called when it is not there. A key always has one type."""
        if version != self._version:
            self._version, self._values = version, {}
        value = self._values.get(key)
        if value is None:
            if len(self._values) >= self._limit:
                self._values.pop(next(iter(self._values)))
            value = self._values[key] = make()
        return cast("T", value)  # the key fixes the type
