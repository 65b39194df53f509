"""Numbers of the shop's items, also while no artifact has brought a catalogue yet."""

import asyncio
from collections.abc import Iterable

from features.sql.catalogue_store import CatalogueStore
from recommender.ids import ItemNumber
from serving.catalogue.overlay import CatalogueOverlay


class ItemNumbers:
    """The number of each item that the shop has; permanent, and the same in every artifact."""

    def __init__(self, store: CatalogueStore, overlay: CatalogueOverlay) -> None:
        self._store, self._overlay = store, overlay
        self._looked_up = dict[str, ItemNumber]()

    def of(self, item_id: str) -> ItemNumber | None:
        """The number of an item; None for another. Before the first artifact, of items that were looked up."""
        catalogue = self._overlay.catalogue
        row = catalogue.row_of(item_id)
        return self._looked_up.get(item_id) if row < 0 else ItemNumber(catalogue.items.numbers.item(row))

    async def look_up(self, item_ids: Iterable[str]) -> None:
        """Ask SQL for items that `of` is about to be asked for; with an artifact, all are at hand.

        Raises:
            StoreUnavailable: there is neither an artifact nor SQL.
        """
        if self._overlay.catalogue.n_artifact:
            self._looked_up.clear()
            return
        missing = [item_id for item_id in set(item_ids) if self.of(item_id) is None]
        if missing:
            self._looked_up.update(await asyncio.to_thread(self._store.numbers_of, missing))
