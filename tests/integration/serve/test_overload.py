"""More load than one real worker can do: it refuses early, the least pressing first, and recovers by itself."""

import asyncio
import os
import signal
from collections import Counter
from time import monotonic

import orjson
import pytest

from loadtests.generator import Connection, connect, post
from tests.integration.serve.service import Service, eventually, serving
from tests.integration.serving.shop import Shop

SECONDS, STOREFRONTS, TILLS = 4.0, 150, 4
ASKED = post("/v1/recommendations", orjson.dumps({"placement": "home", "limit": 12}))
SHOWN = post("/v1/coupons/validate", orjson.dumps(
    {"coupons": ["NONE"], "store_id": "s1",
     "basket": {"currency": "EUR", "lines": [{"item_id": "i1", "quantity": 1, "amount": 300}]}}
))  # fmt: skip
HEARD = post("/v1/track", orjson.dumps(
    {"event": "Product Viewed", "anonymousId": "visitor", "properties": {"product_id": "i1"},
     "context": {"consent": {"categoryPreferences": {"personalisation": True}}}}
))  # fmt: skip
MANY = 120  # more than a worker has at work and lets wait, at first
ALIVE = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("overload"))
    made.publish("a1")
    return made


async def call_on(
    connection: Connection, request: bytes, until: float, answers: Counter[bytes], pause_seconds: float = 0.0
) -> None:
    while monotonic() < until:
        answer = await connection.send(request)
        answers[answer[9:12]] += 1
        await asyncio.sleep(pause_seconds)
        if answer[9:12] == b"503":
            head, _, body = answer.partition(b"\r\n\r\n")
            assert b"retry-after: 1" in head.lower()
            assert orjson.loads(body)["code"] == "overloaded"
            await asyncio.sleep(0.1)  # as somebody who heeds it, more or less
    connection.close()


async def overload(service: Service) -> dict[str, Counter[bytes]]:
    """Answers by status, of each kind of caller."""
    port = service.client.base_url.port or 0
    found: dict[str, Counter[bytes]] = {"storefront": Counter(), "till": Counter(), "health": Counter()}
    until = monotonic() + SECONDS
    asking = [call_on(one, ASKED, until, found["storefront"]) for one in await connect("127.0.0.1", port, STOREFRONTS)]
    # Slow enough not to be taken for somebody who guesses codes.
    asking += [call_on(one, SHOWN, until, found["till"], 0.3) for one in await connect("127.0.0.1", port, TILLS)]
    asking += [call_on(one, ALIVE, until, found["health"]) for one in await connect("127.0.0.1", port, 1)]
    await asyncio.gather(*asking)
    return found


def test_storefronts_are_refused_before_tills_and_health_never(shop: Shop) -> None:
    with serving(shop.settings.data_dir, "serving.app:create_app") as service:
        found = asyncio.run(overload(service))
        assert found["storefront"][b"503"] > 0
        assert found["storefront"][b"200"] > 0
        assert set(found["till"]) == set(found["health"]) == {b"200"}, found
        page = service.client.get("/metrics").text
        assert f'recommender_requests_shed_total{{caller="storefront"}} {found["storefront"][b"503"]:.1f}' in page
        eventually(lambda: asyncio.run(once(service)) == b"200")


async def once(service: Service) -> bytes:
    [connection] = await connect("127.0.0.1", service.client.base_url.port or 0, 1)
    answer = await connection.send(ASKED)
    connection.close()
    return answer[9:12]


def test_no_recommendation_waits_behind_events_that_wait_for_a_redis_that_hangs(shop: Shop) -> None:
    async def use(service: Service) -> tuple[Counter[bytes], Counter[bytes]]:
        port, [valkey] = service.client.base_url.port or 0, service.children("valkey")
        telling, asking = await connect("127.0.0.1", port, MANY), await connect("127.0.0.1", port, MANY)
        os.kill(valkey, signal.SIGSTOP)
        try:
            told = [asyncio.create_task(one.send(HEARD)) for one in telling]
            await asyncio.sleep(0.3)  # those at work wait for Redis, the others have stood at the door for long
            answers = await asyncio.gather(*(one.send(ASKED) for one in asking))
            assert not any(one.done() and one.result()[9:12] == b"200" for one in told)
        finally:
            os.kill(valkey, signal.SIGCONT)
        outcomes = await asyncio.gather(*told)
        for one in telling + asking:
            one.close()
        return Counter(one[9:12] for one in answers), Counter(one[9:12] for one in outcomes)

    with serving(shop.settings.data_dir, "serving.app:create_app") as service:
        eventually(lambda: asyncio.run(once(service)) == b"200")
        asked, told = asyncio.run(use(service))
    assert asked == {b"200": MANY}
    assert set(told) <= {b"200", b"503"}
