"""All places as this worker knows them; follows the changes in SQL."""

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from features.sql.place_rows import PlacesChanged
from recommender.ids import StoreId
from recommender.places.places import Places


class PlaceRegistry:
    """Holds the newest snapshot; it is swapped between two requests, on the event loop."""

    def __init__(self) -> None:
        self._places = Places()

    def get(self) -> Places:
        """All places as they stand."""
        return self._places

    def take(self, changed: PlacesChanged) -> None:
        """Follow what changed."""
        self._places = self._places.with_changes(changed.stores, changed.zones, changed.beacons)

    def market_of(self, store_id: str) -> str | None:
        """The market of a store; None: there is no such store."""
        return self._places.market_of(store_id)

    def zone_of(self, store_id: str | None) -> tzinfo:
        """Where a store's calendar days begin; UTC, where there is no such store."""
        store = None if store_id is None else self._places.stores.get(StoreId(store_id))
        return UTC if store is None else ZoneInfo(store.timezone)
