"""Work of many callers on the event loop: those who are ready in the same turn of it take their steps together."""

import asyncio
from typing import Any, TypeVar

from features.told import tell
from recommender.lockstep import Work, finished, in_step

T = TypeVar("T")


class MicroBatch:
    """Takes work in, and does at the end of the turn whatever came in it, step by step together.

    So the code and the arrays that a step needs stay in the processor's caches. Nobody waits for others to come: one
    who is alone goes on at once.

    Args:
        most: done together; the others wait a turn, so that whatever else is ready comes in between.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []

    def begin(self, work: Work[T]) -> "asyncio.Future[T]":
        """What the work returns; awaiting it raises what it raises, which is nobody else's matter."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, answered))
        if len(self._waiting) == 1:
            loop.call_soon(self._work_on)
        return answered

    def _work_on(self) -> None:
        taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._work_on)
        wanted = [(work, answered) for work, answered in taken if not answered.done()]  # the others have given up
        ends = finished(in_step([_end_of(work) for work, _ in wanted]))
        for (_, answered), end in zip(wanted, ends, strict=True):
            tell(answered, end)


def _end_of(work: Work[T]) -> Work[T | Exception]:
    """What the work returns, or raises."""
    try:
        return (yield from work)
    except Exception as error:  # for who asked
        return error
