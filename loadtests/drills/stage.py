"""One drill's stage: a service with two workers over stores of its own under light load, and what was seen there."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

import httpx

from features.online.embedded import EmbeddedValkey
from loadtests.drills.callers import Promises
from loadtests.drills.load import NO_ANSWER, Caller, Load, Seen, summary
from loadtests.drills.shop import DrillShop
from tests.conftest import IN_MEMORY, MEMORY
from tests.integration.serve.service import Service, serving

MONEY = {"till", "app", "consents"}
SETTLED_SECONDS = 2.0  # of load before the fault, and after the recovery


@dataclass(kw_only=True)
class Stage:
    """Where a drill plays.

    Attributes:
        valkey: the Redis of this stage, where it is not the service's own; started and killed by the drill.
        broken: promises that were seen broken.
        notes: what was seen beside the answers.
    """

    shop: DrillShop
    service: Service
    load: Load
    promises: Promises
    valkey: EmbeddedValkey | None = None
    broken: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    lost_events: set[str] = field(default_factory=set[str])

    def check(self, held: object, promise: str) -> None:
        """Note a promise that was not held."""
        if not held:
            self.broken.append(promise)

    def watch(self, what: str, seconds: float) -> list[Seen]:
        """Let the load go on; what came of it."""
        began = monotonic()
        sleep(seconds)
        return self.look_back(what, began, monotonic())

    def look_back(self, what: str, began: float, ended: float) -> list[Seen]:
        """What came of the calls of this time, once all of them are answered or given up."""
        sleep(0.1)
        seen = self.load.between(began, ended)
        self.check(seen, f"{what}: nobody called")
        self.notes.append(f"[{what}]\n{summary(seen)}")
        return seen

    def all_well(self, what: str, seconds: float = SETTLED_SECONDS) -> None:
        """Watch, and check that nobody is refused and nothing is degraded."""
        seen = self.watch(what, seconds)
        refused = [one for one in seen if not 200 <= one.status < 300]
        self.check(not refused, f"{what}: {len(refused)} calls failed ({summary(refused)})")

    def recovers(self, ask: Callable[[], bool], what: str, within_seconds: float = 20.0) -> float:
        """Seconds until it is so."""
        began = monotonic()
        while monotonic() - began < within_seconds:
            with suppress(httpx.TransportError):
                if ask():
                    took = monotonic() - began
                    self.notes.append(f"{what} after {took:.1f} s")
                    return took
            sleep(0.05)
        self.broken.append(f"not within {within_seconds:g} s: {what}")
        return within_seconds

    def recommends_personally(self) -> bool:
        """Whether the next recommendation is personal and not degraded."""
        body = {"placement": "home", "limit": 3, "user_id": "regular", "consent": {"personalisation": True}}
        answer = self.service.client.post("/v1/recommendations", json=body)
        return answer.status_code == 200 and answer.json()["degraded"] == []

    def says(self, text: str) -> int:
        """How often the processes of the service have logged something."""
        return (self.shop.settings.data_dir / "said.txt").read_text().count(text)

    def get_metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        page = self.service.client.get("/metrics").text
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name))


def answers(seen: Sequence[Seen], *callers: str) -> list[Seen]:
    """Those of some callers."""
    return [one for one in seen if one.caller in callers]


def refused_clearly(seen: Sequence[Seen]) -> bool:
    """Whether each is answered: with 2xx, or with 503 that says when to try again."""
    return all(200 <= one.status < 300 or (one.status == 503 and one.retries) for one in seen)


def unanswered(seen: Sequence[Seen]) -> int:
    """How many got no answer at all."""
    return sum(one.status == NO_ANSWER for one in seen)


def n_degraded(seen: Sequence[Seen]) -> int:
    """How many did without live state; on a busy machine a few are late by themselves."""
    return sum("session" in one.says for one in seen)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that ends with the drill."""
    made = Path(tempfile.mkdtemp(prefix="drill-", dir=MEMORY if IN_MEMORY else None))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def staged(
    *,
    own_redis: bool = False,
    redis_url: Callable[[EmbeddedValkey], str] | None = None,
    database_url: str | None = None,
    application: str = "serving.app:create_app",
    callers: Callable[[Promises], list[Caller]] = Promises.callers,
    data_dir: Path | None = None,
    **settings: str,
) -> Iterator[Stage]:
    """Set up, serve under load, and look for what was promised once the service has stopped.

    Args:
        own_redis: Redis is not the service's own child, so that it stays away when it is killed.
        redis_url: how the service reaches it, if not directly.
    """
    with ExitStack() as stack:
        data = data_dir or stack.enter_context(folder())
        shop = DrillShop(data, database_url)
        stack.callback(shop.engine.dispose)
        environment = {"RECOMMENDER_CONFIG_DIR": str(data / "config"), "RECOMMENDER_WORKERS": "2", **settings}
        if database_url is not None:
            environment["DATABASE_URL"] = database_url
        valkey = None
        if own_redis:
            valkey = EmbeddedValkey(stack.enter_context(folder()))
            valkey.start()
            stack.callback(lambda: end(valkey))
            environment["REDIS_URL"] = f"unix://{valkey.socket}" if redis_url is None else redis_url(valkey)
        service = stack.enter_context(serving(data, application, **environment))
        promises = Promises()
        load = Load(urlsplit(service.base).port or 0, callers(promises))
        stage = Stage(shop=shop, service=service, load=load, promises=promises, valkey=valkey)
        stage.recovers(lambda: service.client.get("/readyz").status_code == 200, "ready", 60)
        with load.running():
            sleep(SETTLED_SECONDS / 2)
            stage.all_well("before")
            yield stage
        service.stop()
        words, broken = promises.found(shop, lost_events=stage.lost_events)
        stage.notes.append(words)
        stage.broken += broken


def kill(pid: int | None) -> None:
    """kill -9."""
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def end(valkey: EmbeddedValkey) -> None:
    """End it, also if it was stopped."""
    if valkey.pid is not None:
        os.kill(valkey.pid, signal.SIGCONT)
    valkey.stop()
