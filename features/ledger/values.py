"""What the ledger is told, and what it answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from features.identity import Identifier

AllowanceState = Literal["open", "closed", "killed"]
CapOf = Literal["shopper", "device"]
CapPer = Literal["campaign", "day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many coupons, and so much money in minor units; None: no limit."""

    count: int | None = None
    money: int | None = None


NO_LIMIT = Limit()


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many coupons of one shopper or device in a calendar period (weeks begin on Monday)."""

    most: int
    per: CapPer
    of: CapOf


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCode:
    """One code for all: whoever shows it at a till gets the coupon there. Instants are aware.

    Attributes:
        code: as it is printed; case, spaces and dashes do not count.
        most_discount: the largest discount of one use, in minor units: what is held of the budget.
        stores: where it may be redeemed; none: everywhere.
    """

    code: str
    most_discount: int
    stores: tuple[str, ...] = ()
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a campaign may spend.

    A coupon counts against every limit from its issue until it has ended unused, or its use was rolled back.

    Attributes:
        state: open: coupons are issued. closed: no new ones; those issued are honoured. killed: nothing is.
        version: of the campaign; its coupons promise the terms of this version.
        timezone: IANA name; whose days the limits and caps are of. It and the currency cannot change.
        terms: what the coupons promise, as JSON; the ledger keeps it by version and never looks inside.
        shared: the code that anybody may show; None: there is none.
    """

    campaign_id: str
    version: int
    state: AllowanceState
    timezone: str
    currency: str
    budget: Limit = NO_LIMIT
    per_day: Limit = NO_LIMIT
    per_store: Limit = NO_LIMIT
    caps: tuple[Cap, ...] = ()
    terms: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    shared: SharedCode | None = None

    def limits(self) -> dict[str, Any]:
        """The limits and caps, as JSON."""
        named = {"budget": self.budget, "per_day": self.per_day, "per_store": self.per_store}
        return {name: asdict(limit) for name, limit in named.items()} | {"caps": [asdict(cap) for cap in self.caps]}


def read_limits(limits: Mapping[str, Any]) -> tuple[Limit, Limit, Limit, tuple[Cap, ...]]:
    """Budget, per day, per store and caps, from what `Allowance.limits` gave."""
    budget, per_day, per_store = (Limit(**limits[name]) for name in ("budget", "per_day", "per_store"))
    return budget, per_day, per_store, tuple(Cap(**cap) for cap in limits["caps"])


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRequest:
    """A coupon to be issued. Instants are aware.

    Attributes:
        decision_id: the decision that offers it; a decision has one coupon, however often it is asked for.
        holder: who gets it. Caps count what all identifiers of the same person have.
        device_id: as the app names it; None: not known, so a campaign with a cap by device refuses.
        store_id: where; None: nowhere in particular.
        stores: where it may be redeemed; none: everywhere.
        most_discount: the largest discount it can give, in minor units: what is held of the budget.
        bound: whether a till must be shown the same person.
        coupon_id: what it is to be known by, from `new_id`; None: whatever the ledger makes.
    """

    campaign_id: str
    decision_id: str
    holder: Identifier
    device_id: str | None = None
    store_id: str | None = None
    stores: tuple[str, ...] = ()
    most_discount: int
    valid_from: datetime
    valid_until: datetime
    bound: bool = False
    coupon_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """A coupon as it stands. Instants are aware.

    Attributes:
        code: 16 characters for typing; it follows from the id and the deployment's secret, and lies in no table.
        state: issued, reserved, redeemed, expired or voided.
        shopper: keyed digest of its holder.
        version: of the campaign whose terms hold.
    """

    coupon_id: str
    code: str
    decision_id: str
    campaign_id: str
    version: int
    state: str
    shopper: str
    bound: bool
    stores: tuple[str, ...]
    most_discount: int
    currency: str
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """What a till takes off for one coupon: minor units, and how they fall on the lines of the basket."""

    coupon_id: str
    amount: int
    allocations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveRequest:
    """A till's claim on coupons, each with its quote; all are reserved or none."""

    quotes: tuple[Quote, ...]
    currency: str
    store_id: str
    till_id: str = ""
    basket_ref: str = ""
    shopper: Identifier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A claim that holds until its deadline."""

    reservation_id: str
    state: str
    store_id: str
    currency: str
    quotes: tuple[Quote, ...]
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """The use of one coupon; `rolled_back` of its `amount` (minor units) was taken back."""

    redemption_id: str
    coupon_id: str
    campaign_id: str
    state: str
    order_id: str
    store_id: str
    currency: str
    amount: int
    rolled_back: int
    allocations: tuple[Mapping[str, Any], ...]
    redeemed_at: datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """One account: coupons and money (minor units) that are held, and that were used."""

    pending_count: int = 0
    posted_count: int = 0
    pending_money: int = 0
    posted_money: int = 0

    def __add__(self, other: "Balance") -> "Balance":
        return Balance(
            self.pending_count + other.pending_count,
            self.posted_count + other.posted_count,
            self.pending_money + other.pending_money,
            self.posted_money + other.posted_money,
        )
