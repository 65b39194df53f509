"""Nothing that blocks is called on the event loop, whatever route is used: no database, no file that is written.

It is not timed, since machines differ: what takes a connection from a pool of SQL, opens a file to write or starts a
process says in which thread it does so, and the thread of the event loop must not be among them.
"""

import asyncio
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from features.online.embedded import socket_path
from features.sql.engine import reading
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import Client

BASKET = {"currency": "EUR", "lines": [{"item_id": "i5", "quantity": 1, "amount": 300}]}
AGREED = {"personalisation": True}
SAID = {"user_id": "u1", "purpose": "personalisation", "state": "granted", "source": {"channel": "web"}}
TRACK = {"event": "Product Viewed", "userId": "u1", "anonymousId": "v1", "properties": {"product_id": "i1"}}
ITEM = {"title": "New", "price": {"amount": 150, "currency": "EUR"}, "category": "category 1"}
BLOCKS = {"send_id": "s1", "blocks": [{"block_id": "top", "placement": "home", "count": 2}],
          "recipients": [{"user_id": "u1"}]}  # fmt: skip
CALLS: list[tuple[str, str, Any]] = [
    ("POST", "/v1/recommendations", {"placement": "home", "user_id": "u1", "consent": AGREED, "explain": True}),
    ("POST", "/v1/recommendations/batch", {"user_id": "u1", "blocks": [{"placement": "home"}]}),
    ("POST", "/v1/basket/complements", {"cart": ["i1"]}),
    ("GET", "/v1/items/i1/similar", None),
    ("POST", "/v1/track", TRACK),
    ("POST", "/v1/track", TRACK | {"event": ""}),  # which goes to the dead letters
    ("POST", "/v1/identify", {"userId": "u1", "anonymousId": "v1", "traits": {"plan": "gold"}}),
    ("POST", "/v1/batch", {"batch": [TRACK | {"type": "track"}] * 3}),
    ("GET", "/v1/catalogue/items/i1", None),
    ("PUT", "/v1/catalogue/items/new", ITEM),
    ("PATCH", "/v1/catalogue/stock", {"lines": [{"item_id": "i2", "quantity": 5}]}),
    ("GET", "/v1/placements", None),
    ("GET", "/v1/campaigns", None),
    ("GET", "/v1/campaigns/bread/preview", None),
    ("GET", "/v1/kill-switch", None),
    ("GET", "/v1/stores", None),
    ("GET", "/v1/places/manifest?store_id=berlin", None),
    ("POST", "/v1/coupons/validate", {"coupons": ["NONE"], "store_id": "berlin", "basket": BASKET}),
    ("POST", "/v1/redemptions", {"coupons": ["NONE"], "store_id": "berlin", "basket": BASKET, "order_id": "o1"}),
    ("GET", "/v1/me/wallet?user_id=u1", None),
    ("GET", "/.well-known/coupon-keys", None),
    ("POST", "/v1/consents", {"consents": [SAID]}),
    ("GET", "/v1/profiles/user_id:u1/consents", None),
    ("GET", "/v1/consents/changes", None),
    ("POST", "/v1/consents/links", {"user_id": "u1"}),
    ("GET", "/preferences?t=nobody", None),
    ("POST", "/v1/email/blocks", BLOCKS),
    ("GET", "/email/preview", None),
    ("GET", "/e/c/nobody", None),
    ("GET", "/v1/decisions/0123456789abcdef0123456789abcdef", None),
    ("GET", "/v1/audit", None),
    (
        "POST",
        "/v1/privacy/requests",
        {"kind": "access", "identifiers": [{"kind": "user_id", "value": "u1"}], "source": "shopper"},
    ),
    ("GET", "/healthz", None),
    ("GET", "/readyz", None),
    ("GET", "/metrics", None),
]

# What these are asked for is not there, or does not hold: to find that out is their work.
REFUSED = {
    "/v1/track": 422, "/v1/redemptions": 409, "/preferences?t=nobody": 403, "/e/c/nobody": 410,
    "/v1/decisions/0123456789abcdef0123456789abcdef": 404,
}  # fmt: skip


class Watch:
    """Notes what blocks the thread of an event loop while it is on."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.is_on = False

    def note(self, what: str) -> None:
        if self.is_on and asyncio._get_running_loop() is not None:  # of this thread
            ours = [frame for frame in traceback.extract_stack() if "/site-packages/" not in frame.filename]
            where = next(
                (f for f in reversed(ours) if "/serving/" in f.filename or "/features/" in f.filename), ours[-3]
            )
            self.found.append(f"{what} at {where.filename}:{where.lineno} {where.line}")

    def audit(self, name: str, args: tuple[Any, ...]) -> None:
        if name == "subprocess.Popen":
            self.note(name)
        elif name == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
            self.note(f"open({args[0]})")

    def checkout(self, *_: object) -> None:
        self.note("SQL")


WATCH = Watch()


@pytest.fixture(scope="module")
def watch() -> Watch:
    sys.addaudithook(WATCH.audit)  # for good; it notes nothing while the watch is off
    return WATCH


@contextmanager
def watching(watch: Watch) -> Iterator[list[str]]:
    """What was noted meanwhile."""
    watch.found, watch.is_on = [], True
    event.listen(Pool, "checkout", watch.checkout)
    try:
        yield watch.found
    finally:
        watch.is_on = False
        event.remove(Pool, "checkout", watch.checkout)


def test_no_route_blocks_the_event_loop(valkey_data_dir: Path, tmp_path: Path, watch: Watch) -> None:
    aisle = Aisle(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    aisle.publish("a1")
    blocked: dict[str, list[str]] = {}

    async def use(client: Client) -> None:
        with watching(watch) as found:
            for number, (method, path, body) in enumerate(CALLS):
                headers = aisle.secret_headers() | {"idempotency-key": f"k{number}"}
                answer = await client.request(method, path, json=body, headers=headers)
                assert answer.is_success or answer.status_code == REFUSED.get(path), answer.text
                await asyncio.sleep(0.02)
                if found:
                    blocked[f"{method} {path}"], found[:] = found[:], []
            await aisle.arrive(client)
            await asyncio.sleep(0.6)  # what is written behind the answers
            blocked.update({"an offer, or what follows": found[:]} if found else {})

    aisle.run(use)
    assert blocked == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_watch_sees_what_blocks(tmp_path: Path, watch: Watch, engine: Any) -> None:
    async def block() -> None:
        with reading(engine):
            pass
        (tmp_path / "file").write_text("x")
        await asyncio.to_thread((tmp_path / "other").write_text, "x")

    with watching(watch) as found:
        asyncio.run(block())
    assert [one.split(" at ")[0].split("(")[0] for one in found] == ["SQL", "open"]
