"""The drain of `serve`: every few seconds, what waits in the event stream goes into the log."""

import logging
import signal
from threading import Event
from types import FrameType

from features.events.drain import drain
from features.online.connection import connect_blocking
from features.settings import Settings, read_settings

PAUSE_SECONDS = 2.0

log = logging.getLogger(__name__)


def drain_until(stop: Event, settings: Settings, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Drain again and again, and once more when stopped. What fails stays in the stream and is tried again."""
    with connect_blocking(settings) as redis:
        stopped = False
        while not stopped:
            stopped = stop.wait(pause_seconds)
            try:
                drain(redis, settings)
            except Exception:  # whatever it is (a full disk, a restart of Redis): events must not wait for a person
                log.exception("events wait in the stream: they could not be written to the log")


def main() -> None:
    """Drain until SIGTERM."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # blocked by the parent, until here
    drain_until(stop, read_settings())


if __name__ == "__main__":
    main()
