"""Calls that arrive at a set rate, whatever the answers do, and what came of each.

Open loop: latency counts from when a call was due, so that a stalled server cannot slow its own test.
"""

import asyncio
import random
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from loadtests.generator import Connection, connect
from loadtests.traffic import Call

LONGEST_SECONDS = 10.0  # that a call is waited for
NO_ANSWER = 0  # instead of a status: none came in time, or the connection was lost
DEGRADED = b'"degraded":["'

Rate = Callable[[float], float]  # calls a second, by seconds since the start


@dataclass(slots=True)
class Answers:
    """What came of each call, in the order of their answers.

    Attributes:
        names: the kinds of calls; `kinds` has places in it.
        due: seconds from the start to when it was to be sent; ms: milliseconds from then to its answer.
        late_ms: how much later than due this generator itself came to sending it.
        status: of the answer, or NO_ANSWER.
        degraded: how many said that they went without something.
        first_failures: by kind, the head of the first answer that was no 2xx.
    """

    names: list[str] = field(default_factory=list[str])
    kinds: "array[int]" = field(default_factory=lambda: array("H"))
    due: "array[float]" = field(default_factory=lambda: array("d"))
    ms: "array[float]" = field(default_factory=lambda: array("d"))
    late_ms: "array[float]" = field(default_factory=lambda: array("d"))
    status: "array[int]" = field(default_factory=lambda: array("H"))
    degraded: int = 0
    first_failures: dict[str, str] = field(default_factory=dict[str, str])

    def note(self, name: str, due: float, ms: float, late_ms: float, answer: bytes) -> None:
        """Keep what came of one call; no bytes: nothing came."""
        if name not in self.names:
            self.names.append(name)
        status = int(answer[9:12]) if answer else NO_ANSWER
        self.kinds.append(self.names.index(name))
        self.due.append(due)
        self.ms.append(ms)
        self.late_ms.append(late_ms)
        self.status.append(status)
        self.degraded += DEGRADED in answer
        if not 200 <= status < 300:
            body = answer.partition(b"\r\n\r\n")[2]
            self.first_failures.setdefault(f"{name} {status}", body[:300].decode(errors="replace"))

    def is_of(self, name: str) -> NDArray[np.bool_]:
        """Which calls are of this kind; "": of recommendations, "*": all."""
        kinds = np.asarray(self.kinds)
        if name == "*":
            return np.ones(len(kinds), dtype=bool)
        return np.isin(kinds, [place for place, one in enumerate(self.names) if one.startswith(name)])

    def failed(self) -> NDArray[np.bool_]:
        """Which calls had no answer, or a 5xx: what the service is to blame for."""
        status = np.asarray(self.status)
        return (status == NO_ANSWER) | (status >= 500)

    def refused(self) -> NDArray[np.bool_]:
        """Which calls were answered with a 4xx."""
        status = np.asarray(self.status)
        return (status >= 400) & (status < 500)

    def turned_away(self) -> NDArray[np.bool_]:
        """Which calls were answered without being done, because there were too many: at once, mostly."""
        return np.isin(np.asarray(self.status), [429, 503])


class _Connections:
    """So many connections at most; a call that finds none free waits."""

    def __init__(self, host: str, port: int, most: int) -> None:
        self._host, self._port = host, port
        self._free, self._turn = deque[Connection](), asyncio.Semaphore(most)

    async def send(self, request: bytes) -> bytes:
        """The answer; no bytes: none came in time."""
        async with self._turn:
            connection: Connection | None = None
            try:
                async with asyncio.timeout(LONGEST_SECONDS):
                    while self._free and not (connection := self._free.popleft()).is_open:
                        connection = None  # the server closes what is idle for long
                    if connection is None:
                        [connection] = await connect(self._host, self._port, 1)
                    answer = await connection.send(request)
            except (OSError, TimeoutError):
                if connection is not None:
                    connection.close()
                return b""
            if connection.is_open:
                self._free.append(connection)
            return answer

    def close(self) -> None:
        """End them."""
        for connection in self._free:
            connection.close()


async def arrive(
    host: str, port: int, calls: Iterator[Call], rate: Rate, seconds: float, connections: int = 800, seed: int = 7
) -> Answers:
    """Send calls at Poisson times with this rate, for so long, and wait for the last answers."""
    answers, rng = Answers(), random.Random(seed)
    through = _Connections(host, port, connections)
    tasks = set[asyncio.Task[None]]()
    started = perf_counter()
    due = started

    async def one(call: Call, due: float) -> None:
        late_ms = 1000 * (perf_counter() - due)
        answer = await through.send(call.encoded())
        answers.note(call.name, due - started, 1000 * (perf_counter() - due), late_ms, answer)

    while True:
        due += rng.expovariate(max(rate(due - started), 1e-6))
        if due - started >= seconds:
            break
        if (pause := due - perf_counter()) > 0:
            await asyncio.sleep(pause)
        task = asyncio.create_task(one(next(calls), due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    through.close()
    return answers
