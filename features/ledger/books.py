"""The books while they are open: one writing transaction, the moment it stands for, and the locks it holds."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, Table, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from features.ledger.values import Allowance, Cap, Limit, read_limits
from features.sql.tables.ledger import allowances, coupon_terms
from recommender.errors import InvalidInput

TILL_GRACE = timedelta(minutes=15)  # how long the budget stays held after a coupon's last moment
LONGEST_COUPON = timedelta(days=100)  # keys that no longer sign verify for as long
RESERVATION_LIFE = timedelta(minutes=15)  # how long a till has for one basket


@dataclass(frozen=True, slots=True)
class Books:
    """One writing transaction; what is done in it is done together or not at all.

    Attributes:
        secret: of the deployment; digests and codes are made with it.
        now: aware; the server's clock, the only one that deadlines are judged by.
    """

    connection: Connection
    secret: bytes
    now: datetime


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


def allow(connection: Connection, allowance: Allowance) -> None:
    """State what a campaign may spend from the commit of this transaction on.

    A limit may be lowered under what is used already: then nothing more is issued.

    Raises:
        InvalidInput: time zone or currency differ from the first; the version's terms do; or the time zone is unknown.
    """
    kept = lock_campaigns(connection, [allowance.campaign_id]).get(allowance.campaign_id)
    _check(allowance, kept)
    if kept is not None:
        changed = {"version": allowance.version, "state": allowance.state, "limits": allowance.limits()}
        connection.execute(
            update(allowances).where(allowances.c.campaign_id == allowance.campaign_id).values(**changed)
        )
    else:
        connection.execute(
            insert(allowances).values(
                campaign_id=allowance.campaign_id, version=allowance.version, state=allowance.state,
                timezone=allowance.timezone, currency=allowance.currency, limits=allowance.limits(),
            )
        )  # fmt: skip
    _keep_terms(connection, allowance)


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


def _check(allowance: Allowance, kept: Allowed | None) -> None:
    if kept is not None:
        for name in ("timezone", "currency"):
            if getattr(kept, name) != getattr(allowance, name):
                raise InvalidInput(
                    f"The {name} of campaign {allowance.campaign_id} is {getattr(kept, name)} and cannot change.",
                    field=name,
                    remedy="Make a new campaign.",
                )
    try:
        ZoneInfo(allowance.timezone)
    except (ValueError, KeyError, OSError):
        raise InvalidInput(
            f"There is no time zone {allowance.timezone!r}.", field="timezone", remedy="Send one as Europe/Vienna."
        ) from None


def _keep_terms(connection: Connection, allowance: Allowance) -> None:
    this = (coupon_terms.c.campaign_id == allowance.campaign_id) & (coupon_terms.c.version == allowance.version)
    kept = connection.execute(select(coupon_terms.c.terms).where(this)).scalar_one_or_none()
    if kept is None:
        values = {"campaign_id": allowance.campaign_id, "version": allowance.version, "terms": dict(allowance.terms)}
        connection.execute(insert(coupon_terms).values(**values))
    elif kept != dict(allowance.terms):
        raise InvalidInput(
            f"Version {allowance.version} of campaign {allowance.campaign_id} has other terms already.",
            field="version",
            remedy="Give changed terms a version of their own.",
        )
