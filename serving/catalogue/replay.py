"""Replays changes on a catalogue in short slices, so that requests are answered in between."""

import asyncio
from collections.abc import Iterator
from time import perf_counter

from features.sql.changes import Changes
from recommender.catalogue import Catalogue

SLICE_SECONDS = 0.004
STEP = 32  # changes between two looks at the time
WAIT_SECONDS = 0.001  # between two looks whether it is still held


async def replay(catalogue: Catalogue, changes: Changes) -> None:
    """Bring a catalogue to the state of `changes`; each item is whole at any moment, the catalogue only at the end."""
    steps, is_left = _steps(catalogue, changes), bool(changes.deleted or changes.items or changes.stock)
    while is_left:
        while catalogue.held:
            await asyncio.sleep(WAIT_SECONDS)
        is_left = _go_on(steps)
        if is_left:
            await asyncio.sleep(0)


def _go_on(steps: Iterator[None]) -> bool:
    """Take steps for SLICE_SECONDS; whether any are left."""
    started = perf_counter()
    return any(perf_counter() - started > SLICE_SECONDS for _ in steps)


def _steps(catalogue: Catalogue, changes: Changes) -> Iterator[None]:
    # What must no longer be shown comes first.
    for position, item_id in enumerate(changes.deleted):
        catalogue.remove(item_id)
        if position % STEP == 0:
            yield
    for position, item in enumerate(changes.items):
        catalogue.upsert(item)
        if position % STEP == 0:
            yield
    for position, line in enumerate(changes.stock):
        catalogue.set_store_stock_of_number(line.store_id, line.item_number, line.quantity)
        if position % STEP == 0:
            yield
