"""Replays changes on a catalogue in short slices, so that requests are answered in between."""

import asyncio
from collections.abc import Iterator
from time import perf_counter

from features.sql.changes import Changes
from recommender.catalogue import Catalogue

SLICE_SECONDS = 0.004
STEP = 32  # changes between two looks at the time


async def replay(catalogue: Catalogue, changes: Changes) -> None:
    """Bring a catalogue to the state of `changes`; each item is whole at any moment, the catalogue only at the end."""
    started = perf_counter()
    for _ in _steps(catalogue, changes):
        if perf_counter() - started > SLICE_SECONDS:
            await asyncio.sleep(0)
            started = perf_counter()


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
