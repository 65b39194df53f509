"""Invented floors for the demo: the data set says what each store sold, not where it lay.

An aisle is in a store if the store sold something of it; the order of the aisles, which of them one walks past from
which, the beacons and where stores lie are invented. Each says so by its name: `synthetic`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
from sqlalchemy import Engine

from features.audit import CLI
from features.sql.place_store import Placed, PlaceStore
from recommender.ids import BeaconId, StoreId, ZoneId
from recommender.places.beacons import ibeacon_key
from recommender.places.store import Store
from recommender.places.zone import CategoryWeight, Zone, ZoneKind

UUID = "7c0ffee5-ca1e-4d15-a15e-5ca1ab1e0a15"  # of all beacons of the demo; major: the store, minor: the place in FLOOR
FEWEST_LINES = 3  # of an aisle in a store, in the year
MOST_CATEGORIES = 20
FIRST_STORE, DEGREES_APART, STORES_A_ROW = (38.0, -86.0), 0.1, 24


@dataclass(frozen=True, slots=True)
class Aisle:
    """A part of every floor.

    `sells` is a regular expression of "DEPARTMENT: CATEGORY"; what fits several aisles lies in the first of them.
    """

    name: str
    kind: ZoneKind
    sells: str
    sensitive: bool = False


# In the order in which one walks past them.
FLOOR = (
    Aisle("entrance", "entrance", r"$^"),
    Aisle("flowers", "department", r"FLORAL|GARDEN CENTER"),
    Aisle("produce", "department", r"(PRODUCE|SALAD BAR|PROD-WHS SALES):"),
    Aisle("deli", "department", r"(DELI|CHEF SHOPPE|RESTAURANT):"),
    Aisle("bakery", "department", r"PASTRY:|BAKED (BREAD|SWEET)"),
    Aisle("meat", "department", r"MEAT(-PCKGD)?:"),
    Aisle("seafood", "department", r"SEAFOOD(-PCKGD)?:"),
    Aisle("nutrition", "department", r"NUTRITION:"),
    Aisle("pharmacy", "department", sensitive=True, sells=(
        r": (COLD AND FLU|ANALGESICS|FIRST AID|ANTACIDS|SINUS|LAXATIVES|EYE AND EAR|ADULT INCONT|FAMILY PLANNING"
        r"|FOOT CARE|FEMININE|SMOKING CESS|DIETARY AID|VITAMINS|PHARMACY|HOME HEALTH|GLASSES/VISION)"
    )),
    Aisle("beauty", "aisle", r"COSMETICS:|: (HAIR|SOAP|DEODORANTS|SHAVING|ORAL|HAND/BODY|ETHNIC|SUNTAN|NATURAL HBC)"),
    Aisle("baby", "aisle", r": (BABY|DIAPERS|INFANT)"),
    Aisle("kiosk", "service", r": (CIGAR|TOBACCO|MAGAZINE|NEWSPAPER|TICKETS|BOOKSTORE|GREETING)|PHOTO"),
    Aisle("breakfast", "aisle", r": (COLD CEREAL|HOT CEREAL|COFFEE|TEAS|COCOA|CONVENIENT BRKFST|PNT BTR|MOLASSES)"),
    Aisle("baking", "aisle", r": (BAKING|SUGARS|FLOUR|SHORTENING|SPICES|DRY MIX DESS|SYRUPS|CANNED MILK)"),
    Aisle("tins", "aisle", r": (SOUP|.* - SHELF STABLE|BEANS - CANNED|PICKLE|OLIVES|MEAT - SHELF|HISPANIC)"),
    Aisle("pasta", "aisle", r": (DRY|PASTA|DINNER MXS|CONDIMENTS|SALD DRSNG)"),
    Aisle("snacks", "aisle", r": (BAG SNACKS|CRACKERS|COOKIES|SNACK NUTS|WAREHOUSE SNACKS|CANDY)"),
    Aisle("drinks", "aisle", r": (SOFT DRINKS|WATER|CANNED JUICES|ISOTONIC|PWDR/CRYSTL|NEW AGE|BOTTLE)"),
    Aisle("wine and beer", "aisle", r"SPIRITS:|: (BEERS|DOMESTIC WINE|IMPORTED WINE|MISC WINE|LIQUOR)"),
    Aisle("household", "aisle", r": (BATH TISS|PAPER|FACIAL|HOUSEHOLD|LAUNDRY|DISHWASH|AIR CARE|BLEACH|FD WRAPS)"),
    Aisle("pets", "aisle", r": (CAT|DOG|PET|BIRD)"),
    Aisle("frozen", "aisle", r"FROZEN GROCERY:|: (FRZN|FROZEN|ICE CREAM)"),
    Aisle("dairy", "aisle", r": (FLUID MILK|CHEESE|YOGURT|EGGS|MILK BY|MARGARINES|BUTTER|MISC. DAIRY|REFRGRATD)"),
    Aisle("grocery", "aisle", r"GROCERY:"),
    Aisle("home", "aisle", r"(DRUG GM|GM MERCH EXP|AUTOMOTIVE|TOYS|ELECT &PLUMBING):"),
    Aisle("checkout", "checkout", r"$^"),
)  # fmt: skip
CHECKOUT = len(FLOOR) - 1


def write_floors(engine: Engine, facts: pl.DataFrame, lines: pl.DataFrame, now: datetime) -> int:
    """Write zones and beacons of all stores that sold something; returns how many zones.

    In: rows of `catalogue_facts`; lines of `read_lines`.
    """
    store = PlaceStore(engine)
    zones = [*_zones(sold_of_aisles(facts, lines))]
    placed = [
        Placed(BeaconId(zone.zone_id), ibeacon_key(UUID, int(zone.store_id), place), zone.zone_id)
        for place, zone in zones
    ]
    store.put_zones([zone for _, zone in zones], by=CLI)
    store.put_beacons(placed, now, by=CLI)
    return len(zones)


def somewhere(stores: Sequence[Store]) -> list[Store]:
    """The stores, laid out in rows on an invented map."""
    return [
        replace(
            store,
            latitude=round(FIRST_STORE[0] + DEGREES_APART * (place // STORES_A_ROW), 4),
            longitude=round(FIRST_STORE[1] + DEGREES_APART * (place % STORES_A_ROW), 4),
        )
        for place, store in enumerate(stores)
    ]


def aisle_of(department: str | None, category: str | None) -> int | None:
    """The place in FLOOR where a category lies; None: in none, as what the catalogue hides."""
    name = f"{department}: {category}"
    return next((place for place, aisle in enumerate(FLOOR) if re.search(aisle.sells, name)), None)


def sold_of_aisles(facts: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """What each store sold of each aisle.

    Out: store_id i64, aisle i64 (place in FLOOR), category str, sold u32 (lines of the category in the whole chain, in
        this aisle); one row a store, aisle and category of the aisle; by store, aisle and most sold first.
    """
    shown = facts.filter(~pl.col("hidden") & pl.col("category").is_not_null())
    kinds = shown.select("department", "category").unique()
    kinds = kinds.with_columns(
        aisle=pl.Series([aisle_of(*row) for row in kinds.iter_rows()], dtype=pl.Int64, strict=True)
    ).drop_nulls("aisle")
    number = pl.col("item_id").cast(pl.Int64)  # the data set's ids are numbers, which group faster than texts
    of_item = shown.join(kinds, on=["department", "category"]).select(number, "category", "aisle")
    pairs = lines.select(pl.col("store_id").cast(pl.Int64), number)
    sold = pairs.group_by("store_id", "item_id").len().join(of_item, on="item_id")
    there = sold.group_by("store_id", "aisle").agg(pl.col("len").sum()).filter(pl.col("len") >= FEWEST_LINES)
    chain = sold.group_by("aisle", "category").agg(sold=pl.col("len").sum())
    found = there.drop("len").join(chain, on="aisle")
    return found.sort("store_id", "aisle", "sold", "category", descending=[False, False, True, False])


def _zones(sold: pl.DataFrame) -> Iterator[tuple[int, Zone]]:
    """Places in FLOOR and zones, each beside the one before it; the checkout also beside the entrance."""
    weights = {
        aisle: _weights(rows)
        for (aisle,), rows in sold.unique(["aisle", "category"], maintain_order=True).group_by("aisle")
    }
    there = sold.select("store_id", "aisle").unique(maintain_order=True).group_by("store_id", maintain_order=True)
    for store_id, aisles in there.agg("aisle").iter_rows():
        before: ZoneId | None = None
        for place in (0, *aisles, CHECKOUT):
            aisle, zone_id = FLOOR[place], ZoneId(f"{store_id}-{FLOOR[place].name.replace(' ', '-')}")
            beside = {before} if before is not None else set[ZoneId]()
            if place == CHECKOUT:
                beside.add(ZoneId(f"{store_id}-entrance"))
            yield place, Zone(
                zone_id=zone_id, store_id=StoreId(str(store_id)), kind=aisle.kind, name=f"{aisle.name} (synthetic)",
                sensitive=aisle.sensitive, neighbours=frozenset(beside), categories=weights.get(place, ()),
            )  # fmt: skip
            before = zone_id


def _weights(rows: pl.DataFrame) -> tuple[CategoryWeight, ...]:
    most = rows.sort("sold", "category", descending=[True, False]).head(MOST_CATEGORIES)
    shares = most.select("category", share=(pl.col("sold") / rows["sold"].sum()).round(4))
    return tuple(CategoryWeight(category, share) for category, share in shares.iter_rows() if share > 0)
