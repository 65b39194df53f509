"""The demo's walk: shoppers whose apps and tills talk to a real service, on a clock that their pauses turn."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from features.ledger.accounts import read_balances
from recommender.cli.walk import budgets, line
from recommender.cli.walk_plan import Floor
from recommender.cli.walk_shopper import Answer, Shop, Stop, Told, Walk, Walker
from recommender.ids import BeaconId
from recommender.places.beacons import Beacon, frame_of
from recommender.places.zone import CategoryWeight
from tests.integration.serving.aisle import CATEGORY_OF, Aisle
from tests.integration.serving.shop import REGULAR, Client
from tests.places import BERLIN, chain, key_of, zone_id, zones_of


@pytest.fixture
def aisle(valkey_data_dir: Path, tmp_path: Path) -> Aisle:
    shop = Aisle(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


class Always(Random):
    """Somebody who saves every offer."""

    def random(self) -> float:
        return 0.0


def stop(aisle: Aisle, name: str) -> Stop:
    items = [one.item_id for one in aisle.catalogue.read_all() if one.category == CATEGORY_OF.get(name)]
    return Stop(name, zone_id(BERLIN, name), frame_of(Beacon(BeaconId(name), key_of(name))), tuple(items[:2]), steps=1)


def walk_of(aisle: Aisle, walker: Walker) -> list[Told]:
    """What one walk tells."""
    told: list[Told] = []

    async def use(client: Client) -> None:
        loop = asyncio.get_running_loop()

        def send(path: str, body: Mapping[str, Any], key: str) -> Answer:
            headers = aisle.secret_headers() | {"idempotency-key": key}
            reply = asyncio.run_coroutine_threadsafe(client.post(path, json=dict(body), headers=headers), loop).result()
            return reply.status_code, reply.json()

        shop = Shop(
            ask=lambda _, path, body, key: send(path, body, key), till=send,
            pause=lambda seconds: (aisle.later(seconds=seconds), None)[1], now=lambda: aisle.now, tell=told.append,
            store_id=BERLIN.store_id, currency="EUR", run_id="1",
            prices={one.item_id: one.price for one in aisle.catalogue.read_all() if one.price is not None},
        )  # fmt: skip
        await asyncio.to_thread(Walk(shop, walker, Always(1)).run)

    aisle.run(use)
    return told


def test_who_agrees_is_offered_something_where_it_lies_and_redeems_it(aisle: Aisle) -> None:
    stops = [stop(aisle, name) for name in ("bread", "milk", "checkout")]
    told = walk_of(aisle, Walker(REGULAR, stops, agrees=True))
    offered = [one for one in told if one.what.startswith("offered")]
    assert offered, [line(one) for one in told]
    assert {one.campaign_id for one in offered} <= {"bread", "milk"}
    redeemed = [one for one in told if one.what.startswith("redeems")]
    assert {one.campaign_id for one in redeemed} == {one.campaign_id for one in offered}
    assert "instead of" in told[-1].what
    for one in redeemed:
        with aisle.engine.connect() as connection:
            used = read_balances(connection, str(one.campaign_id))["campaign", "", ""]
        assert (used.posted_count, used.pending_count) == (1, 0)
        assert f"{used.posted_money / 100:.2f}" in one.what
    assert budgets(aisle.settings, ["bread", "milk"]).row_count == 2


def test_who_does_not_agree_is_told_nothing_and_pays_all(aisle: Aisle) -> None:
    told = walk_of(aisle, Walker(REGULAR, [stop(aisle, "bread")], agrees=False))
    assert [one.what.split()[0] for one in told] == ["nothing:", "pays"]
    assert "no consent" in told[0].what
    assert aisle.n_coupons() == 0


def test_a_walk_leads_past_what_is_in_the_basket_in_the_order_of_the_floor(aisle: Aisle) -> None:
    zones = {
        zone.zone_id: replace(zone, categories=(CategoryWeight(CATEGORY_OF[zone.name], 1.0),))
        for zone in zones_of(BERLIN)
        if zone.name in CATEGORY_OF
    }
    floor = Floor(chain().with_changes({}, zones, {}), BERLIN.store_id)
    basket = [one for one in aisle.catalogue.read_all() if one.category in {"category 0", "category 2"}][:8]
    stops = floor.stops(basket, 5)
    assert [(one.zone, one.steps) for one in stops] == [("bread", 0), ("wine", 2), ("checkout", 1)]
    assert {item for one in stops for item in one.items} == {one.item_id for one in basket}
    assert [one.zone for one in floor.stops([], 5)] == ["checkout"]
