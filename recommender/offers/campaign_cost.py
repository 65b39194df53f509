"""What a campaign can cost at most, as far as its own limits say."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

from recommender.offers.campaign import Campaign, Cap

PERIOD_DAYS = {"day": 1, "week": 7, "month": 28}  # the shortest that a calendar period of the name can be


@dataclass(frozen=True, slots=True)
class Bound:
    """The least of several limits, and the name of the field that sets it; None: nothing limits it."""

    most: int | None
    field: str | None


@dataclass(frozen=True, slots=True)
class Cost:
    """At most so many coupons, and so much money in minor units; both over the whole campaign."""

    coupons: Bound
    money: Bound


def most_cost(campaign: Campaign, shoppers: int | None = None, zones: Collection[tzinfo] = ()) -> Cost:
    """What all coupons of a campaign can come to.

    Args:
        shoppers: how many may get it, if that is known for sure; then the caps by shopper count as well.
        zones: the time zones of its stores.
    """
    days, stores = days_of(campaign, zones), None if campaign.stores is None else len(campaign.stores)
    budget = campaign.budget
    counts = {"budget.count": budget.count, "budget.per_day.count": _times(budget.per_day.count, days)}
    money = {"budget.money": budget.money, "budget.per_day.money": _times(budget.per_day.money, days)}
    if stores is not None:
        counts["budget.per_store.count"] = _times(budget.per_store.count, stores)
        money["budget.per_store.money"] = _times(budget.per_store.money, stores)
    if shoppers is not None:
        for place, cap in enumerate(campaign.caps):
            if cap.of == "shopper":
                counts[f"caps[{place}]"] = shoppers * cap.most * periods_of(cap, days)
    coupons = _least(counts)
    if coupons.most is not None:
        money[coupons.field or ""] = coupons.most * campaign.most_discount
    return Cost(coupons, Bound(0, "discount") if campaign.most_discount == 0 else _least(money))


def days_of(campaign: Campaign, zones: Collection[tzinfo] = ()) -> int:
    """Calendar days, of the campaign's zone, in which it is valid in some store; `zones`: those of its stores."""
    own = ZoneInfo(campaign.timezone)
    first = min(campaign.starts_at(zone) for zone in (own, *zones))
    last = max(campaign.ends_at(zone) for zone in (own, *zones)) - timedelta(microseconds=1)
    return (last.astimezone(own).date() - first.astimezone(own).date()).days + 1


def periods_of(cap: Cap, days: int) -> int:
    """Calendar periods that so many days can touch, at most."""
    return 1 if cap.per == "campaign" else -((1 - days) // PERIOD_DAYS[cap.per]) + 1


def _times(limit: int | None, times: int) -> int | None:
    return None if limit is None else limit * times


def _least(limits: dict[str, int | None]) -> Bound:
    known = [(most, field) for field, most in limits.items() if most is not None]
    return Bound(*min(known)) if known else Bound(None, None)
