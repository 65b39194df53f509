"""What changed in SQL since a change number: how every worker follows the catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, bindparam, exists, func, literal, select, union_all

from features.campaigns import SegmentMembers, StoredCampaign
from features.identity import USER_ID, Identifier
from features.keys import Key
from features.privacy.suppression import Suppression
from features.sql.campaign_rows import read_campaigns, read_segments, stored_campaigns
from features.sql.consent_states import ConsentState, read_all_states, read_changed_states
from features.sql.engine import read_change_number, reading
from features.sql.item_rows import COLUMNS, changed_items, items_of
from features.sql.key_store import read_keys
from features.sql.place_rows import PlacesChanged, read_changed_places
from features.sql.privacy_store import read_suppressions
from features.sql.tables.campaigns import campaigns, segments
from features.sql.tables.catalogue import imports, items, placements, store_stock
from features.sql.tables.consents import consent_entries
from features.sql.tables.keys import keys
from features.sql.tables.people import identifiers
from features.sql.tables.places import beacons, stores, zones
from features.sql.tables.privacy import suppressions
from recommender.catalogue import CatalogueItem
from recommender.ids import ItemId, ItemNumber, PlacementId, StoreId

Definition = Mapping[str, Any]  # a placement as JSON; `parse_placement` checks it


@dataclass(frozen=True, slots=True)
class StoreStockLine:
    """Stock of an item in one store, in units; None: the store says nothing, so the chain's stock holds."""

    store_id: StoreId
    item_number: ItemNumber
    quantity: int | None


@dataclass(frozen=True, slots=True)
class IdentifierState:
    """Which profile an identifier belongs to now; a profile has the number of its oldest identifier.

    Attributes:
        parted: of a user, the change number of when their person last lost an identifier; 0: never.
    """

    number: int
    identifier: Identifier
    profile: int
    parted: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """How things stand at `change_number`, of all that changed since the number asked for; nothing comes twice."""

    change_number: int
    items: tuple[CatalogueItem, ...] = ()
    deleted: tuple[ItemId, ...] = ()
    stock: tuple[StoreStockLine, ...] = ()
    placements: tuple[tuple[PlacementId, Definition], ...] = ()
    consents: tuple[ConsentState, ...] = ()
    keys: tuple[Key, ...] = ()
    identifiers: tuple[IdentifierState, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    places: PlacesChanged = field(default_factory=lambda: PlacesChanged({}, {}, {}))
    campaigns: tuple[StoredCampaign, ...] = ()
    segments: tuple[SegmentMembers, ...] = ()

    def __len__(self) -> int:
        plain = (self.items, self.deleted, self.stock, self.placements, self.consents, self.keys, self.identifiers)
        more = (self.suppressions, self.places, self.campaigns, self.segments)
        return sum(map(len, (*plain, *more)))


def read_changes(engine: Engine, after: int) -> Changes:
    """Read what changed after a change number, in one snapshot.

    Every worker does it after every change: it looks at first into which tables to read, mostly one or two of a dozen.
    """
    with reading(engine) as connection:
        number = read_change_number(connection)
        if number == after:
            return Changes(number)
        changed = set(connection.execute(WHERE_CHANGED, {"after": after}).scalars())
        return Changes(
            number,
            **{
                name: read(connection, after)
                for name, (tables, read) in FOLLOWED.items()
                if any(table.name in changed for table in tables)
            },
        )


def read_since_artifact(engine: Engine, after: int) -> Changes:
    """Read which items changed since an artifact was made at change number `after`, and all that is sold out in stores.

    Artifacts hold no stock of single stores; stock above 0 is left out, since it shows nothing.
    """
    with reading(engine) as connection:
        sold_out = _stock().where(store_stock.c.quantity <= 0)
        number = read_change_number(connection)
        items_changed, gone = _read_items(connection, after), _read_deleted(connection, after)
        return Changes(number, items_changed, gone, _read_stock(connection, sold_out))


def read_standing(engine: Engine) -> Changes:
    """Read what no artifact holds.

    That is: all saved placements, all keys, who is suppressed, all consents, the market of each store, the user ids of
    people who have more than one, or who lost an identifier; the campaigns that are active, and all segments.
    """
    with reading(engine) as connection:
        return Changes(
            read_change_number(connection),
            placements=_read_placements(connection, _placements()),
            consents=tuple(read_all_states(connection)),
            keys=read_keys(connection, select(keys)),
            identifiers=_read_identifiers(connection, _users_of_many()),
            suppressions=read_suppressions(connection),
            places=read_changed_places(connection, 0),
            campaigns=read_campaigns(connection, stored_campaigns().where(campaigns.c.state == "active")),
            segments=read_segments(connection),
        )


def _stock() -> Select[Any, Any, Any]:
    return select(store_stock.c.store_id, store_stock.c.item_number, store_stock.c.quantity)


def _placements() -> Select[Any, Any]:
    return select(placements.c.placement_id, placements.c.definition)


def _identifiers() -> Select[Any, Any, Any, Any, Any]:
    column = identifiers.c
    return select(column.identifier_number, column.kind, column.value, column.profile_number, column.parted_number)


def _users_of_many() -> Select[Any, Any, Any, Any, Any]:
    is_user = identifiers.c.kind == USER_ID
    profile = identifiers.c.profile_number
    many = select(profile).where(is_user).group_by(profile).having(func.count() > 1)
    return _identifiers().where(is_user, profile.in_(many) | (identifiers.c.parted_number > 0))


def _read_identifiers(connection: Connection, query: Select[Any, Any, Any, Any, Any]) -> tuple[IdentifierState, ...]:
    return tuple(
        IdentifierState(number, (kind, value), profile, parted)
        for number, kind, value, profile, parted in connection.execute(query)
    )


def _read_stock(connection: Connection, query: Select[Any, Any, Any]) -> tuple[StoreStockLine, ...]:
    return tuple(StoreStockLine(*row) for row in connection.execute(query).all())


def _read_placements(connection: Connection, query: Select[Any, Any]) -> tuple[tuple[PlacementId, Definition], ...]:
    return tuple((PlacementId(name), definition) for name, definition in connection.execute(query).all())


def _read_items(connection: Connection, after: int) -> tuple[CatalogueItem, ...]:
    changed = changed_items(connection, after)
    shown = select(*(changed.c[name] for name in COLUMNS)).where(changed.c.change_number > after, ~changed.c.deleted)
    # Sorted here: asked for an order, SQLite would read the whole table in it, not the few rows by their index.
    rows = sorted(connection.execute(shown).all(), key=itemgetter(0))
    return tuple(items_of(rows))


def _read_deleted(connection: Connection, after: int) -> tuple[ItemId, ...]:
    changed = changed_items(connection, after)
    gone = select(changed.c.item_id).where(changed.c.change_number > after, changed.c.deleted)
    return tuple(ItemId(item_id) for item_id in connection.execute(gone).scalars())


def _read_changed_stock(connection: Connection, after: int) -> tuple[StoreStockLine, ...]:
    return _read_stock(connection, _stock().where(store_stock.c.change_number > after))


def _read_changed_placements(connection: Connection, after: int) -> tuple[tuple[PlacementId, Definition], ...]:
    return _read_placements(connection, _placements().where(placements.c.change_number > after))


def _read_changed_keys(connection: Connection, after: int) -> tuple[Key, ...]:
    return read_keys(connection, select(keys).where(keys.c.change_number > after))


def _read_changed_identifiers(connection: Connection, after: int) -> tuple[IdentifierState, ...]:
    return _read_identifiers(connection, _identifiers().where(identifiers.c.change_number > after))


def _read_changed_campaigns(connection: Connection, after: int) -> tuple[StoredCampaign, ...]:
    return read_campaigns(connection, stored_campaigns().where(campaigns.c.change_number > after))


# Each part of Changes: the tables in which it lies, and how to read what changed of it after a change number.
FOLLOWED: dict[str, tuple[tuple[Table, ...], Callable[[Connection, int], Any]]] = {
    "items": ((items, imports), _read_items),
    "deleted": ((items, imports), _read_deleted),
    "stock": ((store_stock,), _read_changed_stock),
    "placements": ((placements,), _read_changed_placements),
    "consents": ((consent_entries, identifiers), read_changed_states),
    "keys": ((keys,), _read_changed_keys),
    "identifiers": ((identifiers,), _read_changed_identifiers),
    "suppressions": ((suppressions,), read_suppressions),
    "places": ((stores, zones, beacons), read_changed_places),
    "campaigns": ((campaigns,), _read_changed_campaigns),
    "segments": ((segments,), read_segments),
}

_LIE_IN = dict.fromkeys(table for tables, _ in FOLLOWED.values() for table in tables)
# The names of the tables in which anything changed after a change number.
WHERE_CHANGED = union_all(
    *(select(literal(one.name)).where(exists().where(one.c.change_number > bindparam("after"))) for one in _LIE_IN)
)
