"""Work of many callers that blocks, done in one thread for all who came while it was busy."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

from features.told import tell

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Hands what was asked for to threads, several at once; for the event loop.

    A thread for each caller would take its turn at the interpreter dozens of times for every one of them. A caller that
    gives up leaves its work to be done.

    Args:
        work: answers several at once, an exception for each that has none; what it raises all of them get.
        lanes: how many threads work at the same time.
        most: how many one thread takes.
    """

    def __init__(
        self, work: Callable[[Sequence[Asked]], Sequence[Answer | Exception]], executor: Executor, lanes: int, most: int
    ) -> None:
        self._work, self._executor, self._lanes, self._most = work, executor, lanes, most
        self._asked: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._n_working, self._tasks = 0, set[asyncio.Task[None]]()

    def __call__(self, asked: Asked) -> "asyncio.Future[Answer]":
        """The answer, asked for now; awaiting it raises what the work says, or raises."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._asked.append((asked, answered))
        if self._n_working < self._lanes:
            self._n_working += 1
            lane = loop.create_task(self._work_on())
            self._tasks.add(lane)  # else nothing would hold it
            lane.add_done_callback(self._tasks.discard)
        return answered

    async def _work_on(self) -> None:
        """Work until nobody has asked meanwhile."""
        try:
            while self._asked:
                # Who has given up was told that nothing was done: only what is under way by then is done for nobody.
                waiting = [one for one in self._asked if not one[1].done()]
                taken, self._asked = waiting[: self._most], waiting[self._most :]
                if not taken:
                    break
                answers: Sequence[Answer | Exception]
                work = asyncio.get_running_loop().run_in_executor(
                    self._executor, self._work, [asked for asked, _ in taken]
                )
                try:
                    answers = await work
                except Exception as error:  # for those who asked
                    answers = [error] * len(taken)
                for (_, answered), answer in zip(taken, answers, strict=True):
                    tell(answered, answer)
        finally:
            self._n_working -= 1  # in the same step as the last look: who asks from now on begins anew
