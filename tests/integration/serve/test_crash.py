"""Events under load while processes are killed at random: what was acknowledged is in the log, everything only once.

`make crash` runs it for minutes. CRASH_SEED repeats the choices of a run, CRASH_SECONDS says how long it lasts.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import httpx
import pytest
from redis.exceptions import RedisError

from features.events.backlog import backlog_of, backlog_question
from features.online.connection import connect
from features.online.embedded import EmbeddedValkey, socket_path
from features.online.keys import DRAIN_LEASE
from features.online.live_state import LiveState
from features.settings import Settings
from recommender.ids import UserId
from tests.integration.serve.service import Service, ends, environment_for, eventually, logged, serving

SECONDS = float(os.environ.get("CRASH_SECONDS", "10"))
SEED = int(os.environ.get("CRASH_SEED", random.SystemRandom().randrange(10**6)))
SENDERS, PAUSE_SECONDS = 3, 0.05  # between two batches of a sender


class Sender(Thread):
    """Sends batches, each of a user of its own, again when the answer is no 200, until stopped."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._random = random.Random(f"{SEED} {number}")
        self.stop = Event()
        self.base = ""
        self._client = httpx.Client(timeout=5, limits=httpx.Limits(max_keepalive_connections=0))
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.statuses: dict[int, int] = {}

    def run(self) -> None:
        n_batches = 0
        while not self.stop.wait(PAUSE_SECONDS):
            user = f"u{self._number}-{n_batches}"
            n_batches += 1
            message_ids = [f"{user}-{event}" for event in range(self._random.randint(1, 30))]
            self.sent.update(message_ids)
            while not self._send(user, message_ids) and not self.stop.wait(0.05):
                if self._random.random() < 0.2:
                    break  # an impatient client: nobody knows whether these were stored

    def _send(self, user: str, message_ids: list[str]) -> bool:
        events = [
            {"type": "track", "event": "Product Viewed", "userId": user, "messageId": message_id,
             "properties": {"product_id": "milk"}}
            for message_id in message_ids
        ]  # fmt: skip
        try:
            answer = self._client.post(f"{self.base}/v1/batch", json={"batch": events})
        except httpx.TransportError:
            return False
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
        if answer.status_code == 200:
            assert {event["status"] for event in answer.json()["events"]} <= {"accepted", "duplicate"}
            self.acknowledged.update(message_ids)
        return answer.status_code == 200


class StandBy:
    """A second drain, as another host would run it."""

    def __init__(self, data_dir: Path) -> None:
        self._command = [sys.executable, "-c", "from recommender.cli import main; main()", "drain", "--follow"]
        self._environment = environment_for(data_dir) | {"REDIS_URL": f"unix://{socket_path(data_dir)}"}
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def restart(self) -> None:
        self.kill()
        self._process = self._start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def harm(service: Service, stand_by: StandBy, what: str) -> None:
    if what == "expire the lease":  # as if its holder had paused for longer than the lease lasts
        with suppress(RedisError), service.redis() as redis:
            redis.delete(DRAIN_LEASE)
    elif what == "restart the second drain":
        stand_by.restart()
    else:
        for pid in service.children(what)[:1]:
            os.kill(pid, signal.SIGKILL)


def kill_at_random(service: Service, stand_by: StandBy, choice: random.Random, seconds: float) -> dict[str, int]:
    done: dict[str, int] = {}
    end = monotonic() + seconds
    while monotonic() < end:
        sleep(choice.uniform(0.05, 0.9))
        what = choice.choice(
            [
                "serving.worker",
                "serving.drain",
                "valkey",
                "serving.drain",
                "expire the lease",
                "restart the second drain",
            ]
        )
        done[what] = done.get(what, 0) + 1
        harm(service, stand_by, what)
    return done


def all_projected(service: Service) -> bool:
    with service.redis() as redis:
        backlog = backlog_of(redis.eval(*backlog_question()))
    return backlog.unprojected == 0 and backlog.waiting_entries == 0 and backlog.waiting_bytes == 0


def live_counts(data_dir: Path, users: list[str]) -> dict[str, int]:
    async def read() -> dict[str, int]:
        async with connect(Settings(data_dir=data_dir)) as redis:
            live = LiveState(redis)
            return {user: len(await live.read(UserId(user), None)) for user in users}

    valkey = EmbeddedValkey(data_dir)
    valkey.start()
    try:
        return asyncio.run(read())
    finally:
        valkey.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes by /proc")
def test_whatever_is_killed_what_was_acknowledged_is_in_the_log_once_and_in_live_state(tmp_path: Path) -> None:
    print(f"CRASH_SEED={SEED} CRASH_SECONDS={SECONDS:g}")  # noqa: T201 - to run it again
    choice = random.Random(SEED)
    senders = [Sender(number) for number in range(SENDERS)]
    stand_by = StandBy(tmp_path)
    try:
        with serving(tmp_path, RECOMMENDER_WORKERS="2") as service:
            for sender in senders:
                sender.base = service.base
                sender.start()
            done = kill_at_random(service, stand_by, choice, SECONDS)
            children = [pid for name in ("serving.worker", "serving.drain") for pid in service.children(name)]
            service.process.kill()
            assert all(ends(pid) for pid in children)
        with serving(tmp_path, RECOMMENDER_WORKERS="2") as service:
            for sender in senders:
                sender.base = service.base
            sleep(1)
            for sender in senders:
                sender.stop.set()
            for sender in senders:
                sender.join()
            eventually(lambda: all_projected(service), 30)
            service.stop()
    finally:
        stand_by.kill()
        for sender in senders:
            sender.stop.set()
    sent, acknowledged = set[str](), set[str]()
    for sender in senders:
        sent |= sender.sent
        acknowledged |= sender.acknowledged
    log = logged(tmp_path)
    statuses = [sender.statuses for sender in senders]
    print(f"acknowledged {len(acknowledged)}, logged {len(log)}, did {done}, answers {statuses}")  # noqa: T201
    assert len(acknowledged) > 100
    assert log["event_id"].n_unique() == len(log)
    assert acknowledged <= set(log["event_id"]) <= sent
    by_user = dict(log.group_by("user_id").len().iter_rows())
    assert live_counts(tmp_path, list(by_user)) == by_user
