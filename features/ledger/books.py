"""The books while they are open: one writing transaction, the moment it stands for, and the locks it holds."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Connection, Table, Text, cast, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from features.audit import SYSTEM
from features.identity import Identifier
from features.ledger.holders import person_digests
from features.ledger.values import Cap, Limit, read_limits
from features.sql.among import among
from features.sql.prepared import Prepared
from features.sql.tables.ledger import allowances

TILL_GRACE = timedelta(minutes=15)  # how long the budget stays held after a coupon's last moment
LONGEST_COUPON = timedelta(days=100)  # keys that no longer sign verify for as long
RESERVATION_LIFE = timedelta(minutes=15)  # how long a till has for one basket

KEPT = allowances.c
ALLOWED = (
    select(
        KEPT.campaign_id,
        KEPT.version,
        KEPT.state,
        KEPT.halted,
        KEPT.timezone,
        KEPT.currency,
        cast(KEPT.limits, Text).label("limits"),
    )
    .where(among(KEPT.campaign_id, "campaigns"))
    .order_by(KEPT.campaign_id)
)
LOOK, LOCK = Prepared(ALLOWED, many=True), Prepared(ALLOWED.with_for_update())


@dataclass(frozen=True, slots=True)
class Books:
    """One writing transaction; what is done in it is done together or not at all.

    Attributes:
        secret: of the deployment; digests and codes are made with it.
        now: aware; the server's clock, the only one that deadlines are judged by.
        by: whom the entries name: the id of a key, "cli" or "system".
        coupons: as they stand, by id; each is read once, and `features.ledger.coupons.change` keeps it up to date.
    """

    connection: Connection
    secret: bytes
    now: datetime
    by: str = SYSTEM.actor
    coupons: dict[str, dict[str, Any]] = field(default_factory=lambda: dict[str, dict[str, Any]]())
    _locked: dict[str, "Allowed"] = field(default_factory=lambda: dict[str, Allowed]())
    _people: dict[Identifier, frozenset[str]] = field(default_factory=lambda: dict[Identifier, frozenset[str]]())

    def lock(self, campaign_ids: Collection[str]) -> dict[str, "Allowed"]:
        """Lock these campaigns as `lock_campaigns` does, and all at once; those that this transaction has are known."""
        unlocked = set(campaign_ids) - self._locked.keys()
        if unlocked:
            self._locked.update(lock_campaigns(self.connection, unlocked))
        return self._locked

    def know(self, identifier: Identifier, person: frozenset[str]) -> None:
        """Take for granted who the person behind an identifier is, as it was read a moment before."""
        self._people[identifier] = person

    def person(self, identifier: Identifier) -> frozenset[str]:
        """All that the person behind an identifier is known by, read once."""
        if identifier not in self._people:
            self._people[identifier] = frozenset(person_digests(self.connection, self.secret, identifier))
        return self._people[identifier]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a campaign may spend, as kept."""

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
        return _day_in(self.timezone, now)


@lru_cache(maxsize=256)  # campaigns of one call share a moment, and most of them their time zone
def _day_in(timezone: str, now: datetime) -> str:
    return now.astimezone(ZoneInfo(timezone)).date().isoformat()


def lock_campaigns(connection: Connection, campaign_ids: Collection[str]) -> dict[str, Allowed]:
    """What these campaigns may spend; nobody else changes anything of theirs until the transaction ends.

    All who write take these locks first, all of them at once and in the order of the ids, so no two wait for each
    other. SQLite has one writer at a time anyway.
    """
    return _read_allowed(connection, LOCK, campaign_ids)


def look_at_campaigns(connection: Connection, campaign_ids: Collection[str]) -> dict[str, Allowed]:
    """The same without the locks: it may be changed meanwhile."""
    return _read_allowed(connection, LOOK, campaign_ids)


def _read_allowed(connection: Connection, query: Prepared, campaign_ids: Collection[str]) -> dict[str, Allowed]:
    rows = query.rows(connection, {"campaigns": set(campaign_ids)})
    return {row[0]: _allowed_of(*row) for row in rows}


@lru_cache(maxsize=4096)  # a call looks at many campaigns, which change seldom
def _allowed_of(
    campaign_id: str, version: int, state: str, halted: bool, timezone: str, currency: str, limits: str
) -> Allowed:  # fmt: skip
    """What a row of `allowances` says."""
    state = "killed" if halted else state
    return Allowed(campaign_id, version, state, timezone, currency, *read_limits(orjson.loads(limits)))


Insert = sqlite.Insert | postgresql.Insert


def upserts(table: Table, finish: Callable[[Insert], UpdateBase]) -> dict[str, UpdateBase]:
    """By dialect, an INSERT that `finish` told what to do where the row is there already."""
    return {"sqlite": finish(sqlite.insert(table)), "postgresql": finish(postgresql.insert(table))}


def new_id(prefix: str) -> str:
    """An id that nobody can guess: 80 random bits."""
    return f"{prefix}_{secrets.token_hex(10)}"


def text_of(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always as long: texts order as the instants do."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
