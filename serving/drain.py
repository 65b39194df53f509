"""The drain of `serve`: every few seconds, what waits in the event stream goes into the log."""

import logging
import signal
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from types import FrameType

from prometheus_client import CollectorRegistry, Counter
from redis import Redis
from sqlalchemy import Engine

from features.events.compaction import compact
from features.events.drain import Drain
from features.events.lease import DrainLease
from features.events.repair import repair
from features.online.connection import connect_blocking
from features.privacy.runner import PrivacyRunner
from features.settings import Settings, read_settings
from features.sql.audit_store import seal_waiting
from features.sql.engine import open_engine
from features.webhooks.running import delivering
from serving.logs import configure_logs

PAUSE_SECONDS = 2.0
COMPACT_SECONDS = 60.0  # between two looks at the log's small files

log = logging.getLogger(__name__)


def drain_until(stop: Event, settings: Settings, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Drain again and again, and once more when stopped. What fails stays in the stream and is tried again.

    What was written to the audit trail is sealed as often, and what people asked for by right is done.
    """
    failures = Counter(
        "recommender_drain_failures_total",
        "Times that the log could not be written, or live state not be repaired; what waits is tried again.",
        registry=CollectorRegistry(),
    )
    with connect_blocking(settings) as redis, DrainLease(redis, settings) as lease:
        engine = open_engine(settings)
        rights = PrivacyRunner(settings, engine, redis, lambda: datetime.now(UTC))
        drain = Drain(redis, settings, lease, rights.cleaner.clean)
        stopped, stands_by = False, None
        compact_at = monotonic()
        while not stopped:
            stopped = stop.wait(pause_seconds)
            _seal(engine)
            try:
                rights.learn()
                is_ours = _drain_once(drain, redis, settings)
                if is_ours:
                    rights.run(lambda: lease.claim() is not None)
                if is_ours and not stopped and monotonic() >= compact_at:
                    compact_at = monotonic() + COMPACT_SECONDS
                    compact(settings, datetime.now(UTC))
            except Exception:  # whatever it is (a full disk, a restart of Redis): events must not wait for a person
                failures.inc()
                log.exception("events wait in the stream: they could not be written to the log")
                continue
            if stands_by is not (not is_ours):
                stands_by = not is_ours
                log.info("standing by: another drain is at work" if stands_by else "draining")


def _seal(engine: Engine) -> None:
    try:
        seal_waiting(engine)
    except Exception as error:  # whatever it is, events must not wait for it
        log.warning("the audit trail could not be sealed; it is tried again: %s", error)


def _drain_once(drain: Drain, redis: Redis, settings: Settings) -> bool:
    """Whether this is the drain that is at work."""
    is_ours = drain.move().is_ours
    if is_ours:
        repair(redis, settings, datetime.now(UTC))
    return is_ours


def main() -> None:
    """Drain until SIGTERM or SIGINT."""
    settings = read_settings()
    configure_logs(settings)
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # blocked by the parent, until here
    with delivering(settings):
        drain_until(stop, settings)


if __name__ == "__main__":
    main()
