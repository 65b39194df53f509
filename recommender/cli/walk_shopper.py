"""One simulated shopper: what their app sends in each zone, what they make of an offer, and what the till hears."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

STEP_SECONDS = 2.5  # from a zone into the one beside it
LOUD_DBM, SPREAD_DB, SAMPLES = -60.0, 3.0, 5
UNAVAILABLE, TRIES_AGAIN = 503, 2  # the status of what cannot be answered now
SAVES = 0.7  # of the offers that are shown; the others are waved away

Answer = tuple[int, Mapping[str, Any]]  # status, body


@dataclass(frozen=True, slots=True)
class Stop:
    """A zone that somebody walks to: what its beacon sends, what they take there, and how far it is from the last."""

    zone: str
    zone_id: str
    frame: Mapping[str, str | int]
    items: tuple[str, ...]
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody who walks; `agrees`: they let the app use where they are."""

    user_id: str
    stops: Sequence[Stop]
    agrees: bool


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened, for people to read; `campaign_id`: of whose budget."""

    user_id: str
    where: str
    what: str
    good: bool = False
    campaign_id: str | None = None


@dataclass(frozen=True, slots=True)
class Shop:
    """What shoppers need of the shop.

    Attributes:
        ask: sends JSON with the app's key in the name of a user: (user, path, body, idempotency key).
        till: the same with the till's key: (path, body, idempotency key).
        pause: waits some seconds.
        prices: minor units of `currency`, by item.
    """

    ask: Callable[[str, str, Mapping[str, Any], str], Answer]
    till: Callable[[str, Mapping[str, Any], str], Answer]
    pause: Callable[[float], None]
    now: Callable[[], datetime]
    tell: Callable[[Told], None]
    store_id: str
    currency: str
    prices: Mapping[str, int]
    run_id: str


@dataclass
class Walk:
    """One walk from the first stop to the till."""

    shop: Shop
    walker: Walker
    rng: Random
    cart: list[str] = field(default_factory=list[str])
    coupons: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])

    def run(self) -> None:
        """Walk, and pay at the end."""
        for number, stop in enumerate(self.walker.stops):
            self.shop.pause(STEP_SECONDS * max(1, stop.steps))
            self._stand(number, stop)
            self.cart.extend(stop.items)
        self._pay()

    def _stand(self, number: int, stop: Stop) -> None:
        """Tell the service what is heard here; where it asks for more time, stay and tell it again."""
        for again in range(2):
            status, answer = self._request(f"{number}-{again}", stop)
            wait = answer.get("retry_after_s")
            if again or status != 200 or answer["reason_codes"] != ["dwell_not_met"] or wait is None:
                break
            self.shop.pause(float(wait))
        else:
            return None
        if status != 200:
            return self._tell(stop.zone, f"{answer.get('code')}: {answer.get('detail')}")
        place = answer["place"]
        still = "" if place is None or place["zone_id"] == stop.zone_id else f" (still heard in {place['zone_id']})"
        if answer["outcome"] == "no_offer":
            return self._tell(stop.zone, "nothing: " + ", ".join(answer["reason_codes"]).replace("_", " ") + still)
        for offer in answer["offers"]:
            self._consider(stop, offer)
        return None

    def _consider(self, stop: Stop, offer: Mapping[str, Any]) -> None:
        why = f" ({'; '.join(offer['why'])})" if offer["why"] else ""
        self._tell(stop.zone, f"offered {offer['title']}{why}", good=True, campaign_id=offer["campaign_id"])
        wanted = self.rng.random() < SAVES
        for kind in ("shown", "saved" if wanted else "dismissed"):
            body = {"subject": {"user_id": self.walker.user_id}, "kind": kind}
            path = f"/v1/offers/{offer['offer_id']}/feedback"
            self.shop.ask(self.walker.user_id, path, body, f"{offer['offer_id']}-{kind}")
        if wanted:
            self.coupons.append(offer)
            self.cart.extend(offer["items"][:1])
        else:
            self._tell(stop.zone, f"waves {offer['title']} away", campaign_id=offer["campaign_id"])

    def _pay(self) -> None:
        prices = [(item_id, self.shop.prices[item_id]) for item_id in self.cart if item_id in self.shop.prices]
        lines = [{"item_id": item_id, "quantity": 1, "amount": price} for item_id, price in prices]
        total = sum(price for _, price in prices)
        if not self.coupons or not lines:
            return self._tell("till", f"pays {_money(total, self.shop.currency)} without a coupon")
        shown = {
            "coupons": [offer["coupon"]["token"] for offer in self.coupons],
            "store_id": self.shop.store_id,
            "basket": {"currency": self.shop.currency, "lines": lines},
            "shopper": {"kind": "user_id", "value": self.walker.user_id},
        }
        _, judged = self.shop.till("/v1/coupons/validate", shown, f"{self._name()}-validate")
        for one in judged.get("coupons", ()):
            if not one["valid"]:
                reason = str(one["reason"]).replace("_", " ")
                self._tell("till", f"{one['title']} takes off nothing: {reason}", campaign_id=one["campaign_id"])
        valid = [one["coupon"] for one in judged.get("coupons", ()) if one["valid"]]
        if not valid:
            return self._tell("till", f"pays {_money(total, self.shop.currency)}")
        body = {**shown, "coupons": valid, "order_id": self._name()}
        status, used = self.shop.till("/v1/redemptions", body, f"{self._name()}-redeem")
        if status != 201:
            return self._tell("till", f"{used.get('code')}: {used.get('detail')}")
        off = used["discount"]["amount"]
        for one in used["redemptions"]:
            spent = _money(one["discount"]["amount"], self.shop.currency)
            self._tell("till", f"redeems {spent}", good=True, campaign_id=one["campaign_id"])
        return self._tell(
            "till", f"pays {_money(total - off, self.shop.currency)} instead of {_money(total, self.shop.currency)}"
        )

    def _request(self, name: str, stop: Stop) -> Answer:
        level = round(self.rng.gauss(LOUD_DBM, SPREAD_DB), 1)
        body = {
            "subject": {"user_id": self.walker.user_id, "device_id": f"demo-phone-{self.walker.user_id}"},
            "sightings": [
                {**stop.frame, "rssi_avg": level, "samples": SAMPLES, "last_seen": self.shop.now().isoformat()}
            ],
            "context": {"cart": self.cart},
            "consent": {"personalisation": True, "in_store_location": self.walker.agrees},
        }
        answered = self._ask(name, body)
        for _ in range(TRIES_AGAIN):
            if answered[0] != UNAVAILABLE:
                break
            self.shop.pause(1.0)
            answered = self._ask(name, body)  # the same key: whatever became of the first call, there is one answer
        return answered

    def _ask(self, name: str, body: Mapping[str, Any]) -> Answer:
        return self.shop.ask(self.walker.user_id, "/v1/offers/request", body, f"{self._name()}-{name}")

    def _tell(self, where: str, what: str, *, good: bool = False, campaign_id: str | None = None) -> None:
        self.shop.tell(Told(self.walker.user_id, where, what, good, campaign_id))

    def _name(self) -> str:
        return f"walk-{self.shop.run_id}-{self.walker.user_id}"


def _money(amount: int, currency: str) -> str:
    return f"{amount / 100:.2f} {currency}"
