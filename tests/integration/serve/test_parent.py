import os
import re
import signal
import subprocess
import sys
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
from features.online.embedded import socket_path
from features.settings import Settings

SERVE = "from features.settings import read_settings; from serving.parent import serve; serve(read_settings(), 'tests.integration.serve.ingesting_app:create_app')"


class Service:
    """A running `serve` on a data folder of its own."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path, base: str) -> None:
        self.process, self.data_dir, self.base = process, data_dir, base

    def worker_pid(self) -> int:
        return httpx.get(f"{self.base}/healthz", timeout=5).json()["pid"]

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
            answer = httpx.post(f"{self.base}/v1/batch", json={"batch": events}, timeout=5)
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


@contextmanager
def serving(data_dir: Path) -> Iterator[Service]:
    process = start(data_dir)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        ready = re.match(r"serving on (http://\S+)", line)
        assert ready, line + process.stderr.read()
        yield Service(process, data_dir, ready[1])
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


def test_whatever_is_killed_what_was_acknowledged_is_in_the_log_once(tmp_path):
    acknowledged: set[str] = set()
    with serving(tmp_path) as service:
        for turn in range(3):
            for batch in range(10):
                message_ids = [f"{turn}-{batch}-{event}" for event in range(20)]
                if batch == 5:
                    victim = service.worker_pid() if turn == 0 else service.valkey_pid()
                    os.kill(victim, signal.SIGKILL)
                acknowledged.update(eventually(lambda ids=message_ids: service.send(ids)))
        service.stop()
        logged = service.logged()
    assert len(acknowledged) == 600
    assert len(logged) == len(set(logged))
    assert acknowledged <= set(logged)


def test_a_second_service_on_the_same_data_is_refused(tmp_path):
    with serving(tmp_path) as service:
        second = start(tmp_path)
        _, said = second.communicate(timeout=60)
        assert second.returncode != 0
        assert "another `recommender serve` runs on the data folder" in said
        assert service.worker_pid()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_parent_leaves_nothing_running(tmp_path):
    with serving(tmp_path) as service:
        worker, valkey = service.worker_pid(), service.valkey_pid()
        service.send(["kept"])
        service.process.kill()
        assert ends(worker)
        assert ends(valkey)
    with serving(tmp_path) as service:  # the data folder can be served again
        assert service.send(["kept"]) == ["kept"]
        service.stop()
        assert service.logged() == ["kept"]


def test_a_port_in_use_is_named(tmp_path):
    with serving(tmp_path / "one") as service:
        port = service.base.rsplit(":", 1)[1]
        process = subprocess.run(
            [sys.executable, "-c", SERVE], env=environment_for(tmp_path / "two") | {"RECOMMENDER_PORT": port},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert process.returncode != 0
        assert f"port {port}: Address already in use" in process.stderr
