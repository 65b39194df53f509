"""What a worker samples of itself, beside its requests: how late its event loop is, how many requests are under way."""

import asyncio
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Protocol

from prometheus_client import Counter, Gauge, Histogram

from serving.metrics import Metrics

PAUSE_SECONDS = 0.1
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Use(Protocol):
    """What a cache says of itself: a `CacheUse`, or the `cache_info` of `functools.lru_cache`."""

    @property
    def hits(self) -> int:
        """Look-ups until now that found something."""
        ...

    @property
    def misses(self) -> int:
        """Look-ups until now that found nothing."""
        ...


class Vitals:
    """Samples one worker, again and again.

    Args:
        worker: its name among the workers.
        caches: how often each cache was of use until now, by name.
    """

    def __init__(self, metrics: Metrics, worker: str, caches: Mapping[str, Callable[[], Use]]) -> None:
        self._metrics, self._caches = metrics, caches
        self._noted: dict[str, tuple[int, int]] = {}
        self._lag = Histogram(
            "recommender_event_loop_lag_seconds",
            "How much later than asked for the event loop of a worker came to a timer.",
            ["worker"],
            buckets=LAG_SECONDS,
            registry=metrics.registry,
        ).labels(worker)
        self._active = Gauge(
            "http_server_active_requests",
            "Requests under way, of all workers.",
            multiprocess_mode="livesum",
            registry=metrics.registry,
        )
        self._uses = Counter(
            "recommender_cache_requests_total",
            "Look-ups in caches of the workers, by cache and result: hit or miss.",
            ["cache", "result"],
            registry=metrics.registry,
        )
        for cache in caches:
            for result in ("hit", "miss"):
                self._uses.labels(cache, result)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            due = perf_counter() + PAUSE_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)
            self._lag.observe(max(perf_counter() - due, 0.0))
            self.note()

    def note(self) -> None:
        """Tell what was counted since this was last asked for."""
        self._active.set(self._metrics.requests_active)
        for cache, look in self._caches.items():
            use, before = look(), self._noted.get(cache, (0, 0))
            if before != (now := (use.hits, use.misses)):
                self._uses.labels(cache, "hit").inc(now[0] - before[0])
                self._uses.labels(cache, "miss").inc(now[1] - before[1])
                self._noted[cache] = now
