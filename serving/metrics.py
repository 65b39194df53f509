"""What the service counts and times; one page covers all workers."""

import os
from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from recommender.query import FALLBACKS
from serving.request_notes import NOTES

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "_OTHER"  # anybody may invent one, and each would be a series of its own
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
STAGE_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)


class Metrics:
    """The metrics of one worker. With PROMETHEUS_MULTIPROC_DIR set, `page` covers every worker that shares it.

    Attributes:
        requests_active: under way in this worker now.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests_active = 0
        self._problems = Counter(
            "recommender_problems_total",
            "Requests that ended as a problem, by its code: what was wrong, or what was refused and why.",
            ["code"],
            registry=self.registry,
        )
        self._requests = Histogram(
            "http_server_request_duration_seconds",
            "Time from the request's head to the end of its answer.",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=REQUEST_SECONDS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "recommender_stage_duration_seconds",
            "Time of each stage of a recommendation, or of a request for offers.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=self.registry,
        )
        self._misses = Counter(
            "recommender_live_state_misses_total",
            "Recommendations that went without live state, by cause: late (past the deadline), gone, or open (not asked"
            " for, because Redis was late or gone several times in a row).",
            ["cause"],
            registry=self.registry,
        )
        self._served = Counter(
            "recommender_recommendations_total",
            "Lists served, by placement, fallback level and whether they were personal.",
            ["placement", "fallback", "personalised"],
            registry=self.registry,
        )
        self._offers = Counter(
            "recommender_offer_requests_total",
            "Requests for offers, by outcome and the reason that decided it (none for an offer).",
            ["outcome", "reason"],
            registry=self.registry,
        )
        self._dropped = Counter(
            "recommender_exposures_dropped_total",
            "Served lists that were not recorded because the queue was full or the stream could not be reached.",
            registry=self.registry,
        )
        self._events = Counter(
            "recommender_events_total",
            "Events that were sent, by what became of them: accepted, duplicate, rejected.",
            ["status"],
            registry=self.registry,
        )
        self._unkept = Counter(
            "recommender_dead_letters_dropped_total",
            "Rejected events that were not kept: the dead letters of the day were full, or could not be written.",
            registry=self.registry,
        )
        self._mails = Counter(
            "recommender_mail_visits_total",
            "Links of mails that were followed or loaded, by what they are for and by whom: person, proxy, prefetch, "
            "scanner, burst (many links of one mail at once), nobody (no link of ours, or one that has ended).",
            ["link", "by"],
            registry=self.registry,
        )
        self._artifact = Gauge(
            "recommender_artifact_workers",
            "Workers that answer from this artifact.",
            ["artifact_id"],
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self._artifact_cut = Gauge(
            "recommender_artifact_cut_timestamp_seconds",
            "Time up to which the artifact that answers has learnt.",
            multiprocess_mode="livemin",
            registry=self.registry,
        )
        self._refused = Counter(
            "recommender_artifacts_refused_total",
            "Published artifacts that were broken and not loaded.",
            registry=self.registry,
        )
        self._moved = Counter(
            "recommender_moved_beacons_heard_total",
            "Beacons that a device heard among those of another store: somebody moved them, or made them up.",
            registry=self.registry,
        )
        self._codes = Counter(
            "recommender_coupon_codes_refused_total",
            "Codes of coupons that tills showed and that there are not (unknown), or that were not looked at because"
            " of too many such (held).",
            ["outcome"],
            registry=self.registry,
        )
        for cause in ("late", "gone", "open"):
            self._misses.labels(cause)  # from 0 on, so that the first is seen as an increase
        for outcome in ("unknown", "held"):
            self._codes.labels(outcome)

        self._shed = Counter(
            "recommender_requests_shed_total",
            "Requests that were refused because there was more to do than could be done, by who called.",
            ["caller"],
            registry=self.registry,
        )
        self._breakers = Gauge(
            "recommender_breaker_open",
            "1 while a store is taken for gone, so that calls do without it at once: redis, sql, or live_state"
            " (Redis, where it has milliseconds).",
            ["dependency"],
            multiprocess_mode="livemax",
            registry=self.registry,
        )
        for caller in ("till", "app", "storefront", "batch"):
            self._shed.labels(caller)
        for dependency in ("live_state", "redis", "sql"):
            self.breaker_turned(dependency, False)
        self._by_request: dict[tuple[str, str, int], Histogram] = {}
        self._by_list: dict[tuple[str, str, bool], Counter] = {}
        self._by_stage: dict[str, Histogram] = {}

    def begin_at_zero(self, routes: Iterable[str], stages: Iterable[str], placements: Iterable[str]) -> None:
        """Make the series that most requests count in: who asks first does not wait for it, and it is an increase.

        Args:
            routes: the paths of POST routes.
            stages: of a recommendation.
            placements: that lists are asked for.
        """
        for route in routes:
            self._child_of_request("POST", route, 200)
        for stage in stages:
            self._child_of_stage(stage)
        for placement, fallback, personalised in product(placements, FALLBACKS, (False, True)):
            self._child_of_list(placement, fallback, personalised)

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template of its path."""
        self._child_of_request(method, route, status).observe(seconds)

    def problem_answered(self, code: str) -> None:
        """Count a request that ended as a problem; `code` is of our own list."""
        _note_reason(code)
        self._problems.labels(code).inc()

    def requests_shed(self, caller: str, n: int) -> None:
        """Count requests that were refused at the door; `caller` is till, app, storefront or batch."""
        self._shed.labels(caller).inc(n)
        self._problems.labels("overloaded").inc(n)

    def breaker_turned(self, dependency: str, is_open: bool) -> None:
        """State whether a store is taken for gone; `dependency` is live_state, redis or sql."""
        self._breakers.labels(dependency).set(is_open)

    def stages_timed(self, stages: Sequence[str], seconds: Sequence[float]) -> None:
        """Time the stages of one recommendation."""
        notes = NOTES.get()
        for stage, duration in zip(stages, seconds, strict=True):
            if notes is not None:
                notes.stages[stage] = notes.stages.get(stage, 0.0) + duration
            self._child_of_stage(stage).observe(duration)

    def list_served(self, placement: str, fallback: str, *, personalised: bool) -> None:
        """Count one list."""
        _note_reason(fallback)
        self._child_of_list(placement, fallback, personalised).inc()

    def offer_decided(self, outcome: str, reason: str) -> None:
        """Count one request for offers; `reason` is of the closed list, "" for none."""
        _note_reason(reason or outcome)
        self._offers.labels(outcome, reason).inc()

    def mail_visited(self, link: str, by: str) -> None:
        """Count a link of a mail; both are of closed lists."""
        self._mails.labels(link, by).inc()

    def live_state_missed(self, cause: str) -> None:
        """Count a recommendation that went without live state; `cause` is "late", "gone" or "open"."""
        _note_reason(f"live state {cause}")
        self._misses.labels(cause).inc()

    def events_judged(self, statuses: Iterable[str]) -> None:
        """Count events by what became of them."""
        for status, n in Counts(statuses).items():
            self._events.labels(status).inc(n)

    def dead_letters_dropped(self, n: int) -> None:
        """Count rejected events that were not kept."""
        self._unkept.inc(n)

    def moved_beacons_heard(self, n: int) -> None:
        """Count beacons that were heard where they do not belong."""
        self._moved.inc(n)

    def codes_refused(self, outcome: str, n: int) -> None:
        """Count codes that a till tried; `outcome` is "unknown" or "held"."""
        self._codes.labels(outcome).inc(n)

    def exposures_dropped(self, n: int) -> None:
        """Count served lists that were not recorded."""
        self._dropped.inc(n)

    def artifact_swapped(self, old: str | None, new: str, cut_seconds: float) -> None:
        """State which artifact answers now."""
        if old is not None:
            self._artifact.labels(old).set(0)
        self._artifact.labels(new).set(1)
        self._artifact_cut.set(cut_seconds)

    def artifact_refused(self) -> None:
        """Count a broken artifact."""
        self._refused.inc()

    # Kept by what they are asked with: the library joins and checks the labels under a lock each time.

    def _child_of_request(self, method: str, route: str, status: int) -> Histogram:
        child = self._by_request.get((method, route, status))
        if child is None:
            child = self._requests.labels(method if method in METHODS else OTHER_METHOD, route, str(status))
            if method in METHODS:
                self._by_request[method, route, status] = child
        return child

    def _child_of_stage(self, stage: str) -> Histogram:
        child = self._by_stage.get(stage)
        if child is None:
            child = self._by_stage[stage] = self._stages.labels(stage)
        return child

    def _child_of_list(self, placement: str, fallback: str, personalised: bool) -> Counter:
        child = self._by_list.get((placement, fallback, personalised))
        if child is None:
            child = self._served.labels(placement, fallback, str(personalised).lower())
            self._by_list[placement, fallback, personalised] = child
        return child

    def page(self) -> tuple[bytes, str]:
        """The page that Prometheus reads, and its content type."""
        registry = self.registry
        if shared := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            registry.register(_AllProcesses(Path(shared)))
        return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def _note_reason(reason: str) -> None:
    """Note what decided how the request that is being answered went, for its line of log."""
    notes = NOTES.get()
    if notes is not None:
        notes.reasons[reason] = None


class _AllProcesses(Collector):
    """What all processes have counted, read from their files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        # A process makes its file first and writes it then: one without a byte has counted nothing, and cannot be read.
        files = [str(file) for file in self._folder.glob("*.db") if _has_bytes(file)]
        return MultiProcessCollector.merge(files)


def _has_bytes(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:  # of a process that ended meanwhile
        return False
