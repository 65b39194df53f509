import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from fastapi import FastAPI
from redis import Redis

from features.events.drain import drain
from features.events.log import scan_events
from features.online.connection import connect
from features.online.embedded import socket_path
from features.online.live_state import LiveEvents, LiveState
from features.settings import Settings
from recommender.consent_answers import Answer
from recommender.ids import AnonymousId, UserId
from serving.access import TRUSTED, Access
from serving.events.permitted import Permitted
from serving.events.routes import event_routes
from serving.problems import answer_with_problems
from tests.ingesting import MARKETS, answers_from, ingest_over

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONSENTS = {"ann": Answer.GRANTED, "withdrawn": Answer.REFUSED}
ON_RECORD = answers_from(lambda user_id: CONSENTS.get(user_id, Answer.NONE))
GRANTED = {"consent": {"categoryPreferences": {"personalisation": True}}}
REFUSED = {"consent": {"categoryPreferences": {"personalisation": False, "analytics": True}}}


@dataclass
class Admitting:
    """A gate that takes every caller for the same one, and limits none."""

    access: Access

    def admit(self, scope: object, need: str, *, or_key_in_body: bool) -> Access:
        return self.access

    def charge(self, scope: object, cost: int) -> None: ...


@dataclass
class Shop:
    """The ingestion routes over a real Valkey, without the rest of the service."""

    settings: Settings

    def send(
        self, *requests: tuple[str, Any], headers: dict[str, str] | None = None, access: Access = TRUSTED
    ) -> list[httpx.Response]:
        async def run() -> list[httpx.Response]:
            async with self._client(access) as client:
                return [await self._post(client, path, body, headers) for path, body in requests]

        return asyncio.run(run())

    @staticmethod
    def run(work: Any) -> Any:
        return asyncio.run(work())

    def live(self, user_id: str | None = None, anonymous_id: str | None = None) -> LiveEvents:
        async def read() -> LiveEvents:
            async with connect(self.settings) as redis:
                user = None if user_id is None else UserId(user_id)
                return await LiveState(redis).read(user, None if anonymous_id is None else AnonymousId(anonymous_id))

        return asyncio.run(read())

    def log(self) -> pl.DataFrame:
        assert self.settings.redis_url is not None
        with Redis.from_url(self.settings.redis_url) as redis:
            drain(redis, self.settings)
        return scan_events(self.settings).sort("event_id", "line").collect()

    @asynccontextmanager
    async def _client(self, access: Access) -> AsyncIterator[httpx.AsyncClient]:
        async with connect(self.settings) as redis:
            ingest = ingest_over(redis, self.settings, permitted=Permitted(ON_RECORD, MARKETS, lambda store_id: None))
            app = FastAPI()
            app.state.gate = Admitting(access)
            answer_with_problems(app)
            app.include_router(event_routes(ingest, lambda: NOW))
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                yield client

    @staticmethod
    async def _post(client: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str] | None) -> httpx.Response:
        if isinstance(body, bytes):
            given = {"content-type": "application/json", **(headers or {})}
            return await client.post(path, content=body, headers=given)
        return await client.post(path, json=body, headers=headers)


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    return Shop(Settings(data_dir=tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}"))


def viewed(**changes: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": "Product Viewed", "userId": "ann", "messageId": "m1",
        "properties": {"product_id": "milk"},
    } | changes  # fmt: skip


ORDER = {
    "event": "Order Completed",
    "userId": "ann",
    "messageId": "o1",
    "properties": {
        "order_id": "7", "currency": "USD", "affiliation": "web",
        "products": [
            {"product_id": "milk", "quantity": 2, "price": 1.29, "discount": 0.5},
            {"sku": "sku-9", "product_id": "unknown-product", "price": "0.99"},
        ],
    },
}  # fmt: skip


def test_a_view_is_logged_and_counts_at_once(shop):
    [answer] = shop.send(
        ("/v1/track", viewed()), headers={"authorization": "Basic " + base64.b64encode(b"k:").decode()}
    )
    assert answer.status_code == 200
    assert answer.json()["status"] == "accepted"
    assert shop.live("ann").numbers.tolist() == [1]
    row = shop.log().row(0, named=True)
    assert (row["event_id"], row["line"], row["item_id"], row["user_id"]) == ("m1", 0, "milk", "ann")
    assert row["occurred_at"] == row["received_at"] == NOW
    assert row["consent"] == ["personalisation"]


def test_an_order_has_a_line_per_item_in_minor_units(shop):
    shop.send(("/v1/track", ORDER))
    rows = shop.log()
    assert rows["line"].to_list() == [0, 1]
    assert rows["item_id"].to_list() == ["milk", "sku-9"]
    assert rows["price"].to_list() == [129, 99]
    assert rows["discount"].to_list() == [50, None]
    assert rows["quantity"].to_list() == [2.0, 1.0]
    assert rows["order_id"].to_list() == ["7", "7"]
    assert sorted(shop.live("ann").numbers.tolist()) == [1, 9]


def test_a_repeat_is_a_duplicate_and_changes_nothing(shop):
    answers = shop.send(("/v1/track", viewed()), ("/v1/track", viewed()), ("/v1/batch", {"batch": [viewed()]}))
    assert [answer.json().get("status") for answer in answers] == ["accepted", "duplicate", None]
    assert answers[2].json()["duplicate"] == 1
    assert len(shop.log()) == 1
    assert len(shop.live("ann")) == 1


def test_each_event_of_a_batch_is_judged_by_itself(shop):
    wrong: list[dict[str, Any]] = [
        viewed(messageId="x" * 1000), viewed(messageId="a", userId=None), viewed(messageId="b", timestamp="1970-01-01"),
        viewed(messageId="c", userId="nul\x00"), viewed(messageId="d", properties={}),
        viewed(messageId="e", properties={"product_id": "milk", "price": -1}), viewed(messageId="f", event=None),
        viewed(messageId="g", type="telegram"),
        viewed(messageId="h", properties={"product_id": "milk", "x": "y" * 33_000}),
        ORDER | {"messageId": "i", "properties": {"order_id": "1", "products": []}},
    ]  # fmt: skip
    [answer] = shop.send(("/v1/batch", {"batch": [viewed(messageId="ok", userId="🛒"), *wrong]}))
    body = answer.json()
    assert (body["accepted"], body["duplicate"], body["rejected"]) == (1, 0, len(wrong))
    assert [event["field"] for event in body["events"][1:]] == [
        "messageId", "userId", "timestamp", "userId", "properties.product_id", "properties.price", "event", "type",
        None, "properties.products",
    ]  # fmt: skip
    assert all(event["reason"] for event in body["events"][1:])
    assert shop.log()["event_id"].to_list() == ["ok"]


def test_what_is_no_batch_is_refused_as_a_whole(shop):
    answers = shop.send(
        ("/v1/batch", b'{"batch": ['), ("/v1/batch", {"batch": []}), ("/v1/batch", {"batch": [{}] * 2501}),
        ("/v1/batch", {"batch": [viewed(properties={"product_id": "a", "x": "y" * 600_000})]}),
        ("/v1/track", viewed(properties={"product_id": "a", "x": "y" * 33_000})), ("/v1/track", viewed(properties={})),
    )  # fmt: skip
    assert [answer.status_code for answer in answers] == [400, 422, 422, 413, 413, 422]
    assert len(shop.log()) == 0


def test_a_wrong_clock_is_set_right_and_the_future_is_now(shop):
    clock_error = timedelta(hours=5)
    sent_at = (NOW + clock_error).isoformat()
    a_minute_ago = (NOW + clock_error - timedelta(minutes=1)).isoformat()
    [answer] = shop.send(
        ("/v1/batch", {
            "sentAt": sent_at,
            "batch": [viewed(timestamp=a_minute_ago), viewed(messageId="m2", timestamp="2099-01-01T00:00:00Z")],
        })
    )  # fmt: skip
    assert "future" in answer.json()["events"][1]["note"]
    assert shop.log()["occurred_at"].to_list() == [NOW - timedelta(minutes=1), NOW]


def test_late_events_are_history_only(shop):
    shop.send(("/v1/track", viewed(timestamp=(NOW - timedelta(days=8)).isoformat())))
    assert len(shop.live("ann")) == 0
    assert len(shop.log()) == 1


def test_an_item_that_the_catalogue_lacks_is_kept_for_later(shop):
    [answer] = shop.send(("/v1/track", viewed(properties={"product_id": "novelty"})))
    assert "novelty" in answer.json()["note"]
    assert shop.log()["item_id"].to_list() == ["novelty"]
    assert len(shop.live("ann")) == 0


@pytest.mark.parametrize(
    ("event", "purposes"),
    [
        (viewed(userId="stranger"), []),
        (viewed(userId="withdrawn", context=GRANTED), []),
        (viewed(context=REFUSED), ["analytics"]),
        (viewed(userId=None, anonymousId="phone"), []),
    ],
)
def test_without_consent_an_event_is_logged_so_and_touches_no_live_state(shop, event, purposes):
    shop.send(("/v1/track", event))
    assert len(shop.live(event["userId"], event.get("anonymousId"))) == 0
    assert shop.log()["consent"].to_list() == [purposes]


def test_consent_may_come_with_the_event(shop):
    shop.send(("/v1/track", viewed(userId=None, anonymousId="phone", context=GRANTED)))
    assert len(shop.live(None, "phone")) == 1


def test_global_privacy_control_leaves_nothing_personal(shop):
    event = viewed(anonymousId="phone", context=GRANTED | {"externalIds": [{"id": "1"}], "sessionId": "s"})
    shop.send(("/v1/track", event), headers={"sec-gpc": "1"})
    row = shop.log().row(0, named=True)
    assert [row[name] for name in ("user_id", "anonymous_id", "identifiers", "session_id")] == [None] * 4
    assert row["consent"] == []
    assert len(shop.live("ann", "phone")) == 0


def test_without_redis_nothing_is_accepted(tmp_path):
    [answer] = Shop(Settings(data_dir=tmp_path)).send(("/v1/track", viewed()))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["code"] == "store_unavailable"
