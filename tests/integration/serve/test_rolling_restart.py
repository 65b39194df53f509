"""SIGHUP to a running `serve`: new workers, and nobody is refused meanwhile."""

import os
import signal
from pathlib import Path
from threading import Event, Thread

import httpx

from tests.integration.serve.service import Service, eventually, serving

READYING = "tests.integration.serve.readying_app:create_app"


def ask_on(service: Service, stop: Event, statuses: list[int]) -> None:
    """Ask again and again, each time on a new connection and on one that is kept."""
    while not stop.is_set():
        statuses.append(service.client.get("/healthz").status_code)
        statuses.append(httpx.get(f"{service.base}/healthz").status_code)


def test_a_single_worker_is_replaced_while_it_answers_and_stays_if_the_new_one_does_not_come_up(tmp_path: Path):
    with serving(tmp_path, READYING, RECOMMENDER_DRAIN="false") as service:
        [first] = service.children("serving.worker")
        (tmp_path / f"ready-{first}").touch()
        eventually(lambda: service.client.get("/healthz").status_code == 200)
        stop, statuses = Event(), list[int]()
        asking = Thread(target=ask_on, args=(service, stop, statuses))
        asking.start()

        service.process.send_signal(signal.SIGHUP)
        [second] = eventually(lambda: [pid for pid in service.children("serving.worker") if pid != first])
        assert first in service.children("serving.worker")  # until the other takes calls
        (tmp_path / f"ready-{second}").touch()
        eventually(lambda: service.children("serving.worker") == [second])

        service.process.send_signal(signal.SIGHUP)
        [third] = eventually(lambda: [pid for pid in service.children("serving.worker") if pid != second])
        signal_and_wait(service, third)
        assert service.children("serving.worker") == [second]
        stop.set()
        asking.join()
        assert set(statuses) == {200}
        service.stop()


def signal_and_wait(service: Service, pid: int) -> None:
    """Kill one, and wait until it is not started again."""

    os.kill(pid, signal.SIGKILL)
    eventually(lambda: "did not come up" in (service.data_dir / "said.txt").read_text())
