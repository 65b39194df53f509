"""Long work on the event loop, in slices, so that requests are answered in between.

A thread would not do: each compiled function that a decision calls gives up the interpreter and then waits for it, and
with much else to do that takes many times as long as the decision.
"""

import asyncio
from time import perf_counter
from typing import TypeVar

from recommender.lockstep import Work

T = TypeVar("T")
SLICE_SECONDS = 0.002


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
