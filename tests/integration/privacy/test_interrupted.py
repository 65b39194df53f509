"""Erasure under fire: killed anywhere it converges, and events that keep coming bring nobody back."""

import asyncio
import json
import os
import signal
import threading
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from redis import Redis

from features.audit import CLI
from features.online.embedded import socket_path
from features.privacy.desk import Asked, PrivacyDesk
from features.privacy.erasure import Erasure
from features.settings import Settings
from features.sql.engine import open_engine
from tests.integration.lives import FORKS
from tests.integration.privacy.person import USER, Drill, found, lived, opened, revenue, send
from tests.integration.privacy.test_erasure_drill import live_on, nothing_is_left


def work_until_killed(settings: Settings, now: datetime, step: int) -> None:
    """Erase; ends itself with SIGKILL at the step that it is about to report, counted from 1."""
    steps, report = count(1), Erasure._cleared

    def report_or_die(erasure: Erasure, *said: Any) -> Any:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return report(erasure, *said)

    Erasure._cleared = report_or_die  # type: ignore[method-assign] - so that it dies there
    redis = Redis(unix_socket_path=str(socket_path(settings.data_dir)))
    Drill(settings, open_engine(settings), redis, now).work()


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
            process = FORKS.Process(target=work_until_killed, args=(drill.settings, drill.now, step))
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL
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
