"""A small load generator: keeps up with thousands of requests per second from one core, and hides no queueing.

Closed loop (`saturate`) finds the highest rate; open loop (`at_rate`) sends at Poisson times whatever the answers do,
and counts latency from when a request should have been sent, so that a stalled server cannot slow its own test.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

import numpy as np


@dataclass(slots=True)
class Outcome:
    """What came of one run; latencies in milliseconds.

    Attributes:
        late_ms: how much later than due this generator itself came to a request, at a set rate.
    """

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list[float])
    late_ms: list[float] = field(default_factory=list[float])
    failures: int = 0
    first_failure: bytes = b""

    @property
    def per_second(self) -> float:
        """Answers with status 2xx per second."""
        return len(self.latencies_ms) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that `share` percent of the answers stay under; NaN without answers."""
        return float(np.percentile(self.latencies_ms, share)) if self.latencies_ms else float("nan")


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection that carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._needed = -1
        self._waiter: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of that class

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop; whoever waits gets the error."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Called by the loop; completes the waiting request when the whole answer is in."""
        self._received += data
        if self._needed < 0:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            length = head.split(b"content-length:")[1].split(b"\r\n")[0] if b"content-length:" in head else b"0"
            self._needed = end + 4 + int(length)
        if len(self._received) >= self._needed and self._waiter and not self._waiter.done():
            answer = bytes(self._received[: self._needed])
            del self._received[: self._needed]
            self._needed = -1
            self._waiter.set_result(answer)

    @property
    def is_open(self) -> bool:
        """Whether a request can still be sent on it."""
        return not self._transport.is_closing()

    def close(self) -> None:
        """Give it up, with what is under way."""
        self._transport.abort()

    async def send(self, request: bytes) -> bytes:
        """Send one request; returns the raw answer, head and body."""
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter


def post(path: str, body: bytes, more_headers: str = "", method: str = "POST") -> bytes:
    """The bytes of a POST (or the like) of a JSON body; each further header ends with CR LF."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{more_headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def connect(host: str, port: int, n: int) -> list[Connection]:
    """Open `n` connections."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, host, port))[1] for _ in range(n)]


async def saturate(
    host: str, port: int, requests: Sequence[bytes], *, seconds: float, connections: int = 32
) -> Outcome:
    """Keep every connection busy for `seconds`."""
    outcome = Outcome()
    opened = await connect(host, port, connections)
    started = perf_counter()

    async def work(connection: Connection, offset: int) -> None:
        position = offset
        while perf_counter() - started < seconds:
            sent = perf_counter()
            _note(outcome, await connection.send(requests[position % len(requests)]), sent)
            position += connections

    await asyncio.gather(*(work(connection, offset) for offset, connection in enumerate(opened)))
    outcome.seconds = perf_counter() - started
    return outcome


async def at_rate(
    host: str, port: int, requests: Sequence[bytes], *, per_second: float, seconds: float, connections: int = 64
) -> Outcome:
    """Send at Poisson times with this mean rate; a request that finds no free connection waits, and its wait counts."""
    outcome = Outcome()
    free: asyncio.Queue[Connection] = asyncio.Queue()  # in turn: the server closes what is idle for long
    for connection in await connect(host, port, connections):
        free.put_nowait(connection)
    rng = random.Random(7)
    started = perf_counter()
    due, tasks = started, set[asyncio.Task[None]]()

    async def one(request: bytes, due: float) -> None:
        outcome.late_ms.append((perf_counter() - due) * 1000)
        connection = await free.get()
        _note(outcome, await connection.send(request), due)
        free.put_nowait(connection)

    position = 0
    while due - started < seconds:
        due += rng.expovariate(per_second)
        if (pause := due - perf_counter()) > 0:
            await asyncio.sleep(pause)
        task = asyncio.create_task(one(requests[position % len(requests)], due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        position += 1
    await asyncio.gather(*tasks)
    outcome.seconds = perf_counter() - started
    return outcome


def _note(outcome: Outcome, answer: bytes, sent: float) -> None:
    if answer[9:10] == b"2":
        outcome.latencies_ms.append((perf_counter() - sent) * 1000)
    else:
        outcome.failures += 1
        outcome.first_failure = outcome.first_failure or answer
