"""Who calls during a drill, and what they were promised: to be found again afterwards."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import select

from features.sql.tables.consents import consent_entries
from features.sql.tables.ledger import coupons, redemptions
from loadtests.drills.load import Caller
from loadtests.drills.shop import CODE, STORE, UUID, DrillShop
from loadtests.generator import post
from tests.integration.serve.service import logged

PER_BATCH = 5
AGREED = {"personalisation": True, "in_store_location": True}
BASKET = {"currency": "EUR", "lines": [{"item_id": "i1", "quantity": 1, "amount": 300}]}


@dataclass(slots=True)
class Promises:
    """What was acknowledged: ids of events, redemptions, coupons and entries of consent, with when."""

    events: dict[str, datetime] = field(default_factory=dict[str, datetime])
    redemptions: set[str] = field(default_factory=set[str])
    coupons: set[str] = field(default_factory=set[str])
    consents: set[str] = field(default_factory=set[str])

    def callers(self) -> list[Caller]:
        """Everybody, lightly."""
        return [
            Caller("storefront", 30, _recommend, lambda _n, _body: None),
            Caller("app", 4, _ask_for_offers, self._offered),
            Caller("till", 4, _redeem, self._redeemed),
            Caller("feed", 6, _send_events, self._took_events),
            Caller("consents", 2, _say, lambda n, _body: self.consents.add(f"said-{n}")),
            Caller("mail", 1, _render, lambda _n, _body: None),
        ]

    def _offered(self, _n: int, body: dict[str, Any]) -> None:
        self.coupons.update(offer["coupon"]["coupon_id"] for offer in body["offers"])

    def _redeemed(self, _n: int, body: dict[str, Any]) -> None:
        self.redemptions.update(one["redemption_id"] for one in body["redemptions"])

    def _took_events(self, n: int, _body: dict[str, Any]) -> None:
        self.events.update(dict.fromkeys(_message_ids(n), datetime.now(UTC)))

    def found(self, shop: DrillShop, *, lost_events: set[str] | None = None) -> tuple[str, list[str]]:
        """What is found again, in words; and what is not, or twice.

        `lost_events`: those whose loss the fault is allowed.
        """
        with shop.engine.connect() as connection:
            kept = {
                "redemptions": Counter(connection.execute(select(redemptions.c.redemption_id)).scalars()),
                "coupons": Counter(connection.execute(select(coupons.c.coupon_id)).scalars()),
                "consents": Counter(connection.execute(select(consent_entries.c.entry_id)).scalars()),
            }
        kept["events"] = Counter(logged(shop.settings.data_dir)["event_id"].to_list())
        words, broken = list[str](), list[str]()
        for what, found in kept.items():
            promised = set(getattr(self, what))
            again = promised & found.keys()
            words.append(f"{what} {len(again)} of {len(promised)}")
            missing = promised - again - ((lost_events or set()) if what == "events" else set())
            if missing:
                broken.append(f"{len(missing)} acknowledged {what} are gone, as {min(missing)}")
            if twice := [one for one, n in found.items() if n > 1]:
                broken.append(f"{len(twice)} {what} are there twice, as {twice[0]}")
        broken += [f"the ledger does not add up: {fault}" for fault in (*shop.ledger.verify(), *shop.ledger.overruns())]
        return "found again: " + ", ".join(words), broken


def _message_ids(n: int) -> list[str]:
    return [f"e{n}-{part}" for part in range(PER_BATCH)]


def _recommend(n: int) -> bytes:
    shopper = {"user_id": "regular"} if n % 2 else {"anonymous_id": f"visitor-{n % 20}"}
    body = shopper | {"placement": "home", "limit": 6, "consent": {"personalisation": True}}
    return post("/v1/recommendations", orjson.dumps(body))


def _ask_for_offers(n: int) -> bytes:
    phone, now = f"phone-{n}", datetime.now(UTC).isoformat()
    heard = {"type": "ibeacon", "uuid": UUID, "major": 1, "minor": 1, "rssi_avg": -60.0, "samples": 5, "last_seen": now}
    body = {"subject": {"anonymous_id": phone, "device_id": phone}, "sightings": [heard], "consent": AGREED}
    return post("/v1/offers/request", orjson.dumps(body), f"Idempotency-Key: {phone}\r\n")


def _redeem(n: int) -> bytes:
    body = {"coupons": [CODE], "store_id": STORE, "basket": BASKET, "order_id": f"order-{n}",
            "shopper": {"kind": "user_id", "value": f"shopper-{n}"}}  # fmt: skip
    return post("/v1/redemptions", orjson.dumps(body), f"Idempotency-Key: order-{n}\r\n")


def _send_events(n: int) -> bytes:
    batch = [
        {"type": "track", "event": "Product Viewed", "messageId": message_id, "userId": f"viewer-{n % 5}",
         "properties": {"product_id": f"i{n % 40}"}, "context": {"consent": {"categoryPreferences": AGREED}}}
        for message_id in _message_ids(n)
    ]  # fmt: skip
    return post("/v1/batch", orjson.dumps({"batch": batch}))


def _say(n: int) -> bytes:
    said = {"user_id": f"person-{n}", "purpose": "personalisation", "entry_id": f"said-{n}",
            "source": {"channel": "app"}, "state": "withdrawn" if n % 2 else "granted"}  # fmt: skip
    return post("/v1/consents", orjson.dumps({"consents": [said]}))


def _render(n: int) -> bytes:
    return mails_for(5, n)


def mails_for(n_recipients: int, n: int) -> bytes:
    """A call that renders the n-th send."""
    block = {"block_id": "top", "placement": "home", "count": 2}
    recipients = [{"user_id": f"person-{one}"} for one in range(n_recipients)]
    body = {"send_id": f"send-{n_recipients}-{n}", "blocks": [block], "recipients": recipients}
    return post("/v1/email/blocks", orjson.dumps(body))
