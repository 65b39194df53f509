"""The parent of `serve`: owns the listening socket, the embedded Valkey and the drain, and watches over the workers."""

import asyncio
import fcntl
import http.client
import logging
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event
from types import FrameType
from typing import IO

from redis.exceptions import RedisError

from features.online.connection import check_redis, connect, connect_blocking
from features.online.embedded import EmbeddedValkey
from features.settings import Settings
from recommender.errors import InvalidInput, StoreUnavailable
from serving.children import Child, environment_of
from serving.logs import PROCESS, configure_logs
from serving.metrics_folder import MetricsFolder, owned_metrics_folder
from serving.worker import GRACE_SECONDS
from serving.workers import Workers, start_again_if_dead

APPLICATION = "serving.app:create_app"
LOOK_SECONDS = 0.05  # between two looks at the children
RETRY_SECONDS = 1.0  # until the embedded Valkey is tried again
BACKLOG = 2048

log = logging.getLogger(__name__)


def serve(settings: Settings, application: str = APPLICATION) -> None:
    """Serve until SIGTERM or SIGINT; then finish requests under way, drain the stream, and end.

    SIGHUP replaces the workers one after the other, each once the new one is ready; no request is lost.

    Must run in the main thread. Prints one line when the first worker answers.

    Args:
        settings: of the parent, handed on to all children.
        application: "module:factory" of the ASGI application.

    Raises:
        InvalidInput: the address cannot be listened on.
        StoreUnavailable: another `serve` runs on this data folder, a store is unusable, or the workers end at once.
    """
    configure_logs(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (
        _lock(settings.data_dir),
        _listen(settings) as listener,
        owned_metrics_folder(settings.data_dir) as metrics,
        TemporaryFile() as connections,
        _redis(settings) as valkey,
    ):
        _Family(settings, application, listener, connections, metrics, valkey).live()


class _Family:
    """The children, from the first start to the end."""

    def __init__(
        self,
        settings: Settings,
        application: str,
        listener: socket.socket,
        connections: IO[bytes],
        metrics: MetricsFolder,
        valkey: EmbeddedValkey | None,
    ) -> None:
        self._metrics_dir = metrics.path
        environment = environment_of(settings) | {"PROMETHEUS_MULTIPROC_DIR": str(self._metrics_dir)}
        # One thread each: workers share the cores, and a request is too short to be split. One arena: threads that read
        # SQL would each get a heap of their own from glibc, and what one frees no other can use.
        usual = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        environment = usual | environment
        self._workers = Workers(settings.workers, application, listener.fileno(), connections, environment, metrics)
        drain = Child(
            "serving.drain",
            [],
            environment | {PROCESS: "drain"},
            inherited=[metrics.descriptor],
            holds_sigterm=True,
        )
        self._drain = [drain] if settings.drain else []
        self._valkey = valkey
        self._address: tuple[str, int] = listener.getsockname()[:2]
        self._stop, self._had_terminal = Event(), _has_terminal()

    def live(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, self._on_hang_up)
        try:
            self._workers.start()
            if self._wait_until_ready():
                self._say_ready()
                for drain in self._drain:
                    drain.start()  # now, because until here it would only have taken the workers' time
                while not self._stop.wait(LOOK_SECONDS):
                    self._replace_the_dead()
        finally:
            self._end()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _on_hang_up(self, _number: int, _frame: FrameType | None) -> None:
        """Asked for new workers; unless this began at a terminal, which has been closed."""
        if self._had_terminal and not _has_terminal():
            self._stop.set()
        else:
            self._workers.replace()

    def _wait_until_ready(self) -> bool:
        """Whether a worker answers; False if asked to stop before."""
        while not self._stop.wait(LOOK_SECONDS):
            if self._workers.has_lost_one():
                raise StoreUnavailable("a worker ended while starting", remedy="Its message is above.")
            if self._answers("/healthz") is not None:
                return True
        return False

    def _say_ready(self) -> None:
        host, port = self._address
        at = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        ready = "" if self._answers("/readyz") == 200 else "; not ready to recommend yet, see /readyz"
        sys.stdout.write(f"serving on {at} with {len(self._workers)} worker(s){ready}\n")
        sys.stdout.flush()

    def _answers(self, path: str) -> int | None:
        """Status of a GET to ourselves; None: no answer yet."""
        host, port = self._address
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
        connection = http.client.HTTPConnection(reachable, port, timeout=1.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _replace_the_dead(self) -> None:
        if self._valkey is not None and self._valkey.pid is None:
            log.error("the embedded Valkey ended; starting it again")
            try:
                self._valkey.start()
            except StoreUnavailable as error:
                log.exception(error.remedy)
                self._stop.wait(RETRY_SECONDS)
        self._workers.look()
        for drain in self._drain:
            start_again_if_dead(drain, self._metrics_dir)

    def _end(self) -> None:
        self._workers.end()
        for drain in self._drain:
            drain.ask_to_end()
            drain.wait_for_end(GRACE_SECONDS)


def _has_terminal() -> bool:
    """Whether there is a terminal that would say when it is closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


@contextmanager
def _lock(data_dir: Path) -> Generator[None]:
    """Held while this process lives; the kernel gives it back however that ends."""
    with (data_dir / "serve.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreUnavailable(
                f"another `recommender serve` runs on the data folder {data_dir}",
                remedy="Stop it, or set RECOMMENDER_DATA_DIR to another folder.",
            ) from error
        yield


@contextmanager
def _redis(settings: Settings) -> Generator[EmbeddedValkey | None]:
    """The embedded Valkey, running; None, after a look at it, where the deployment brings its own Redis."""
    if settings.redis_url is not None:
        _check(settings)
        yield None
        return
    valkey = EmbeddedValkey(settings.data_dir)
    valkey.start()
    try:
        yield valkey
    finally:
        valkey.stop()


def _check(settings: Settings) -> None:
    try:
        with connect_blocking(settings) as redis:
            redis.ping()
    except RedisError as error:
        log.warning("Redis cannot be reached; serving without live state until it can: %s", error)
        return

    async def check() -> None:
        async with connect(settings) as redis:
            await check_redis(redis, allow_lossy=settings.allow_lossy_redis)

    asyncio.run(check())


@contextmanager
def _listen(settings: Settings) -> Generator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise InvalidInput(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}",
            field="RECOMMENDER_PORT",
            remedy="Choose another port with --port, or 0 for any free one.",
        ) from error
    with listener:
        yield listener
