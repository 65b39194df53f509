"""What callers send: one description of a shop's traffic, drawn from the purchases of a data folder.

Each caller is a plan: a generator of the calls that one visit, one walk, one till makes, in order. `Traffic` has many
of them under way and gives the next call of one of them, so that calls of one visit come in order and far apart.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random

import orjson
import polars as pl

from features.events.log import scan_events
from features.settings import Settings
from loadtests.generator import post
from loadtests.offers import UUID

# Share of the calls of each caller, and how many of its plans are under way at a time.
Mix = dict[str, tuple[float, int]]
MIX: Mix = {
    "storefront": (0.875, 150),
    "app": (0.05, 40),
    "till": (0.04, 10),
    "feed": (0.03, 2),
    "renderer": (0.005, 2),
}
KNOWN = 0.5  # share of the visits that are of shoppers with an account
NEW_DEVICE = 0.05  # share of those that come on a device of theirs for the first time: a write to the database
LOGINS = 200  # in one call
BOUGHT = 0.4  # share of the visits that end with an order
RECIPIENTS, LINES, MOST_ITEMS = 20, 20, 12
CODE = "CODE-0"  # a shared code that `tills.allow` makes
AGREED = {"categoryPreferences": {"personalisation": True}}


@dataclass(frozen=True, slots=True)
class Basket:
    """One real order: its shopper, its store, its items with what one of each cost (minor units)."""

    user_id: str
    store_id: str
    items: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `name` is what reports call its kind."""

    name: str
    path: str
    body: dict[str, object]
    key: str | None = None
    method: str = "POST"

    def encoded(self) -> bytes:
        """Its bytes on the wire."""
        more = "" if self.key is None else f"Idempotency-Key: {self.key}\r\n"
        return post(self.path, orjson.dumps(self.body), more, self.method)


Plan = Iterator[Call]


def read_baskets(settings: Settings, most: int = 20_000) -> list[Basket]:
    """The latest real orders of the log, newest last; whatever is drawn from them is as popular as it really is."""
    orders = (
        scan_events(settings)
        .filter(pl.col("event") == "Order Completed", pl.col("item_id").is_not_null(), pl.col("user_id").is_not_null())
        .group_by("order_id")
        .agg(
            pl.col("user_id").first(), pl.col("store_id").first(), pl.col("occurred_at").first(),
            pl.col("item_id").head(MOST_ITEMS), pl.col("price").head(MOST_ITEMS),
        )
        .sort("occurred_at")
        .tail(most)
        .collect()
    )  # fmt: skip
    return [
        Basket(
            user_id=row["user_id"],
            store_id=row["store_id"] or "none",
            items=tuple((item, max(price or 100, 1)) for item, price in zip(row["item_id"], row["price"], strict=True)),
        )
        for row in orders.iter_rows(named=True)
    ]


def read_hours(settings: Settings) -> list[float]:
    """How busy each hour of the day is by orders, 1 on average; (24,)."""
    hours = scan_events(settings).filter(pl.col("event") == "Order Completed").unique("order_id")
    counted = hours.group_by(pl.col("occurred_at").dt.hour()).len().collect()
    by_hour = dict(counted.iter_rows())
    total = sum(by_hour.values()) or 1
    return [24 * by_hour.get(hour, 0) / total for hour in range(24)]


def device_of(user_id: str) -> str:
    """The device on which a shopper mostly comes."""
    return f"device-{user_id}"


def logins(baskets: Sequence[Basket], run: str) -> Iterator[Call]:
    """Each shopper logs in on the device of theirs: what has happened in a shop that is not in its first minutes."""
    users = sorted({basket.user_id for basket in baskets})
    for start in range(0, len(users), LOGINS):
        batch = [
            {
                "type": "identify", "messageId": f"login-{run}-{user}", "userId": user, "anonymousId": device_of(user),
                "context": {"consent": AGREED},
            }
            for user in users[start : start + LOGINS]
        ]  # fmt: skip
        yield Call("logins", "/v1/batch", {"batch": batch})


class Traffic:
    """An endless iterator of calls.

    Args:
        run: a name that no other run on the same service has: it is part of ids that must be new.
        mix: by caller, as MIX.
    """

    def __init__(self, baskets: Sequence[Basket], run: str, seed: int = 7, mix: Mix = MIX) -> None:
        if not baskets:
            raise ValueError("there are no orders to draw traffic from")
        self._baskets, self._run, self._rng, self._numbers = baskets, run, Random(seed), count()
        self._users = sorted({basket.user_id for basket in baskets})
        self._callers, self._weights = list(mix), [share for share, _ in mix.values()]
        plans: dict[str, Callable[[], Plan]] = {
            "storefront": self._visit, "app": self._walk, "till": self._till, "feed": self._feed,
            "renderer": self._renderer,
        }  # fmt: skip
        self._begin = {caller: plans[caller] for caller in mix}
        self._under_way = {caller: [plans[caller]() for _ in range(n)] for caller, (_, n) in mix.items()}

    def __iter__(self) -> "Traffic":
        """Itself."""
        return self

    def __next__(self) -> Call:
        """The next call of somebody."""
        [caller] = self._rng.choices(self._callers, self._weights)
        under_way = self._under_way[caller]
        place = self._rng.randrange(len(under_way))
        while (call := next(under_way[place], None)) is None:
            under_way[place] = self._begin[caller]()
        return call

    def _name(self, kind: str) -> str:
        return f"{kind}-{self._run}-{next(self._numbers)}"

    def _visit(self) -> Plan:
        """A visit to the storefront: the home page, what is looked at, what is put in the cart, perhaps the order."""
        rng, basket = self._rng, self._rng.choice(self._baskets)
        is_known = rng.random() < KNOWN
        visitor = device_of(basket.user_id) if is_known else self._name("visitor")
        if is_known and rng.random() < NEW_DEVICE:
            visitor = self._name("device")
        asks: dict[str, object] = {"limit": 12, "anonymous_id": visitor, "consent": {"personalisation": True}}
        if is_known:
            asks = {"limit": 12, "user_id": basket.user_id}
        who = {"anonymousId": visitor, "context": {"consent": AGREED}} | (
            {"userId": basket.user_id} if is_known else {}
        )
        cart = list[str]()

        def event(name: str, properties: dict[str, object]) -> Call:
            body = {"event": name, "messageId": self._name("m"), "properties": properties}
            return Call("events", "/v1/track", who | body)

        def recommend(placement: str, **more: object) -> Call:
            return Call(f"recommendations {placement}", "/v1/recommendations", asks | {"placement": placement} | more)

        yield recommend("home")
        looked = rng.sample(basket.items, min(len(basket.items), 1 + int(rng.expovariate(0.5))))
        for item_id, price in looked:
            yield event("Product Viewed", {"product_id": item_id, "price": price / 100})
            yield recommend("product", item_id=item_id)
            if rng.random() < 0.5:
                cart.append(item_id)
                yield event("Product Added", {"product_id": item_id, "price": price / 100, "quantity": 1})
        if cart:
            yield recommend("cart", cart=cart)
        if cart and rng.random() < BOUGHT:
            products = [{"product_id": item_id, "quantity": 1, "price": 1.0} for item_id in cart]
            yield event("Order Completed", {"order_id": self._name("o"), "currency": "USD", "products": products})

    def _walk(self) -> Plan:
        """A phone in a shop: it hears a beacon again and again, and asks for an offer each time."""
        phone = self._name("phone")
        agreed = {"personalisation": True, "in_store_location": True}
        for step in range(6):
            heard = {
                "type": "ibeacon", "uuid": UUID, "major": 1, "minor": 1, "rssi_avg": -60.0 - self._rng.random() * 9,
                "samples": 5, "last_seen": datetime.now(UTC).isoformat(),
            }  # fmt: skip
            subject = {"anonymous_id": phone, "device_id": phone}
            body = {"subject": subject, "sightings": [heard], "consent": agreed}
            yield Call("offers", "/v1/offers/request", body, key=f"{phone}-{step}")

    def _till(self) -> Plan:
        """A till: what the coupon would do, then its use."""
        basket, name = self._rng.choice(self._baskets), self._name("order")
        lines = [{"item_id": item_id, "quantity": 1, "amount": price} for item_id, price in basket.items]
        body = {
            "coupons": [CODE], "store_id": basket.store_id, "basket": {"currency": "EUR", "lines": lines},
            "shopper": {"kind": "user_id", "value": name},
        }  # fmt: skip
        yield Call("tills validate", "/v1/coupons/validate", body)
        yield Call("tills redeem", "/v1/redemptions", body | {"order_id": name}, key=name)

    def _feed(self) -> Plan:
        """The back office: how many there are of some items."""
        items = [item for basket in self._rng.choices(self._baskets, k=LINES) for item, _ in basket.items[:1]]
        lines = [{"item_id": item, "quantity": self._rng.randrange(1, 99)} for item in dict.fromkeys(items)]
        yield Call("feeds", "/v1/catalogue/stock", {"lines": lines}, method="PATCH")

    def _renderer(self) -> Plan:
        """The renderer of mails: a block of four for some recipients."""
        block = {"block_id": "top", "placement": "home", "count": 4}
        some = self._rng.sample(self._users, min(RECIPIENTS, len(self._users)))
        body = {"send_id": self._name("send"), "blocks": [block], "recipients": [{"user_id": user} for user in some]}
        yield Call("mails", "/v1/email/blocks", body)
