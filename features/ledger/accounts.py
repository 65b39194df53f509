"""Accounts: which ones a hold touches, whether they have room, and how they move."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from features.ledger.books import Allowed, Insert, upserts
from features.ledger.values import NO_LIMIT, Balance, CapPer, Limit
from features.sql.tables.ledger import ledger_accounts
from recommender.offers.refusal import Refusal

Key = tuple[str, str, str]  # dimension, member, day
FIELDS = ("pending_count", "posted_count", "pending_money", "posted_money")

accounts = ledger_accounts.c
KEY = accounts.dimension, accounts.member, accounts.day
AMOUNTS = tuple(accounts[name] for name in FIELDS)
DIMENSIONS = "campaign", "day", "store", "shopper", "device"


def _add(insert: Insert) -> Insert:
    pending = "pending_count", "pending_money"
    return insert.on_conflict_do_update(
        index_elements=["campaign_id", "dimension", "member", "day"],
        set_={name: accounts[name] + insert.excluded[name] for name in pending},
    )


ALL = select(accounts.campaign_id, *KEY, *AMOUNTS)
# Every column of the key by itself: so that SQLite finds the rows by the key, and does not read the whole campaign.
NAMED = ALL.where(
    accounts.campaign_id.in_(bindparam("campaigns", expanding=True)),
    accounts.dimension.in_(DIMENSIONS),
    accounts.member.in_(bindparam("members", expanding=True)),
    or_(accounts.dimension != "day", accounts.day.in_(bindparam("days", expanding=True))),
)
HOLD = upserts(ledger_accounts, _add)
MOVE = (
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
    return judge_by(_read(connection, [place], person).get(place.campaign_id, {}), allowed, place, money)


def judge_many(
    connection: Connection, wanted: Sequence[tuple[Allowed, Place, int]], person: Collection[str]
) -> list[Refusal | None]:
    """The same for coupons of several campaigns for one shopper and device, each by itself and in one look.

    Nothing is locked: whoever issues one of them is judged again.
    """
    balances = _read(connection, [place for _, place, _ in wanted], person)
    return [
        judge_by(balances.get(place.campaign_id, {}), allowed, place, money) for allowed, place, money in wanted
    ]  # fmt: skip


def judge_by(balances: Mapping[Key, Balance], allowed: Allowed, place: Place, money: int) -> Refusal | None:
    """The same by the balances of the accounts that it touches, of one campaign."""
    known = {"shopper": place.shopper, "device": place.device}
    if not all(known[cap.of] for cap in allowed.caps) or (not place.store_id and allowed.per_store != NO_LIMIT):
        return Refusal.NOT_ELIGIBLE  # what cannot be counted is not allowed
    limits: list[tuple[Key, Limit]] = [
        (("campaign", "", ""), allowed.budget),
        (("day", "", place.day), allowed.per_day),
        (("store", place.store_id, ""), allowed.per_store),
    ]
    if not all(balances.get(key, Balance()).leaves(limit, money) for key, limit in limits):
        return Refusal.BUDGET_EXHAUSTED
    for cap in allowed.caps:
        since = period_start(cap.per, place.day)
        # A device is what an app says it is, so what one may have, one shopper may have over all that they name.
        for counted in {cap.of, "shopper"}:
            used = [
                balance for (dimension, _, day), balance in balances.items() if dimension == counted and day >= since
            ]
            if not sum(used, Balance()).leaves(Limit(count=cap.most), money):
                return Refusal.FREQUENCY_CAP
    return None


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
    amounts = dict(zip(FIELDS, (1, 0, money, 0), strict=True))
    rows = [
        {"campaign_id": place.campaign_id, "dimension": dimension, "member": member, "day": day, **amounts}
        for dimension, member, day in place.accounts()
    ]
    connection.execute(HOLD[connection.dialect.name], rows)


def move(connection: Connection, place: Place, change: Balance) -> None:
    """Add a change, which may be negative, to all accounts of a place; none may fall below 0."""
    more = {f"more_{name}": getattr(change, name) for name in FIELDS}
    rows = [
        {"of": place.campaign_id, "which": dimension, "whose": member, "on": day, **more}
        for dimension, member, day in place.accounts()
    ]
    connection.execute(MOVE, rows)


def read_balances(connection: Connection, campaign_id: str) -> dict[Key, Balance]:
    """All accounts of a campaign, by key."""
    return _by_campaign(connection.execute(ALL.where(accounts.campaign_id == campaign_id))).get(campaign_id, {})


def _read(
    connection: Connection, places: Sequence[Place], person: Collection[str]
) -> dict[str, dict[Key, Balance]]:  # fmt: skip
    """By campaign the accounts of its place, and all days of the person and the device; all of one device."""
    mine = {(dimension, member) for place in places for dimension, member, _ in place.accounts()}
    mine |= {("shopper", member) for member in person}
    named = {
        "campaigns": list({place.campaign_id for place in places}),
        "members": list({member for _, member in mine}),
        "days": list({place.day for place in places}),
    }
    rows = connection.execute(NAMED, named)
    return _by_campaign(row for row in rows if (row.dimension, row.member) in mine)


def _by_campaign(rows: Iterable[Sequence[object]]) -> dict[str, dict[Key, Balance]]:
    found = dict[str, dict[Key, Balance]]()
    for campaign_id, dimension, member, day, *amounts in rows:
        key = dimension, member, day
        found.setdefault(campaign_id, {})[key] = Balance(*amounts)  # pyright: ignore[reportArgumentType] - as the table says
    return found
