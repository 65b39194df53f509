"""Light load of all callers at fixed rates, whatever the answers are; what came of each call is kept."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from time import monotonic, sleep
from typing import Any

import orjson

from loadtests.generator import Connection, connect

CONNECTIONS, PATIENCE_SECONDS = 64, 15.0
NO_ANSWER = 0  # the status of a call whose connection was lost, or that was not answered in time


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, how often, with what, and what to keep of a 2xx.

    Attributes:
        request: of the n-th call.
        promised: is told the number and the body of each call that was answered with 2xx.
    """

    name: str
    per_second: float
    request: Callable[[int], bytes]
    promised: Callable[[int, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one call.

    Attributes:
        at: when it was due, in seconds of `monotonic`.
        says: of a 2xx what the answer says of itself (fallback, degraded, outcome); else the problem's code.
        retries: whether it says when to try again.
    """

    caller: str
    at: float
    milliseconds: float
    status: int
    says: str
    retries: bool


class Load:
    """Calls from a thread of its own until stopped."""

    def __init__(self, port: int, callers: Sequence[Caller]) -> None:
        self._port, self._callers = port, callers
        self._idle: list[Connection] = []
        self._under_way = dict[tuple[str, int], float]()  # when each was due
        self._stop = False
        self.seen: list[Seen] = []
        self.stood_still_seconds = 0.0  # the longest time in which this process itself did nothing

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Call as long as the block lasts; then wait for the last answers."""
        thread = Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop = True
            thread.join(PATIENCE_SECONDS + 5)

    def between(self, began: float, ended: float) -> list[Seen]:
        """Calls that were due in this time, once all of them are answered or given up."""
        while any(due < ended for due in list(self._under_way.values())):
            sleep(0.05)
        return [one for one in self.seen if began <= one.at < ended]

    async def _run(self) -> None:
        watch = asyncio.create_task(self._watch_itself())
        await asyncio.gather(*(self._call_on(caller) for caller in self._callers))
        watch.cancel()

    async def _watch_itself(self) -> None:
        while True:
            before = monotonic()
            await asyncio.sleep(0.05)
            self.stood_still_seconds = max(self.stood_still_seconds, monotonic() - before - 0.05)

    async def _call_on(self, caller: Caller) -> None:
        rng, due, n, calls = random.Random(caller.name), monotonic(), 0, set[asyncio.Task[None]]()
        while not self._stop:
            due += rng.expovariate(caller.per_second)
            await asyncio.sleep(max(0.0, due - monotonic()))
            call = asyncio.create_task(self._call(caller, n, due))
            calls.add(call)
            call.add_done_callback(calls.discard)
            n += 1
        await asyncio.gather(*calls)

    async def _call(self, caller: Caller, n: int, due: float) -> None:
        self._under_way[caller.name, n] = due
        status, says, retries = NO_ANSWER, "no answer", False
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                connection = await self._connection()
                answer = await connection.send(caller.request(n))
        except (OSError, TimeoutError):
            pass
        else:
            head, _, text = answer.partition(b"\r\n\r\n")
            status, head = int(head[9:12]), head.lower()
            if b"\r\nconnection: close" not in head:
                self._idle.append(connection)
            body = orjson.loads(text) if text else {}
            says, retries = _says(status, body), b"\r\nretry-after:" in head
            if 200 <= status < 300:
                caller.promised(n, body)
        self.seen.append(Seen(caller.name, due, 1000 * (monotonic() - due), status, says, retries))
        del self._under_way[caller.name, n]

    async def _connection(self) -> Connection:
        """One that is open; those that the service closed meanwhile are left."""
        while self._idle:
            if (connection := self._idle.pop()).is_open:
                return connection
        [connection] = await connect("127.0.0.1", self._port, 1)
        return connection


def _says(status: int, body: dict[str, Any]) -> str:
    if status >= 300:
        return str(body.get("code", ""))
    if "degraded" in body:
        return "+".join(body["degraded"]) or str(body["fallback"])
    return str(body.get("outcome", ""))


def summary(seen: Sequence[Seen]) -> str:
    """Answers of each caller by status and what they say, and the longest that one took."""
    lines: list[str] = []
    for caller in dict.fromkeys(one.caller for one in seen):
        mine = [one for one in seen if one.caller == caller]
        counts = Counter(f"{one.status or '-'} {one.says}".strip() for one in mine)
        said = ", ".join(f"{n} × {what}" for what, n in counts.most_common())
        lines.append(f"{caller}: {said}; worst {max(one.milliseconds for one in mine):.0f} ms")
    return "\n".join(lines)
