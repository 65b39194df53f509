"""The event stream and its drain for Prometheus: asked of Redis at each scrape, so the same from any worker."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from features.events.backlog import Backlog


class _StreamMetrics(Collector):
    """One look at the stream; None: it cannot be reached."""

    def __init__(self, backlog: Backlog | None, limit_bytes: int) -> None:
        self._backlog = backlog
        self._limit_bytes = limit_bytes

    def collect(self) -> Iterator[Metric]:
        """The metrics of this look."""
        backlog = self._backlog
        yield _gauge("recommender_stream_up", "Whether the event stream can be reached.", float(backlog is not None))
        yield _gauge(
            "recommender_stream_limit_bytes", "Bytes that may wait before events are refused.", self._limit_bytes
        )
        if backlog is None:
            return
        for name, help_text, value in (
            ("recommender_stream_waiting_bytes", "Bytes of accepted events not yet in the log.", backlog.waiting_bytes),
            ("recommender_stream_waiting_entries", "Requests whose events wait.", backlog.waiting_entries),
            ("recommender_stream_oldest_age_seconds", "Age of the oldest that waits; 0: none.", backlog.oldest_seconds),
            ("recommender_stream_unprojected", "Requests not known to be in live state.", backlog.unprojected),
            ("recommender_drain_last_timestamp_seconds", "When events last came to the log.", backlog.last_drained_at),
        ):
            if value is not None:
                yield _gauge(name, help_text, value)
        yield _counter("recommender_drain_rows", "Rows that the drain wrote to the log.", backlog.drained_rows)
        yield _counter("recommender_drain_files", "Files that the drain wrote to the log.", backlog.drained_files)


def stream_page(backlog: Backlog | None, limit_bytes: int) -> bytes:
    """The part of the metrics page on the stream; `backlog` None: the stream cannot be reached."""
    registry = CollectorRegistry()
    registry.register(_StreamMetrics(backlog, limit_bytes))
    return generate_latest(registry)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(name, help_text, value=value)
