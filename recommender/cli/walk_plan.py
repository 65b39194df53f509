"""Who walks through which store of the demo, and what they put into their baskets: from their last real orders.

The way through the store is invented, as the floors are (docs/data.md): from zone to zone in the order of the beacons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.events.log import scan_events
from features.offline.regulars import busiest_store, regulars_of
from features.settings import Settings
from features.sql.campaign_store import CampaignStore
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import opened
from features.sql.place_rows import BEACONS, STORES, ZONES
from features.sql.place_store import PlaceStore
from features.sql.segment_store import SegmentStore
from recommender.cli.walk_shopper import Stop, Walker
from recommender.errors import UnknownPlace
from recommender.ids import StoreId, ZoneId
from recommender.places.beacons import frame_of
from recommender.places.places import Places
from recommender.places.zone import Zone

if TYPE_CHECKING:
    from recommender.catalogue import CatalogueItem

REMEDY = "Run `recommender demo` first, or `recommender prepare complete-journey`."


@dataclass(frozen=True, slots=True)
class Plan:
    """A store and who walks through it; `prices` in minor units of `currency`, by item."""

    store_id: StoreId
    name: str
    currency: str
    prices: Mapping[str, int]
    walkers: Sequence[Walker]


def plan_walks(settings: Settings, n_walkers: int, n_stops: int, store_id: str | None = None) -> Plan:
    """Choose walkers with the most orders in the store, first of all those whom a running campaign was sent to.

    The last of them does not let the app use where they are.

    Args:
        settings: name the data folder and the database.
        n_walkers: at most.
        n_stops: zones that each walks to, at most, beside the checkout.
        store_id: None: the store with the most orders.

    Raises:
        UnknownPlace: no such store, or it has no beacons, or nobody has bought there.
    """
    with opened(settings) as engine:
        store = PlaceStore(engine)
        places = Places().with_changes(
            {one.store_id: one for one in store.read_all(STORES)},
            {one.zone_id: one for one in store.read_all(ZONES)},
            {one.beacon_id: one for one in store.read_all(BEACONS)},
        )
        running = {str(one.definition.get("eligibility")) for one in CampaignStore(engine).read_all("active")}
        invited = {
            user_id
            for segment in SegmentStore(engine).read_all()
            if any(f"'{segment.segment_id}'" in rule for rule in running)
            for user_id in segment.user_ids
        }
        items = {str(item.item_id): item for item in CatalogueStore(engine).read_all()}
    log = scan_events(settings)
    chosen = StoreId(store_id or busiest_store(log, {zone.store_id for zone in places.zones.values()}) or "")
    regulars = regulars_of(log, chosen)
    if chosen not in places.stores or not any(places.beacons_in(chosen)) or not regulars:
        raise UnknownPlace(f"There is no store {chosen!r} with beacons and orders.", field="store", remedy=REMEDY)
    regulars.sort(key=lambda one: one.user_id not in invited)  # the others stay in the order of their orders
    floor, some = Floor(places, chosen), regulars[:n_walkers]
    walkers = [
        Walker(
            one.user_id,
            floor.stops([items[item_id] for item_id in one.items if item_id in items], n_stops),
            agrees=one is not some[-1] or len(some) == 1,
        )
        for one in some
    ]
    prices = {item_id: item.price for item_id, item in items.items() if item.price is not None}
    currency = next(item.currency for item in items.values())
    return Plan(chosen, places.stores[chosen].name, currency, prices, walkers)


class Floor:
    """One store's zones in the order in which one walks past them."""

    def __init__(self, places: Places, store_id: StoreId) -> None:
        self._places = places
        self._frames = {
            beacon.last_zone: frame_of(beacon)
            for beacon in places.beacons_in(store_id)
            if beacon.last_zone and not beacon.enrolment
        }
        self._order = sorted(
            self._frames, key=lambda zone_id: (str(self._frames[zone_id].get("minor", "")).zfill(5), zone_id)
        )

    def stops(self, basket: Sequence["CatalogueItem"], n_stops: int) -> list[Stop]:
        """Where what is in a basket lies, in the order of the floor; those with the most of it, and the checkout."""
        found: dict[ZoneId, list[str]] = {}
        for item in basket:
            zone_id = next((one for one in self._order if self._sells(one, item.category)), None)
            if zone_id is not None and item.price is not None:
                found.setdefault(zone_id, []).append(item.item_id)
        most = sorted(found, key=lambda zone_id: -len(found[zone_id]))[:n_stops]
        way = [one for one in self._order if one in most or self._places.zones[one].kind == "checkout"]
        stops: list[Stop] = []
        before: Zone | None = None
        for zone_id in way:
            zone = self._places.zones[zone_id]
            steps = None if before is None else self._places.steps_between(before.zone_id, zone_id)
            stops.append(Stop(zone.name, zone_id, self._frames[zone_id], tuple(found.get(zone_id, ())), steps or 0))
            before = zone
        return stops

    def _number(self, zone_id: ZoneId) -> tuple[int, ZoneId]:
        return int(self._frames[zone_id].get("minor", 0)), zone_id

    def _sells(self, zone_id: ZoneId, category: str | None) -> bool:
        return any(one.category == category for one in self._places.zones[zone_id].categories)
