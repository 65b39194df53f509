"""The books while they are open: one writing transaction, the moment it stands for, and the locks it holds."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from features.audit import SYSTEM
from features.ledger.values import Cap, Limit, read_limits
from features.sql.tables.ledger import allowances

TILL_GRACE = timedelta(minutes=15)  # how long the budget stays held after a coupon's last moment
LONGEST_COUPON = timedelta(days=100)  # keys that no longer sign verify for as long
RESERVATION_LIFE = timedelta(minutes=15)  # how long a till has for one basket


@dataclass(frozen=True, slots=True)
class Books:
    """One writing transaction; what is done in it is done together or not at all.

    Attributes:
        secret: of the deployment; digests and codes are made with it.
        now: aware; the server's clock, the only one that deadlines are judged by.
        by: whom the entries name: the id of a key, "cli" or "system".
    """

    connection: Connection
    secret: bytes
    now: datetime
    by: str = SYSTEM.actor
    _locked: dict[str, "Allowed"] = field(default_factory=lambda: dict[str, Allowed]())

    def lock(self, campaign_ids: Collection[str]) -> dict[str, "Allowed"]:
        """Lock these campaigns as `lock_campaigns` does, and all at once; those that this transaction has are known."""
        unlocked = set(campaign_ids) - self._locked.keys()
        if unlocked:
            self._locked.update(lock_campaigns(self.connection, unlocked))
        return self._locked

    def has_locked(self, campaign_ids: Collection[str]) -> bool:
        """Whether nobody else can change anything of these campaigns."""
        return self._locked.keys() >= set(campaign_ids)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a campaign may spend, as kept; its row is locked until the transaction ends."""

    campaign_id: str
    version: int
    state: str
    timezone: str
    currency: str
    budget: Limit
    per_day: Limit
    per_store: Limit
    caps: tuple[Cap, ...]

    def day(self, now: datetime) -> str:
        """The campaign's calendar day."""
        return now.astimezone(ZoneInfo(self.timezone)).date().isoformat()


def lock_campaigns(connection: Connection, campaign_ids: Collection[str]) -> dict[str, Allowed]:
    """What these campaigns may spend; nobody else changes anything of theirs until the transaction ends.

    All who write take these locks first, all of them at once and in the order of the ids, so no two wait for each
    other. SQLite has one writer at a time anyway.
    """
    columns = allowances.c
    query = select(allowances).where(columns.campaign_id.in_(set(campaign_ids))).order_by(columns.campaign_id)
    return {row["campaign_id"]: allowed_of(row) for row in connection.execute(query.with_for_update()).mappings()}


def allowed_of(row: RowMapping) -> Allowed:
    """What a row of `allowances` says."""
    limits = read_limits(row["limits"])
    return Allowed(row["campaign_id"], row["version"], row["state"], row["timezone"], row["currency"], *limits)


def upserting(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that can be told what to do where the row is there already."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def new_id(prefix: str) -> str:
    """An id that nobody can guess: 80 random bits."""
    return f"{prefix}_{secrets.token_hex(10)}"


def text_of(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always as long: texts order as the instants do."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
