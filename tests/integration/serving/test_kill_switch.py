"""All campaigns stopped by one call: from its answer on, at every worker, in the aisle and at the till."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from features.online.embedded import socket_path
from serving.catalogue.overlay import CatalogueOverlay
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import Client, serving
from tests.integration.serving.test_withdrawal import never_follow


async def put(aisle: Aisle, client: Client, **body: Any) -> dict[str, Any]:
    reply = await client.put("/v1/kill-switch", json=body, headers=aisle.secret_headers())
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_nothing_is_offered_or_redeemed_while_it_is_on(
    valkey_data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aisle = Aisle(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    aisle.publish("a1")
    monkeypatch.setattr(CatalogueOverlay, "follow", never_follow)  # no worker hears of anything from another

    async def redeem(client: Client, code: str, key: str) -> tuple[int, str]:
        basket = {"currency": "EUR", "lines": [{"item_id": "i5", "quantity": 1, "amount": 300}]}
        sale = {"coupons": [code], "store_id": "berlin", "basket": basket, "order_id": key}
        reply = await client.post(
            "/v1/redemptions", json=sale, headers=aisle.secret_headers() | {"Idempotency-Key": key}
        )
        return reply.status_code, reply.json().get("code", "")

    async def main() -> None:
        async with serving(aisle.app()) as one, serving(aisle.app()) as other:
            for client in (one, other):
                await client.wait_until_ready()
            [offer] = (await aisle.arrive(one, who="before"))["offers"]
            assert await put(aisle, one, on=False, reason="nothing was on") == {
                "on": False, "reason": None, "since": None, "by": None
            }  # fmt: skip
            stopped = await put(aisle, other, on=True, reason="a wrong price")
            assert (stopped["reason"], stopped["by"]) == ("a wrong price", aisle.secret.key_id)
            assert (await aisle.arrive(one, who="during"))["reason_codes"] == ["killed"]
            assert await redeem(one, offer["coupon"]["code"], "o1") == (409, "killed")
            shown = await one.get("/v1/kill-switch", headers=aisle.secret_headers())
            assert shown.json() == stopped
            await put(aisle, one, on=False, reason="corrected")
            assert (await aisle.arrive(other, who="after"))["outcome"] == "offer"
            assert (await redeem(other, offer["coupon"]["code"], "o2"))[0] == 201
            refused = await one.put("/v1/kill-switch", json={"on": True}, headers=aisle.secret_headers())
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")

    asyncio.run(main())
    assert aisle.ledger.verify() == []
