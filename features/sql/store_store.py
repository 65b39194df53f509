"""The shop's stores in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Engine, delete, insert, select

from features.audit import SYSTEM, Author, Entry
from features.sql.audit_store import append_audit
from features.sql.chunks import chunks_of
from features.sql.engine import reading, writing
from features.sql.tables.catalogue import stores
from recommender.ids import StoreId


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One place where the shop sells. `timezone` is a name of the tz database ("Europe/Berlin")."""

    store_id: StoreId
    name: str
    timezone: str
    market: str


class StoreStore:
    """Stores by their id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read_all(self) -> list[Store]:
        """Read all stores, ascending by id."""
        columns = (stores.c.store_id, stores.c.name, stores.c.timezone, stores.c.market)
        query = select(*columns).where(~stores.c.deleted).order_by(stores.c.store_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query)
            return [
                Store(store_id=StoreId(store_id), name=name, timezone=timezone, market=market)
                for store_id, name, timezone, market in rows
            ]

    def upsert_many(self, stated: Sequence[Store], *, by: Author = SYSTEM) -> int:
        """State all facts of the stores, in one transaction; no store twice. Returns how many were new or different.

        A shop has thousands of stores at most, so that nobody waits long. If none is different, nothing is written.
        """
        known = {store.store_id: store for store in self.read_all()}
        changed = [store for store in stated if known.get(store.store_id) != store]
        if not changed:
            return 0
        with writing(self._engine) as write:
            for chunk in chunks_of(changed):
                ids = [store.store_id for store in chunk]
                write.connection.execute(delete(stores).where(stores.c.store_id.in_(ids)))
                rows = [{**asdict(store), "deleted": False, "change_number": write.change_number} for store in chunk]
                write.connection.execute(insert(stores), rows)
            append_audit(write.connection, Entry(by, "stores.import", "stores", details={"rows": len(changed)}))
        return len(changed)
