"""Webhooks against a real receiver on this machine: one that fails, is slow, redirects, and dies."""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from time import sleep
from typing import Any

import pytest
from sqlalchemy import Engine

from features.outgoing import check_url
from features.sql.consent_store import ConsentStore
from features.sql.permission_feed import START
from features.sql.webhook_store import WebhookStore
from features.webhooks.deliver import GIVEN_UP_AFTER, LONGEST_PAUSE, Deliverer, pause_after
from features.webhooks.post import Post
from features.webhooks.signing import webhook_secret
from recommender.consent import Entry, State
from recommender.errors import InvalidInput

SECRET, NAME = b"s" * 32, "whk_1"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Receiver(BaseHTTPRequestHandler):
    """Answers as `server.answers` says, then with 200; notes what it took."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        server: Any = self.server
        status = server.answers.pop(0) if server.answers else 200
        server.calls.append((dict(self.headers), json.loads(body), status))
        if status == "slow":
            sleep(0.6)
            status = 200
        self.send_response(status)
        if status in range(300, 400):
            self.send_header("location", f"http://127.0.0.1:{server.server_port}/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def receiving(*answers: int | str, port: int = 0) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    server.answers, server.calls = list(answers), []
    thread = threading.Thread(target=server.serve_forever, args=[0.02])
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def deliverer(engine: Engine, clock: Clock, port: int) -> Deliverer:
    post = Post({f"127.0.0.1:{port}"}, timeout_seconds=0.4)
    return Deliverer(engine=engine, secret=SECRET, send=post, clock=clock, rng=Random(1))


def say(engine: Engine, *ids: str) -> None:
    entries = [
        Entry(
            entry_id=one, subject=("user_id", "ann"), purpose="analytics", state=State.DENIED, occurred_at=NOON,
            received_at=NOON,
        )
        for one in ids
    ]  # fmt: skip
    ConsentStore(engine).append(entries)


def add(engine: Engine, port: int) -> WebhookStore:
    store = WebhookStore(engine)
    store.add(NAME, f"http://127.0.0.1:{port}/hook", "crm", START, NOON)
    return store


def taken(server: Any) -> list[str]:
    """Entry ids of the messages that were answered with 200."""
    messages = [body["data"]["changes"] for _, body, status in server.calls if status == 200]
    return [change["entry_id"] for changes in messages for change in changes]


def test_a_message_is_signed_and_tells_everything_in_order(engine: Engine) -> None:
    with receiving() as server:
        add(engine, server.server_port)
        say(engine, *(f"e{n}" for n in range(130)))
        told = deliverer(engine, Clock(), server.server_port)
        while told.tell(NAME):
            pass
        assert taken(server) == [f"e{n}" for n in range(130)]
        headers, body, _ = server.calls[0]
    key = base64.b64decode(webhook_secret(SECRET, NAME).removeprefix("whsec_"))
    content = json.dumps(body, separators=(",", ":"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{content}"
    expected = base64.b64encode(hmac.new(key, signed.encode(), sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize("trouble", [500, 302, "slow"])
def test_what_is_not_taken_comes_again_as_the_same_message_and_nothing_overtakes_it(
    engine: Engine, trouble: int | str
) -> None:
    clock = Clock()
    with receiving(trouble, trouble) as server:
        store = add(engine, server.server_port)
        say(engine, "e1", "e2")
        told = deliverer(engine, clock, server.server_port)
        for _ in range(2):
            assert not told.tell(NAME)
            assert not told.tell(NAME)  # not before its time
            say(engine, f"later at {clock.now}")
            clock.now += timedelta(seconds=30)
        webhook = store.get(NAME)
        assert (webhook.failures, webhook.failing_since) == (2, NOON)
        assert told.tell(NAME)
        assert told.tell(NAME)
        ids = [headers["webhook-id"] for headers, _, _ in server.calls]
        assert ids[0] == ids[1] == ids[2] != ids[3]
        assert server.calls[0][1] == server.calls[2][1]
        assert len(server.calls) == 4  # the redirect was not followed
        assert [change["entry_id"] for change in server.calls[2][1]["data"]["changes"]] == ["e1", "e2"]
        assert store.get(NAME).failures == 0


def test_a_receiver_that_was_killed_gets_what_it_missed_when_it_is_back(engine: Engine) -> None:
    clock = Clock()
    with receiving() as server:
        port = server.server_port
        add(engine, port)
    say(engine, "e1")
    assert not deliverer(engine, clock, port).tell(NAME)
    clock.now += LONGEST_PAUSE
    with receiving(port=port) as server:
        assert deliverer(engine, clock, port).tell(NAME)  # another process, after ours died
        assert taken(server) == ["e1"]


def test_two_deliverers_never_send_at_once_and_a_dead_ones_right_runs_out(engine: Engine) -> None:
    clock = Clock()
    with receiving("slow", "slow") as server:
        store = add(engine, server.server_port)
        say(engine, "e1")
        patient = Post({f"127.0.0.1:{server.server_port}"}, timeout_seconds=5)
        both = [Deliverer(engine=engine, secret=SECRET, send=patient, clock=clock) for _ in range(2)]
        threads = [threading.Thread(target=one.tell, args=[NAME]) for one in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.calls) == 1
        say(engine, "e2")
        assert store.claim(NAME, "one that died", clock.now, timedelta(seconds=60))
        assert not both[0].tell(NAME)
        clock.now += timedelta(seconds=61)
        assert both[0].tell(NAME)


def test_after_three_days_a_message_is_parked_the_next_goes_on_and_a_replay_brings_it(engine: Engine) -> None:
    clock, n_tries = Clock(), 0
    with receiving(*[503] * 500) as server:
        store = add(engine, server.server_port)
        say(engine, "e1")
        told = deliverer(engine, clock, server.server_port)
        while store.get(NAME).parked == 0:
            told.tell(NAME)
            n_tries += 1
            clock.now = store.get(NAME).next_try_at
        assert clock.now - NOON >= GIVEN_UP_AFTER
        assert 50 < n_tries < 200
        server.answers.clear()
        say(engine, "e2")
        assert told.tell(NAME)
        assert taken(server) == ["e2"]
        assert store.replay(NAME) == 1
        assert told.tell(NAME)
        assert taken(server) == ["e2", "e1"]
        assert store.get(NAME).parked == 0
        assert not told.tell(NAME)


def test_a_deleted_webhook_is_told_nothing(engine: Engine) -> None:
    with receiving() as server:
        add(engine, server.server_port).delete(NAME, NOON)
        say(engine, "e1")
        assert not deliverer(engine, Clock(), server.server_port).tell(NAME)
        assert server.calls == []


def test_pauses_grow_to_an_hour_and_differ() -> None:
    pauses = [pause_after(failures, Random(failures)) for failures in range(40)]
    assert timedelta(seconds=2.5) <= pauses[0] <= timedelta(seconds=5)
    assert all(LONGEST_PAUSE / 2 <= pause <= LONGEST_PAUSE for pause in pauses[12:])
    assert len(set(pauses)) == 40


def test_a_webhook_into_our_own_network_is_refused() -> None:
    with pytest.raises(InvalidInput):
        check_url("https://127.0.0.1/hook")
