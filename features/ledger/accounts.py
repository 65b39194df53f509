"""Accounts: which ones a hold touches, whether they have room, and how they move."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from features.ledger.books import Allowed, Insert, upserts
from features.ledger.values import NO_LIMIT, Balance, CapPer, Limit
from features.sql.among import among
from features.sql.prepared import Prepared
from features.sql.tables.ledger import ledger_accounts
from recommender.offers.refusal import Refusal

Key = tuple[str, str, str]  # dimension, member, day
Amounts = tuple[int, int, int, int]  # as FIELDS names them
FIELDS = ("pending_count", "posted_count", "pending_money", "posted_money")
COLUMNS = "campaign_id", "dimension", "member", "day", *FIELDS
NOTHING: Amounts = (0, 0, 0, 0)

accounts = ledger_accounts.c
Used = Mapping[str, Mapping[Key, Amounts]]  # by campaign
DIMENSIONS = "campaign", "day", "store", "shopper", "device"


@cache
def _holding(n: int) -> Prepared:
    """Holds in n accounts at once."""
    rows = [{name: bindparam(f"{name}_{row}") for name in COLUMNS} for row in range(n)]
    return Prepared(upserts(ledger_accounts, lambda insert: _add(insert.values(rows))))


def _add(insert: Insert) -> Insert:
    pending = "pending_count", "pending_money"
    return insert.on_conflict_do_update(
        index_elements=["campaign_id", "dimension", "member", "day"],
        set_={name: accounts[name] + insert.excluded[name] for name in pending},
    )


AMOUNTS = accounts.pending_count, accounts.posted_count, accounts.pending_money, accounts.posted_money
ALL = select(
    accounts.campaign_id, accounts.dimension, accounts.member, accounts.day, *AMOUNTS
)  # fmt: skip
# Every column of the key by itself: so that SQLite finds the rows by the key, and does not read the whole campaign.
NAMED = Prepared(
    ALL.where(
        among(accounts.campaign_id, "campaigns"),
        among(accounts.dimension, "dimensions"),
        among(accounts.member, "members"),
        or_(accounts.dimension != "day", among(accounts.day, "days")),
    ),
    many=True,
)
PERSONAL = or_(accounts.dimension == "shopper", accounts.dimension == "device")
OWN = Prepared(ALL.where(among(accounts.member, "members"), PERSONAL), many=True)
MOVE = Prepared(
    update(ledger_accounts)
    .where(
        accounts.campaign_id == bindparam("of"), accounts.dimension == bindparam("which"),
        accounts.member == bindparam("whose"), accounts.day == bindparam("on"),
    )
    .values({name: accounts[name] + bindparam(f"more_{name}") for name in FIELDS})
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hold counts; `store_id`, `shopper` and `device` are "" when there is none."""

    campaign_id: str
    day: str
    store_id: str
    shopper: str
    device: str

    def accounts(self) -> list[Key]:
        """Its accounts, always in the same order. Shoppers and devices have one a day: any period is a sum of days."""
        found = [("campaign", "", ""), ("day", "", self.day)]
        found += [("shopper", self.shopper, self.day)] if self.shopper else []
        found += [("device", self.device, self.day)] if self.device else []
        found += [("store", self.store_id, "")] if self.store_id else []
        return sorted(found)


def judge(
    connection: Connection, allowed: Allowed, place: Place, person: Collection[str], money: int
) -> Refusal | None:
    """Whether one more coupon of `money` minor units fits under every limit and cap; None: it does.

    The campaign is locked, so what is read here stays true until the commit.

    Args:
        person: all that the shopper is known by, `place.shopper` among them.
    """
    return judge_by(_read(connection, place, person), allowed, place, money)


def read_budgets(connection: Connection, days: Mapping[str, str], store_id: str) -> Used:
    """What is used of campaigns: in all, on their day of this moment, and in a store; nothing is locked.

    Args:
        days: by campaign.
        store_id: "" for none.
    """
    named = {
        "campaigns": days, "dimensions": ("campaign", "day", "store"), "members": {"", store_id},
        "days": set(days.values()),
    }  # fmt: skip
    return _by_campaign(NAMED.rows(connection, named))


def read_own(connection: Connection, person: Collection[str], device: str) -> Used:
    """What a person and a device ("" for none) have used, on which days; nothing is locked."""
    return _by_campaign(OWN.rows(connection, {"members": {*person, device} - {""}}))


def read_own_of(connection: Connection, people: Mapping[str, Collection[str]]) -> dict[str, Used]:
    """The same of many people without devices, by any name of theirs; of whoever has used something."""
    whose = dict[str, list[str]]()
    for name, person in people.items():
        for digest in person:
            whose.setdefault(digest, []).append(name)
    found = dict[str, dict[str, dict[Key, Amounts]]]()
    for campaign_id, of_campaign in _by_campaign(OWN.rows(connection, {"members": whose})).items():
        for key, amounts in of_campaign.items():
            for name in whose[key[1]]:
                found.setdefault(name, {}).setdefault(campaign_id, {})[key] = amounts
    return dict(found)


def judge_by(used: Mapping[Key, Amounts], allowed: Allowed, place: Place, money: int) -> Refusal | None:
    """The same as `judge`, by the accounts that it touches: of the campaign, its day and store, person and device."""
    known = {"shopper": place.shopper, "device": place.device}
    if not all(known[cap.of] for cap in allowed.caps) or (not place.store_id and allowed.per_store != NO_LIMIT):
        return Refusal.NOT_ELIGIBLE  # what cannot be counted is not allowed
    limits: tuple[tuple[Key, Limit], ...] = (
        (("campaign", "", ""), allowed.budget),
        (("day", "", place.day), allowed.per_day),
        (("store", place.store_id, ""), allowed.per_store),
    )
    for key, limit in limits:
        if not _fits(used.get(key, NOTHING), limit, money):
            return Refusal.BUDGET_EXHAUSTED
    for cap in allowed.caps:
        since = period_start(cap.per, place.day)
        # A device is what an app says it is, so what one may have, one shopper may have over all that they name.
        for counted in {cap.of, "shopper"}:
            had = sum(
                pending + posted
                for (dimension, _, day), (pending, posted, _, _) in used.items()
                if dimension == counted and day >= since
            )
            if had >= cap.most:
                return Refusal.FREQUENCY_CAP
    return None


def _fits(used: Amounts, limit: Limit, money: int) -> bool:
    """Whether one more coupon of `money` fits under a limit."""
    pending_count, posted_count, pending_money, posted_money = used
    if limit.count is not None and pending_count + posted_count >= limit.count:
        return False
    return limit.money is None or pending_money + posted_money + money <= limit.money


@lru_cache(maxsize=64)
def period_start(per: CapPer, day: str) -> str:
    """The first day of the calendar period that a day lies in; "" is before all days."""
    this = date.fromisoformat(day)
    match per:
        case "campaign":
            return ""
        case "day":
            return day
        case "week":
            return (this - timedelta(days=this.weekday())).isoformat()
        case "month":
            return this.replace(day=1).isoformat()


def hold(connection: Connection, place: Place, money: int) -> None:
    """Hold one coupon of `money` in all accounts of a place."""
    keys = place.accounts()
    values = dict[str, object]()
    for row, key in enumerate(keys):
        named = zip(COLUMNS, (place.campaign_id, *key, 1, 0, money, 0), strict=True)
        values |= {f"{name}_{row}": value for name, value in named}
    _holding(len(keys)).run(connection, values)


def move(connection: Connection, place: Place, change: Balance) -> None:
    """Add a change, which may be negative, to all accounts of a place; none may fall below 0."""
    more = {f"more_{name}": getattr(change, name) for name in FIELDS}
    rows = [
        {"of": place.campaign_id, "which": dimension, "whose": member, "on": day, **more}
        for dimension, member, day in place.accounts()
    ]
    MOVE.run(connection, *rows)


def read_balances(connection: Connection, campaign_id: str) -> dict[Key, Balance]:
    """All accounts of a campaign, by key."""
    rows = connection.execute(ALL.where(accounts.campaign_id == campaign_id)).all()
    return {(row.dimension, row.member, row.day): Balance(*row[4:]) for row in rows}


def _read(connection: Connection, place: Place, person: Collection[str]) -> dict[Key, Amounts]:
    """The accounts of a place, and all days of the person and the device."""
    mine = {(dimension, member) for dimension, member, _ in place.accounts()} | {("shopper", one) for one in person}
    named = {
        "campaigns": [place.campaign_id], "dimensions": DIMENSIONS, "members": {member for _, member in mine},
        "days": [place.day],
    }  # fmt: skip
    found = _by_campaign(NAMED.rows(connection, named)).get(place.campaign_id, {})
    return {key: amounts for key, amounts in found.items() if key[:2] in mine}


def _by_campaign(rows: Iterable[tuple[Any, ...]]) -> dict[str, dict[Key, Amounts]]:
    found = dict[str, dict[Key, Amounts]]()
    for campaign_id, dimension, member, day, a, b, c, d in rows:
        found.setdefault(campaign_id, {})[dimension, member, day] = a, b, c, d
    return found
