"""A value worked out once, when first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class derived(Generic[T]):  # noqa: N801 used like a decorator of functions
    """Like `functools.cached_property`, without the lock that it takes on Python 3.11.

    For objects that one thread uses: two threads may both work the value out, and the later one stays.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> "derived[T]": ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object | None, kind: type) -> "T | derived[T]":
        if owner is None:
            return self
        # Not a data descriptor: from now on the instance's own entry answers.
        value = owner.__dict__[self._name] = self._make(owner)
        return value
