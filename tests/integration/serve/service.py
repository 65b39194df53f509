"""A running `serve` of its own for the tests of processes: started, looked into, killed."""

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
import polars as pl
from redis import Redis
from redis.exceptions import RedisError

from features.events.log import scan_events
from features.online.embedded import socket_path
from features.settings import Settings

APPLICATION = "tests.integration.serve.ingesting_app:create_app"
SERVE = "from serving.parent import *; from features.settings import *; serve(read_settings(), sys.argv[1])"


class Service:
    """A running `serve` on a data folder of its own."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path, base: str) -> None:
        self.process, self.data_dir, self.base = process, data_dir, base
        self.client = httpx.Client(base_url=base, timeout=5)

    def children(self, module: str) -> list[int]:
        """Process ids of its living children that run `module`, or a program of that name."""
        found: list[int] = []
        with suppress(OSError):
            for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                if module in Path(f"/proc/{child}/cmdline").read_bytes().decode().replace("\0", " "):
                    found.append(int(child))
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0

    def redis(self) -> Redis:
        return Redis(unix_socket_path=str(socket_path(self.data_dir)))


def environment_for(data_dir: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
    return (
        kept | {"RECOMMENDER_DATA_DIR": str(data_dir), "RECOMMENDER_PORT": "0", "RECOMMENDER_WORKERS": "1"} | settings
    )


@contextmanager
def serving(data_dir: Path, application: str = APPLICATION, **settings: str) -> Iterator[Service]:
    """A service that answers; what it says of itself goes to `said.txt` in the data folder."""
    command = [sys.executable, "-c", SERVE, application]
    with (data_dir / "said.txt").open("a") as said:
        process = subprocess.Popen(
            command, env=environment_for(data_dir, **settings), text=True, stdout=subprocess.PIPE, stderr=said
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        ready = re.match(r"serving on (http://\S+)", line)
        assert ready, line + (data_dir / "said.txt").read_text()
        service = Service(process, data_dir, ready[1])
        with service.client:
            yield service
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def logged(data_dir: Path) -> pl.DataFrame:
    """The log: event_id, user_id."""
    return scan_events(Settings(data_dir=data_dir)).select("event_id", "user_id").collect()


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
