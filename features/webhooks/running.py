"""The deliverer beside the drain: one thread that looks for something to tell."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

from features.identity import read_secret
from features.settings import Settings
from features.sql.engine import opened
from features.webhooks.deliver import Deliverer
from features.webhooks.post import Post

RETRY_SECONDS = 5.0

log = logging.getLogger(__name__)


@contextmanager
def delivering(settings: Settings) -> Generator[None]:
    """Deliver webhooks meanwhile; a message that is under way at the end is sent again by whoever comes next."""
    stop = Event()
    Thread(target=_deliver, args=[settings, stop], name="webhooks", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _deliver(settings: Settings, stop: Event) -> None:
    while not stop.is_set():
        try:
            with opened(settings) as engine:
                post, secret = Post(settings.allowed_hosts), read_secret(settings)
                Deliverer(engine=engine, secret=secret, send=post, clock=lambda: datetime.now(UTC)).run(stop)
        except Exception:  # such as a database that is away: shoppers' words wait in it, nothing is lost
            log.exception("webhooks are told nothing now")
            stop.wait(RETRY_SECONDS)
