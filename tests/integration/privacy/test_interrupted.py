"""Erasure under fire: killed anywhere it converges, and events that keep coming bring nobody back."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

from features.audit import CLI
from features.privacy.desk import Asked, PrivacyDesk
from tests.integration.privacy.person import USER, Drill, found, lived, opened, revenue, send
from tests.integration.privacy.test_erasure_drill import live_on, nothing_is_left

# Ends itself with SIGKILL at the n-th step that it is about to report.
KILLED_AT = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from redis import Redis
from features.online.embedded import socket_path
from features.privacy.erasure import Erasure
from features.settings import Settings
from features.sql.engine import open_engine
from tests.integration.privacy.person import Drill

left = int(sys.argv[3])
report = Erasure._cleared

def report_or_die(self, *said):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return report(self, *said)

Erasure._cleared = report_or_die
folder = Path(sys.argv[1])
settings = Settings(data_dir=folder, _env_file=None)
redis = Redis(unix_socket_path=str(socket_path(folder)))
Drill(settings, open_engine(settings), redis, datetime.fromisoformat(sys.argv[2])).work()
"""


def erase(drill: Drill) -> str:
    desk = PrivacyDesk(drill.settings, drill.engine, lambda: drill.now)
    request, _ = desk.open(Asked(kind="erasure", named=[("user_id", USER)]), CLI)
    drill.later()
    return request.request_id


def test_an_erasure_that_is_killed_again_and_again_converges(tmp_path: Path) -> None:
    with opened(tmp_path) as drill:
        drill.publish("0123456789abcdef", 1)
        asyncio.run(live_on(drill))
        before = revenue(drill.settings)
        request_id = erase(drill)
        for step in (2, 14):  # when the log was rewritten; within the transaction of the database
            command = [sys.executable, "-c", KILLED_AT, str(tmp_path), drill.now.isoformat(), str(step)]
            killed = subprocess.run(command, check=False, capture_output=True, text=True)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert drill.work() == 1
        nothing_is_left(drill)
        assert revenue(drill.settings) == before
        store = PrivacyDesk(drill.settings, drill.engine, lambda: drill.now).store
        receipt = store.read(request_id).receipt
        assert receipt is not None
        assert "Kundin" not in json.dumps(receipt)


def test_events_that_keep_coming_bring_nobody_back(tmp_path: Path) -> None:
    with opened(tmp_path, n_users=2) as drill:
        drill.publish("0123456789abcdef", 1)
        done = threading.Event()

        async def shop() -> int:
            """One worker, to which the person's events are sent all the while."""
            sent = 0
            async with drill.serving() as client:
                await client.wait_until_ready()
                await send(client, lived())
                started.set()
                while not done.is_set():
                    sent += len(await send(client, lived(f"-{sent}")))
                    await asyncio.sleep(0.01)
            return sent

        started, sent = threading.Event(), list[int]()
        worker = threading.Thread(target=lambda: sent.append(asyncio.run(shop())))
        worker.start()
        try:
            assert started.wait(60)
            drill.drain()
            assert found(drill)
            erase(drill)  # this process says nothing to the worker: it finds out by itself
            threading.Event().wait(2.0)
            assert drill.work() == 1
            threading.Event().wait(0.5)
            assert drill.work() == 0
        finally:
            done.set()
            worker.join()
        drill.drain()
        nothing_is_left(drill)
        assert sent[0] > 50
