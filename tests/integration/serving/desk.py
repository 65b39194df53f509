"""A shop with a till: coupons are issued, and asked about over HTTP."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from features.identity import read_secret
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Cap, Coupon, IssueRequest, Limit
from tests.integration.serving.shop import NOW, Shop

TERMS = {
    "title": "A fifth off",
    "discount": {"kind": "percent", "percent": 20, "max_discount": 90},
    "products": "item.id != 'i9'",
    "basket": {"minimum_amount": 200},
}
ALLOWANCE = Allowance(
    campaign_id="fifth", version=1, state="open", timezone="UTC", currency="EUR", budget=Limit(3, 250),
    caps=(Cap(2, "campaign", "shopper"),), terms=TERMS,
)  # fmt: skip
BASKET = {
    "currency": "EUR",
    "lines": [{"item_id": "i1", "quantity": 2, "amount": 333}, {"item_id": "i9", "quantity": 1, "amount": 400}],
}
ORDER = {"order_id": "o"}


class Desk(Shop):
    def __init__(self, data_dir: Path, **settings: Any) -> None:
        super().__init__(data_dir, n_items=12, **settings)
        self.publish("a")
        self.ledger = Ledger(self.engine, lambda: read_secret(self.settings), lambda: NOW)
        self.ledger.allow(ALLOWANCE)

    def issue(self, decision: str = "d1", **changed: Any) -> Coupon:
        stated = {
            "campaign_id": "fifth", "decision_id": decision, "holder": ("user_id", "ann"), "store_id": "s1",
            "stores": ("s1",), "most_discount": 90, "valid_from": NOW, "valid_until": NOW + timedelta(hours=4),
        }  # fmt: skip
        coupon = self.ledger.issue(IssueRequest(**(stated | changed)))
        assert isinstance(coupon, Coupon)
        return coupon


def ask(*coupons: str, **more: Any) -> dict[str, Any]:
    return {"coupons": list(coupons), "store_id": "s1", "basket": BASKET} | more


def keyed(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}
