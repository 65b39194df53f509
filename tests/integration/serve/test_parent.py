import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError

from features.events.log import scan_events
from features.online.embedded import find_valkey, socket_path
from features.settings import Settings
from recommender.errors import InvalidInput, StoreUnavailable
from serving.parent import serve

APPLICATION = "tests.integration.serve.ingesting_app:create_app"
SERVE = f"from serving.parent import *; from features.settings import *; serve(read_settings(), '{APPLICATION}')"


class Service:
    """A running `serve` on a data folder of its own."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path, base: str) -> None:
        self.process, self.data_dir = process, data_dir
        self.client = httpx.Client(base_url=base, timeout=5)

    def worker_pid(self) -> int:
        return self.client.get("/healthz").json()["pid"]

    def valkey_pid(self) -> int:
        with Redis(unix_socket_path=str(socket_path(self.data_dir))) as redis:
            return redis.info("server")["process_id"]

    def send(self, message_ids: list[str]) -> list[str]:
        """Message ids that the service took responsibility for; none when it could not be reached."""
        events = [
            {"type": "track", "event": "Product Viewed", "userId": "ann", "messageId": message_id,
             "properties": {"product_id": "milk"}}
            for message_id in message_ids
        ]  # fmt: skip
        try:
            answer = self.client.post("/v1/batch", json={"batch": events})
        except httpx.TransportError:
            return []
        return [event["message_id"] for event in answer.json()["events"]] if answer.status_code == 200 else []

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0

    def logged(self) -> list[str]:
        return scan_events(Settings(data_dir=self.data_dir)).select("event_id").collect()["event_id"].to_list()


def environment_for(data_dir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
    return kept | {"RECOMMENDER_DATA_DIR": str(data_dir), "RECOMMENDER_PORT": "0", "RECOMMENDER_WORKERS": "1"}


def start(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVE], env=environment_for(data_dir), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def lossy_redis(tmp_path: Path) -> Iterator[str]:
    """URL of a Valkey without an append-only file."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        command = [str(find_valkey()), "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with Redis(unix_socket_path=path) as redis:
            eventually(redis.ping)
        yield f"unix://{path}"
        process.kill()
        process.wait()


@contextmanager
def serving(data_dir: Path) -> Iterator[Service]:
    process = start(data_dir)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        ready = re.match(r"serving on (http://\S+)", line)
        assert ready, line + process.stderr.read()
        service = Service(process, data_dir, ready[1])
        with service.client:
            yield service
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ends(pid: int, within_seconds: float = 10.0) -> bool:
    end = monotonic() + within_seconds
    while monotonic() < end:
        with suppress(FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                sleep(0.05)
                continue
        return True
    return False


def eventually(ask: Any, within_seconds: float = 15.0) -> Any:
    end = monotonic() + within_seconds
    while True:
        with suppress(httpx.TransportError, RedisError, AssertionError):
            answer = ask()
            assert answer
            return answer
        assert monotonic() < end, "it never came about"
        sleep(0.05)


def send_until_acknowledged(service: Service, message_ids: list[str]) -> list[str]:
    return eventually(lambda: service.send(message_ids))


def test_whatever_is_killed_what_was_acknowledged_is_in_the_log_once(tmp_path):
    batches = [[f"{batch}-{event}" for event in range(20)] for batch in range(24)]
    acknowledged: set[str] = set()
    with serving(tmp_path) as service:
        for number, batch in enumerate(batches[:20]):
            if number == 5:
                os.kill(service.worker_pid(), signal.SIGKILL)
            if number == 12:
                os.kill(service.valkey_pid(), signal.SIGKILL)
            acknowledged.update(send_until_acknowledged(service, batch))
        children = [service.worker_pid(), service.valkey_pid()]
        service.process.kill()
        assert sys.platform != "linux" or all(ends(pid) for pid in children)
    with serving(tmp_path) as service:
        for batch in batches[18:]:
            acknowledged.update(send_until_acknowledged(service, batch))
        service.stop()
        logged = service.logged()
    assert acknowledged == {message_id for batch in batches for message_id in batch}
    assert sorted(logged) == sorted(acknowledged)


def test_a_second_service_on_the_same_data_is_refused(tmp_path):
    with (tmp_path / "serve.lock").open("a") as held_by_the_first:
        fcntl.flock(held_by_the_first, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="another `recommender serve` runs on the data folder"):
            serve(Settings(data_dir=tmp_path, port=0))


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port {port}: Address already in use"):
            serve(Settings(data_dir=tmp_path, port=port))


def test_a_redis_that_could_lose_events_is_refused(tmp_path, lossy_redis):
    with pytest.raises(StoreUnavailable, match="no append-only file"):
        serve(Settings(data_dir=tmp_path, port=0, redis_url=lossy_redis))
