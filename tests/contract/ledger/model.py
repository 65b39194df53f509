"""The ledger as one would explain it: plain values, no tables, every balance counted anew from what is there."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from features.ledger.values import Allowance, Balance, IssueRequest, Quote
from recommender.offers.refusal import Refusal

GRACE = LIFE = timedelta(minutes=15)
Outcome = Refusal | None  # None: done


@dataclass
class ModelCoupon:
    request: IssueRequest
    held_on: date | None  # day of the open hold
    state: str = "issued"
    reservation: str | None = None
    used: list["ModelUse"] = field(default_factory=list)


@dataclass
class ModelUse:
    coupon: ModelCoupon
    day: date
    amount: int
    returned: int = 0
    whole: bool = False


@dataclass
class ModelReservation:
    quotes: tuple[Quote, ...]
    deadline: datetime
    store: str
    state: str = "open"


class Model:
    """Days are those of UTC. `people` says who is whom: identifiers by group."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.allowances: dict[str, Allowance] = {}
        self.coupons: dict[str, ModelCoupon] = {}
        self.reservations: dict[str, ModelReservation] = {}
        self.uses: dict[str, ModelUse] = {}
        self.groups: list[set[str]] = []

    def person(self, name: str) -> set[str]:
        return next((group for group in self.groups if name in group), {name})

    def claims(self, campaign: str):
        """(request, day, money pending, money posted) of everything that counts now."""
        for coupon in self.coupons.values():
            if coupon.request.campaign_id != campaign:
                continue
            if coupon.held_on is not None:
                yield coupon.request, coupon.held_on, coupon.request.most_discount, None
            for use in coupon.used:
                if not use.whole:
                    yield coupon.request, use.day, None, use.amount - use.returned

    def balances(self, campaign: str, digest) -> dict[tuple[str, str, str], Balance]:
        found: dict[tuple[str, str, str], Balance] = {}
        for request, day, pending, posted in self.claims(campaign):
            one = Balance(pending is not None, posted is not None, pending or 0, posted or 0)
            keys = [("campaign", "", ""), ("day", "", str(day)), ("shopper", digest(request.holder), str(day))]
            if request.device_id:
                keys.append(("device", digest(("device", request.device_id)), str(day)))
            if request.store_id:
                keys.append(("store", request.store_id, ""))
            for key in keys:
                found[key] = found.get(key, Balance()) + one
        return found

    def room(self, request: IssueRequest) -> Outcome:
        allowance, today = self.allowances[request.campaign_id], self.now.date()
        claims = [(one, day, pending or posted or 0) for one, day, pending, posted in self.claims(request.campaign_id)]
        if request.device_id is None and any(cap.of == "device" for cap in allowance.caps):
            return Refusal.NOT_ELIGIBLE
        for limit, mine in (
            (allowance.budget, claims),
            (allowance.per_day, [claim for claim in claims if claim[1] == today]),
            (allowance.per_store, [claim for claim in claims if claim[0].store_id == request.store_id]),
        ):
            if limit.count is not None and len(mine) + 1 > limit.count:
                return Refusal.BUDGET_EXHAUSTED
            if limit.money is not None and sum(money for _, _, money in mine) + request.most_discount > limit.money:
                return Refusal.BUDGET_EXHAUSTED
        person = self.person(request.holder[1])
        for cap in allowance.caps:
            monday, first = today - timedelta(today.weekday()), today.replace(day=1)
            start = {"campaign": date.min, "day": today, "week": monday, "month": first}[cap.per]
            used = [one for one, day, _ in claims if day >= start]
            n = sum(one.holder[1] in person for one in used)  # a device's cap is one of the shopper, too
            if cap.of == "device":
                n = max(n, sum(one.device_id == request.device_id for one in used))
            if n >= cap.most:
                return Refusal.FREQUENCY_CAP
        return None

    def issue(self, request: IssueRequest) -> Outcome:
        if self.allowances[request.campaign_id].state != "open":
            return Refusal.KILLED
        return self.room(request)

    def reserve(self, quotes: tuple[Quote, ...], store: str, shopper: str | None) -> Outcome:
        acquired: list[ModelCoupon] = []
        for quote in quotes:
            refused = self._claim(self.coupons[quote.coupon_id], store, shopper, acquired)
            if refused is not None:
                for coupon in acquired:  # all or none
                    coupon.held_on = None
                return refused
        return None

    def _claim(self, coupon: ModelCoupon, store: str, shopper: str | None, acquired: list[ModelCoupon]) -> Outcome:
        request, state = coupon.request, self.allowances[coupon.request.campaign_id].state
        if coupon.state == "redeemed":
            return Refusal.ALREADY_REDEEMED
        if coupon.state == "voided":
            return Refusal.VOIDED
        claim = self.reservations.get(coupon.reservation or "")
        if coupon.state == "reserved" and claim and claim.state == "open" and self.now < claim.deadline:
            return Refusal.ALREADY_RESERVED
        if state == "killed":
            return Refusal.KILLED
        if request.stores and store not in request.stores:
            return Refusal.WRONG_STORE
        if request.bound and shopper is None:
            return Refusal.SHOPPER_REQUIRED
        if request.bound and shopper not in self.person(request.holder[1]):
            return Refusal.WRONG_SHOPPER
        if self.now >= request.valid_until:
            return Refusal.EXPIRED
        if coupon.held_on is None:
            refused = Refusal.KILLED if state != "open" else self.room(request)
            if refused is not None:
                return refused
            coupon.held_on = self.now.date()
            acquired.append(coupon)
        return None

    def reserved(self, reservation: str, quotes: tuple[Quote, ...], store: str) -> None:
        ends = [self.coupons[quote.coupon_id].request.valid_until + GRACE for quote in quotes]
        self.reservations[reservation] = ModelReservation(quotes, min(self.now + LIFE, *ends), store)
        for quote in quotes:
            self.coupons[quote.coupon_id].state = "reserved"
            self.coupons[quote.coupon_id].reservation = reservation

    def redeem(self, reservation: str) -> Outcome:
        claim = self.reservations[reservation]
        if claim.state != "open":
            return Refusal.RESERVATION_REDEEMED if claim.state == "redeemed" else Refusal.RESERVATION_RELEASED
        if self.now >= claim.deadline:
            return Refusal.RESERVATION_EXPIRED
        campaigns = {self.coupons[quote.coupon_id].request.campaign_id for quote in claim.quotes}
        return Refusal.KILLED if any(self.allowances[one].state == "killed" for one in campaigns) else None

    def redeemed(self, reservation: str, ids: dict[str, str]) -> None:
        self.reservations[reservation].state = "redeemed"
        for quote in self.reservations[reservation].quotes:
            coupon = self.coupons[quote.coupon_id]
            assert coupon.held_on is not None
            use = ModelUse(coupon, coupon.held_on, quote.amount)
            coupon.state, coupon.held_on = "redeemed", None
            coupon.used.append(use)
            self.uses[ids[quote.coupon_id]] = use

    def release(self, reservation: str) -> Outcome:
        if self.reservations[reservation].state == "redeemed":
            return Refusal.RESERVATION_REDEEMED
        self.reservations[reservation].state = "released"
        for quote in self.reservations[reservation].quotes:
            coupon = self.coupons[quote.coupon_id]
            if coupon.state == "reserved" and coupon.reservation == reservation:
                coupon.state = "issued"
        return None

    def roll_back(self, redemption: str, amount: int | None, *, reissue: bool) -> Outcome:
        use = self.uses[redemption]
        left = use.amount - use.returned
        if use.whole:
            return Refusal.ALREADY_ROLLED_BACK
        if amount is not None and amount > left:
            return Refusal.MORE_THAN_REMAINS
        use.returned += left if amount is None else amount
        if amount is None or use.returned == use.amount:
            use.whole = True
            use.coupon.state = "issued" if reissue and self.now < use.coupon.request.valid_until else "voided"
        return None

    def expire(self) -> int:
        due = [
            coupon
            for coupon in self.coupons.values()
            if coupon.held_on is not None and self.now >= coupon.request.valid_until + GRACE
        ]
        for coupon in due:
            coupon.state, coupon.held_on, coupon.reservation = "expired", None, None
        return len(due)
