"""The workers of `serve`: started, started again when they die, replaced one after the other."""

import logging
import mmap
from collections.abc import Generator, Mapping
from pathlib import Path
from time import monotonic
from typing import IO

from prometheus_client.multiprocess import mark_process_dead

from serving.accepting import COUNT_BYTES, TAKES_NONE
from serving.children import Child
from serving.logs import PROCESS
from serving.metrics_folder import MetricsFolder
from serving.worker import GRACE_SECONDS

READY_SECONDS = 90.0  # until a new worker takes calls, or is given up

log = logging.getLogger(__name__)


class Worker(Child):
    """A worker with its number, from 0: the place where it says how many connections it has."""

    def __init__(
        self,
        number: int,
        application: str,
        shared: tuple[int, int],
        metrics: MetricsFolder,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(
            "serving.worker",
            [application, *map(str, shared), str(number)],
            {**environment, PROCESS: f"worker-{number + 1}"},
            inherited=[*shared, metrics.descriptor],
        )
        self.number = number


class Workers:
    """So many workers; while one is replaced, one more.

    Args:
        listener: descriptor of the socket that they listen on.
        connections: the empty file in which they count their connections.
        metrics: where they count everything else.
    """

    def __init__(
        self,
        n: int,
        application: str,
        listener: int,
        connections: IO[bytes],
        environment: Mapping[str, str],
        metrics: MetricsFolder,
    ) -> None:
        connections.truncate(COUNT_BYTES * (n + 1))
        self._counts = memoryview(mmap.mmap(connections.fileno(), 0)).cast("I")
        for number in range(n + 1):
            self._counts[number] = TAKES_NONE
        self._application, self._environment, self._metrics = application, environment, metrics
        self._shared = listener, connections.fileno()
        self._workers = [self._worker(number) for number in range(n)]
        self._beside: Worker | None = None  # new and not ready yet, or old and not ended yet
        self._free = n
        self._replacing: Generator[None] | None = None
        self._is_asked = False

    def __len__(self) -> int:
        return len(self._workers)

    def start(self) -> None:
        """Start all."""
        for worker in self._workers:
            worker.start()

    def has_lost_one(self) -> bool:
        """Whether one has ended."""
        return any(worker.exit_status is not None for worker in self._workers)

    def replace(self) -> None:
        """Replace each by a new one, beginning with the next look."""
        self._is_asked = True

    def look(self) -> None:
        """Go on with what is to be done; waits for nothing."""
        for worker in self._workers:
            start_again_if_dead(worker, self._metrics.path)
        if self._replacing is None and self._is_asked:
            self._is_asked, self._replacing = False, self._replace()
        if self._replacing is not None:
            try:
                next(self._replacing)
            except StopIteration:
                self._replacing = None

    def end(self) -> None:
        """End all, once each has finished what it has under way."""
        all_of_them = [*self._workers, *([self._beside] if self._beside else [])]
        for worker in all_of_them:
            worker.ask_to_end()
        for worker in all_of_them:
            worker.wait_for_end(GRACE_SECONDS + 5)

    def _worker(self, number: int) -> Worker:
        return Worker(number, self._application, self._shared, self._metrics, self._environment)

    def _replace(self) -> Generator[None]:
        """One after the other: the new one takes calls before the old one is asked to end."""
        for place, old in enumerate(self._workers):
            new = self._beside = self._worker(self._free)
            new.start()
            until = monotonic() + READY_SECONDS
            while self._counts[new.number] == TAKES_NONE:
                if new.exit_status is not None or monotonic() > until:
                    log.error("a new worker did not come up; the %s others go on as they are", len(self))
                    self._bury(new)
                    return
                yield
            self._workers[place], self._beside, pid = new, old, old.pid
            old.ask_to_end()
            until = monotonic() + GRACE_SECONDS + 5
            while old.exit_status is None and monotonic() < until:
                yield
            self._bury(old)
            log.info("worker %s is replaced by %s", pid, new.pid)

    def _bury(self, worker: Worker) -> None:
        worker.wait_for_end(0)
        self._counts[worker.number] = TAKES_NONE
        self._beside, self._free = None, worker.number
        mark_process_dead(worker.pid, str(self._metrics.path))


def start_again_if_dead(child: Child, metrics_dir: Path) -> None:
    """Start a child again that has ended, when it is due."""
    if child.exit_status is None:
        return
    pid, status = child.pid, child.exit_status
    if child.start_again_when_due():
        log.error("process %s ended with status %s; started it again as %s", pid, status, child.pid)
        mark_process_dead(pid, str(metrics_dir))
