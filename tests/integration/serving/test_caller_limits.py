"""Limits of callers, over HTTP: what a batch costs, and whose address counts behind a proxy."""

from pathlib import Path

import pytest
from redis import Redis

from tests.integration.serving.shop import Client
from tests.integration.serving.test_access import CONSENT, GuardedShop, bearer

ADDRESSES = ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2")


@pytest.mark.parametrize(
    ("proxies", "statuses"), [("127.0.0.0/8", [200, 200, 429, 200]), ("192.0.2.9", [200, 200, 429, 429])]
)
def test_only_a_named_proxy_is_believed_whom_it_speaks_for(
    valkey_data_dir: Path, tmp_path: Path, proxies: str, statuses: list[int]
) -> None:
    socket = valkey_data_dir / "valkey" / "valkey.sock"
    shop = GuardedShop(tmp_path, redis_url=f"unix://{socket}", trusted_proxies=proxies, address_per_minute=2)

    async def use(client: Client) -> None:
        replies = [
            await client.post(
                "/v1/page", json={"anonymousId": "a"}, headers=bearer(shop.public_text) | {"x-forwarded-for": address}
            )
            for address in ADDRESSES
        ]
        assert [reply.status_code for reply in replies] == statuses, [reply.text for reply in replies]

    shop.run(use, ready=False)


def test_a_batch_costs_one_request_for_every_ten_events_and_one_that_is_refused_leaves_nothing(
    valkey_data_dir: Path, tmp_path: Path
) -> None:
    redis_url = f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}"
    shop = GuardedShop(tmp_path, redis_url=redis_url, address_per_minute=10)

    async def use(client: Client) -> None:
        async def send(n_events: int) -> tuple[int, str]:
            batch = [{"type": "page", "anonymousId": "a", "context": CONSENT} for _ in range(n_events)]
            reply = await client.post("/v1/batch", json={"batch": batch}, headers=bearer(shop.public_text))
            with Redis.from_url(redis_url) as redis:
                kept.append(redis.xlen("{events}"))
            return reply.status_code, reply.headers.get("ratelimit", "").partition(";t=")[0]

        kept = list[object]()
        assert await send(10) == (200, '"address";r=9')
        assert await send(11) == (200, '"address";r=7')
        assert await send(50) == (200, '"address";r=2')
        before = kept[-1]
        assert (await send(40))[0] == 429
        assert kept[-1] == before != 0
        assert (await send(1))[0] == 200  # the refused batch has cost one

    shop.run(use, ready=False)
