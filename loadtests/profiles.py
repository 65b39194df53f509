"""The profiles of load: how fast calls come, and what happens to the service meanwhile."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from features.artifact.shelf import ArtifactShelf
from features.settings import Settings
from loadtests.answering import workers_by_artifact
from loadtests.arrivals import Rate
from serving.process_metrics import named_children

MANIFEST = "manifest.json"
TAKEN_UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Running:
    """The service under load: its data folder, and the process id of `serve`."""

    data_dir: Path
    pid: int
    port: int
    workers: int


Disturb = Callable[[Running, float], Awaitable[None]]  # the service, and for how many seconds there is load


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to load the service.

    Attributes:
        seconds: unless another time is asked for.
        shape: the rate at each share of the time, as a multiple of the rate asked for.
        share_of_most: where no rate is asked for: so much of what the service can do, measured before.
    """

    what: str
    seconds: float = 60.0
    shape: Callable[[float, list[float]], float] = lambda _at, _hours: 1.0
    share_of_most: float = 0.5
    disturb: Disturb | None = None

    def rate(self, per_second: float, seconds: float, hours: list[float]) -> Rate:
        """Calls a second at each moment; `hours` is how busy each hour of the day is."""
        return lambda elapsed: per_second * self.shape(min(elapsed / seconds, 1.0), hours)


def _spike(at: float, _hours: list[float]) -> float:
    return 3.0 if 1 / 3 <= at < 2 / 3 else 1.0


def _day(at: float, hours: list[float]) -> float:
    return hours[min(int(24 * at), 23)]


async def swap_artifacts(service: Running, seconds: float) -> None:
    """Publish the artifact again, under another id each time, at a fifth, two fifths ... of the time.

    Raises:
        TimeoutError: one of them was not taken up by all workers.
    """
    shelf = ArtifactShelf(service.data_dir / "artifacts")
    for number in range(1, 5):
        await asyncio.sleep(seconds / 5)
        artifact_id = await asyncio.to_thread(publish_again, shelf, number)
        async with asyncio.timeout(TAKEN_UP_SECONDS):
            while await asyncio.to_thread(workers_by_artifact, service.port) != {artifact_id: service.workers}:
                await asyncio.sleep(0.2)


def publish_again(shelf: ArtifactShelf, number: int) -> str:
    """Publish a copy of the current artifact as another; returns its id."""
    artifact_id = f"{shelf.current().split('-')[0]}-{number}"
    beside = shelf.beside(artifact_id)
    shutil.copytree(shelf.path(shelf.current()), beside)
    manifest = json.loads((beside / MANIFEST).read_text())
    (beside / MANIFEST).write_text(json.dumps(manifest | {"artifact_id": artifact_id}))
    return shelf.publish(beside)


async def stop_redis(service: Running, seconds: float) -> None:
    """Let the embedded Valkey answer nothing for the middle third of the time."""
    await asyncio.sleep(seconds / 3)
    [valkey] = [pid for pid, name in named_children(service.pid) if name == "valkey"]
    os.kill(valkey, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds / 3)
    finally:
        os.kill(valkey, signal.SIGCONT)


PROFILES = {
    "steady": Profile("all callers at one rate"),
    "spike": Profile("three times the rate for the middle third", share_of_most=0.2, shape=_spike),
    "day": Profile("a day of the shop in the time, busy when people really buy", share_of_most=0.3, shape=_day),
    "cold-start": Profile("the first hundred recommendations after a start, ten a second", seconds=150.0),
    "artifact-swap": Profile("four artifacts are published meanwhile", share_of_most=0.3, disturb=swap_artifacts),
    "soak": Profile("half of what it can do, for an hour", seconds=3600.0),
    "redis-down": Profile("Valkey answers nothing for the middle third", share_of_most=0.25, disturb=stop_redis),
}


def own_artifacts(apart: Path, settings: Settings) -> None:
    """Give a copied data folder artifacts of its own, so that what is published there stays there."""
    link = apart / settings.artifacts_dir.name
    link.unlink()
    shutil.copytree(settings.artifacts_dir.resolve(), link)
