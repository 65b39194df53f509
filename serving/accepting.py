"""Takes connections off a socket that several workers listen on, so that each has about as many as the others.

Left to themselves, the worker that wakes first takes all that wait: of sixty connections that are kept open it may have
two thirds, and its requests queue while the other worker is idle.
"""

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable

import uvicorn

from serving.http_protocol import BoundedProtocol

PATIENCE_SECONDS = 0.005  # that one with more connections leaves to those with fewer, who may be busy, stopped or dead
AHEAD = 1 / 32  # of its own connections are what one may have more than another
AT_ONCE = 64  # connections at most are taken in one turn of the event loop, which may be long for one who is busy
FULL_SECONDS = 1.0  # until one that could not take a connection tries again
UNREADY_SECONDS = 0.05  # that one which has no artifact yet leaves connections to those which have
COUNT_BYTES = 4
TAKES_NONE = 2**32 - 1  # is said in the place of a count

log = logging.getLogger(__name__)


class Connections:
    """How many connections each worker has open, in memory that all of them see.

    Args:
        file: descriptor of a file of `COUNT_BYTES` for each worker.
        worker: number of this one, from 0.
    """

    def __init__(self, file: int, worker: int) -> None:
        self._counts = memoryview(mmap.mmap(file, 0)).cast("I")
        self._worker = worker
        self.say(TAKES_NONE)

    def say(self, n_open: int) -> None:
        """Tell the others how many are open here, or that this one takes none."""
        self._counts[self._worker] = n_open

    @property
    def fewest(self) -> int:
        """The fewest that another worker has which takes some; TAKES_NONE if there is none."""
        return min((n for worker, n in enumerate(self._counts) if worker != self._worker), default=TAKES_NONE)


class FairServer(uvicorn.Server):
    """A uvicorn server that leaves connections to workers that have fewer, or are ready.

    The application may say when it is ready, by `is_ready` in the state of its lifespan: a function without arguments.
    """

    def __init__(self, config: uvicorn.Config, listener: socket.socket, connections: Connections) -> None:
        super().__init__(config)
        self._listener, self._connections = listener, connections
        self._opening = set[asyncio.Task[object]]()
        self._pause: asyncio.TimerHandle | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen; `sockets` are served as uvicorn does."""
        await super().startup(sockets=sockets or [])
        self._listener.setblocking(False)
        self._listen()

    async def on_tick(self, counter: int) -> bool:
        """Tell the others, now and then, what was closed meanwhile."""
        self._say()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, then end those that are open."""
        asyncio.get_running_loop().remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()
        self._connections.say(TAKES_NONE)
        if self._opening:
            await asyncio.wait(self._opening)
        await super().shutdown(sockets=[*(sockets or []), self._listener])

    @property
    def _n_open(self) -> int:
        return len(self.server_state.connections) + len(self._opening)

    @property
    def _is_ahead(self) -> bool:
        """Whether another worker has so many fewer that it should take the next one."""
        return self._n_open - int(AHEAD * self._n_open) > self._connections.fewest

    @property
    def _is_ready(self) -> bool:
        is_ready = self.lifespan.state.get("is_ready")
        return is_ready is None or is_ready()

    def _say(self) -> None:
        self._connections.say(self._n_open if self._is_ready else TAKES_NONE)

    def _listen(self) -> None:
        self._pause = None
        asyncio.get_running_loop().add_reader(self._listener, self._somebody_calls)

    def _somebody_calls(self) -> None:
        if not self._is_ready:
            self._wait(UNREADY_SECONDS, self._listen_again)
        elif self._is_ahead:
            self._wait(PATIENCE_SECONDS, self._listen_again)
        else:
            self._take()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        """Do not listen for so long."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        self._pause = loop.call_later(seconds, then)

    def _listen_again(self) -> None:
        self._listen()
        self._take(1 + round(AHEAD * self._n_open))  # whoever has fewer had time to

    def _take(self, in_any_case: int = 0) -> None:
        """Take those that wait until another worker has fewer; some in any case."""
        for n_taken in range(AT_ONCE):
            if (n_taken >= in_any_case and self._is_ahead) or not self._takes_one():
                return

    def _takes_one(self) -> bool:
        """Take one; False: there was none, or it cannot be taken."""
        try:
            taken, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # another worker has it, or it went
            return False
        except OSError as error:  # there are as many open files as there may be
            log.warning("no connection can be taken: %s", error)
            self._wait(FULL_SECONDS, self._listen)
            return False
        taken.setblocking(False)
        opening = asyncio.get_running_loop().create_task(self._open(taken))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        self._say()
        return True

    async def _open(self, taken: socket.socket) -> None:
        try:
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(self._new_protocol, taken)
        except OSError:  # it went meanwhile
            taken.close()

    def _new_protocol(self) -> asyncio.Protocol:
        return BoundedProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
