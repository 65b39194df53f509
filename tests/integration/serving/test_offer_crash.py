"""A worker that is killed between a coupon and its answer: the same call gets the same coupon, once, and its record."""

from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from redis import Redis

from features.events.drain import drain
from features.events.log import scan_events
from features.online.embedded import socket_path
from features.online.keys import OFFER_TURN_SECONDS
from tests.integration.lives import answering
from tests.integration.serve.service import eventually
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.dying_aisle import CLOCK, DOOM, create_app

WHERE = ("write", "log", "reply")


@pytest.mark.timeout(120)
def test_a_call_that_killed_its_worker_ends_in_one_coupon_and_one_record(valkey_data_dir: Path, tmp_path: Path) -> None:
    shop = Aisle(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    shop.publish("a1")
    set_clock(shop)
    coupons: dict[str, dict[str, Any]] = {}
    with answering(tmp_path, create_app, shop.settings) as api:
        for where in WHERE:
            eventually(lambda: api.get("/readyz").json()["ready"], 60)
            assert ask(shop, api, where, "first", shop.body(shop.sighting("bread"), who=where)).json()[
                "reason_codes"
            ] == ["dwell_not_met"]
            shop.later(seconds=8)
            set_clock(shop)
            (tmp_path / DOOM).write_text(where)
            body = shop.body(shop.sighting("bread"), who=where)
            with pytest.raises(httpx.TransportError):
                ask(shop, api, where, "second", body)
            eventually(lambda: api.get("/readyz").json()["ready"], 60)
            shop.later(seconds=OFFER_TURN_SECONDS)
            set_clock(shop)
            again = [ask(shop, api, where, "second", body).json() for _ in range(2)]
            assert again[0] == again[1]
            [offer] = again[0]["offers"]
            coupons[where] = offer["coupon"]
    assert shop.n_coupons() == shop.n_contacts() == len({coupon["coupon_id"] for coupon in coupons.values()}) == 3
    assert shop.ledger.verify() == []
    redis = Redis.from_url(str(shop.settings.redis_url))
    drain(redis, shop.settings)
    made = scan_events(shop.settings).filter(pl.col("event") == "Offer Decided").collect()
    assert made.filter(pl.col("properties").str.contains('"outcome":"offer"')).height == 3
    assert made["event_id"].is_unique().all()


def set_clock(shop: Aisle) -> None:
    (shop.settings.data_dir / CLOCK).write_text(shop.now.isoformat())


def ask(shop: Aisle, api: httpx.Client, who: str, key: str, body: dict[str, Any]) -> httpx.Response:
    headers = shop.secret_headers() | {"Idempotency-Key": f"{who}-{key}"}
    return api.post("/v1/offers/request", json=body, headers=headers)
