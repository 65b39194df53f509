"""What many ask for at once is done in few goes, each gets their own answer, and nobody is forgotten."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from serving.together import Together


class Busy:
    """Doubles numbers, refuses odd ones, and takes its time at the first."""

    def __init__(self) -> None:
        self.goes = list[list[int]]()
        self.go_on = Event()

    def __call__(self, asked: Sequence[int]) -> list[int | Exception]:
        self.goes.append(list(asked))
        assert self.go_on.wait(10)
        if 99 in asked:
            raise RuntimeError("nothing works")
        return [ValueError(str(one)) if one % 2 else 2 * one for one in asked]


async def ask_all(together: Together[int, int], numbers: Sequence[int], busy: Busy) -> list[int | BaseException]:
    asking = [asyncio.ensure_future(together(number)) for number in numbers]
    await asyncio.sleep(0.01)
    busy.go_on.set()
    return await asyncio.gather(*asking, return_exceptions=True)


def test_who_comes_while_it_is_busy_goes_together_and_gets_their_own_answer() -> None:
    async def check() -> None:
        busy = Busy()
        with ThreadPoolExecutor(1) as threads:
            answers = await ask_all(Together(busy, threads, lanes=1, most=3), [2, 4, 5, 6, 8], busy)
        assert busy.goes == [[2, 4, 5], [6, 8]]
        assert [answers[place] for place in (0, 1, 3, 4)] == [4, 8, 12, 16]
        assert isinstance(answers[2], ValueError)

    asyncio.run(check())


def test_what_fails_for_all_is_said_to_all_of_that_go_and_the_next_is_served() -> None:
    async def check() -> None:
        busy = Busy()
        with ThreadPoolExecutor(1) as threads:
            together = Together(busy, threads, lanes=1, most=2)
            answers = await ask_all(together, [2, 99, 4, 6], busy)
            assert await together(10) == 20
        assert [type(one) for one in answers[:2]] == [RuntimeError, RuntimeError]
        assert answers[2:] == [8, 12]

    asyncio.run(check())


def test_one_after_the_other_is_served_though_nobody_waits() -> None:
    async def check() -> None:
        busy = Busy()
        busy.go_on.set()
        with ThreadPoolExecutor(1) as threads:
            together = Together(busy, threads, lanes=1, most=8)
            assert [await together(number) for number in (2, 4, 6)] == [4, 8, 12]

    asyncio.run(check())


def test_who_gives_up_takes_nobody_along() -> None:
    async def check() -> None:
        busy = Busy()
        with ThreadPoolExecutor(1) as threads:
            together = Together(busy, threads, lanes=1, most=8)
            first, second, third = (asyncio.ensure_future(together(number)) for number in (2, 4, 6))
            await asyncio.sleep(0.01)
            second.cancel()
            busy.go_on.set()
            assert (await first, await third) == (4, 12)
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(check())


def test_what_somebody_gave_up_before_it_began_is_not_done() -> None:
    async def check() -> None:
        busy = Busy()
        with ThreadPoolExecutor(1) as threads:
            together = Together(busy, threads, lanes=1, most=1)
            first, second, third = (asyncio.ensure_future(together(number)) for number in (2, 4, 6))
            await asyncio.sleep(0.01)
            second.cancel()
            third.cancel()
            await asyncio.sleep(0)
            busy.go_on.set()
            assert await first == 4
            assert await together(8) == 16
        assert busy.goes == [[2], [8]]

    asyncio.run(check())
