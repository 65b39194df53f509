"""Who is ready in the same turn of the loop is worked for step by step together; each gets their own end."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.lockstep import Work
from serving.micro_batch import MicroBatch

Ends = Sequence[str | BaseException]


class Bench:
    """Work that notes when it takes each of its steps."""

    def __init__(self, most: int = 3) -> None:
        self.batch, self.taken = MicroBatch(most), list[str]()

    def work(self, name: str, steps: int = 2, *, fails: bool = False) -> Work[str]:
        for step in range(steps):
            self.taken.append(f"{name}{step}")
            yield
        if fails:
            raise ValueError(name)
        return name.upper()

    async def all_of(self, *works: Work[str]) -> Ends:
        return await asyncio.gather(*(self.batch.begin(work) for work in works), return_exceptions=True)


def test_who_comes_in_one_turn_takes_each_step_with_the_others_and_the_rest_a_turn_later() -> None:
    bench = Bench(most=3)
    ends = asyncio.run(bench.all_of(*(bench.work(name) for name in "abcde")))
    assert ends == ["A", "B", "C", "D", "E"]
    assert bench.taken == ["a0", "b0", "c0", "a1", "b1", "c1", "d0", "e0", "d1", "e1"]


def test_between_two_batches_whatever_else_is_ready_comes_in() -> None:
    async def check() -> None:
        bench = Bench(most=2)
        asking = asyncio.ensure_future(bench.all_of(*(bench.work(name, steps=1) for name in "abcd")))
        await asyncio.sleep(0)
        while len(bench.taken) < 4:
            await asyncio.sleep(0)
            bench.taken.append("other")
        await asking
        assert "other" in bench.taken[bench.taken.index("b0") : bench.taken.index("c0")]

    asyncio.run(check())


def test_what_one_raises_is_nobody_elses_matter() -> None:
    bench = Bench()
    ends = asyncio.run(bench.all_of(bench.work("a"), bench.work("b", steps=1, fails=True), bench.work("c", steps=4)))
    assert isinstance(ends[1], ValueError)
    assert [ends[0], ends[2]] == ["A", "C"]


def test_nothing_is_done_for_who_has_given_up_by_then() -> None:
    async def check() -> None:
        bench = Bench()
        given_up, waiting = bench.batch.begin(bench.work("a")), bench.batch.begin(bench.work("b"))
        given_up.cancel()
        assert await waiting == "B"
        assert bench.taken == ["b0", "b1"]
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert await bench.batch.begin(bench.work("c")) == "C"  # and who comes later is not forgotten

    asyncio.run(check())


@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=7), max_size=4), st.integers(1, 4))
def test_everybody_gets_the_end_of_their_own_work(turns: list[list[tuple[int, bool]]], most: int) -> None:
    async def check() -> None:
        bench = Bench(most)
        for turn in turns:
            works = [bench.work(f"w{number}-", steps, fails=fails) for number, (steps, fails) in enumerate(turn)]
            ends = await bench.all_of(*works)
            said = [str(end) if isinstance(end, ValueError) else str(end).lower() for end in ends]
            assert said == [f"w{number}-" for number in range(len(turn))]
            assert [isinstance(end, ValueError) for end in ends] == [fails for _, fails in turn]

    asyncio.run(check())
