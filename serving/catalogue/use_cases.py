"""What can be done to the catalogue: written to SQL in a thread, in force here before the reply, announced to all."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from features.audit import Author
from features.sql.catalogue_store import CatalogueStore
from features.sql.stock_store import StockLine, StockStore
from recommender.catalogue import CatalogueItem
from recommender.errors import UnknownItem
from recommender.ids import ItemId
from serving.catalogue.schemas import ItemBody
from serving.clock import day_of

UNPRICED = "XXX"  # ISO 4217: no currency


class CatalogueDesk:
    """Reads and changes items and stock. Each change is committed, and holds on this worker, when its call returns."""

    def __init__(self, items: CatalogueStore, stock: StockStore, announce: Callable[[], Awaitable[None]]) -> None:
        self._items, self._stock, self._announce = items, stock, announce

    async def read(self, item_id: ItemId) -> CatalogueItem:
        """Read one item; raises UnknownItem."""
        return await asyncio.to_thread(self._items.get, item_id)

    async def put(self, item_id: ItemId, body: ItemBody, now: datetime, by: Author) -> CatalogueItem:
        """State all facts of one item."""
        stored = await asyncio.to_thread(self._put, item_id, body, now, by)
        await self._announce()
        return stored

    async def delete(self, item_id: ItemId, by: Author) -> None:
        """Take one item out; raises UnknownItem."""
        await asyncio.to_thread(self._items.delete, item_id, by=by)
        await self._announce()

    async def set_stock(self, lines: Sequence[StockLine], by: Author) -> int:
        """State the stock of all lines, or of none; raises UnknownItem. Returns the change number."""
        change_number = await asyncio.to_thread(self._stock.set_lines, lines, by=by)
        await self._announce()
        return change_number

    def _put(self, item_id: ItemId, body: ItemBody, now: datetime, by: Author) -> CatalogueItem:
        try:
            known = self._items.get(item_id)
            added_day, currency = known.added_day, known.currency
        except UnknownItem:
            added_day, currency = day_of(now), UNPRICED
        return self._items.put(body.item(item_id, added_day, currency), by=by)[0]
