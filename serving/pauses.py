"""Long work on the event loop, in slices, so that requests are answered in between.

A thread was tried: calls of 250 recipients took over half a minute on a busy machine. Each compiled function that a
decision calls gives up the interpreter and then waits for it; how much of it was that, and how much the busy machine,
was not told apart.
"""

import asyncio
from time import perf_counter
from typing import TypeVar

from recommender.lockstep import Work

T = TypeVar("T")
SLICE_SECONDS = 0.001


async def with_pauses(work: Work[T]) -> T:
    """Take all steps; after each SLICE_SECONDS others have their turn. Work that is cancelled is closed."""
    started = perf_counter()
    try:
        while True:
            next(work)
            if perf_counter() - started > SLICE_SECONDS:
                await asyncio.sleep(0)
                started = perf_counter()
    except StopIteration as end:
        return end.value
    finally:
        work.close()
