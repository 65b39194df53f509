"""Long work in slices: what it holds, others wait for, and nobody waits for ever."""

import asyncio
from dataclasses import replace
from time import perf_counter

from features.sql.changes import Changes
from recommender.lockstep import Work, in_step
from serving.catalogue.replay import replay
from serving.pauses import SLICE_SECONDS, with_pauses
from tests.builders import small_catalogue


def steps(name: str, n: int, log: list[str]) -> Work[str]:
    for number in range(n):
        until = perf_counter() + SLICE_SECONDS
        while perf_counter() < until:
            pass
        log.append(f"{name}{number}")
        yield
    return name


def test_each_takes_a_step_in_turn_and_others_have_theirs_in_between() -> None:
    log = list[str]()

    async def others() -> None:
        while True:
            log.append("-")
            await asyncio.sleep(0)

    async def main() -> list[str]:
        other = asyncio.create_task(others())
        returned = await with_pauses(in_step([steps("a", 1, log), steps("b", 3, log), steps("c", 2, log)]))
        other.cancel()
        return returned

    assert asyncio.run(main()) == ["a", "b", "c"]
    assert [step for step in log if step != "-"] == ["a0", "b0", "c0", "b1", "c1", "b2"]
    assert log.count("-") >= 6


def test_a_catalogue_changes_once_nobody_holds_it_also_when_the_work_is_given_up() -> None:
    catalogue = small_catalogue(3)
    changes = Changes(1, items=(replace(catalogue.items[0], title="New"),))

    def hold() -> Work[None]:
        catalogue.held += 1
        try:
            yield from steps("a", 1_000, [])
        finally:
            catalogue.held -= 1

    async def main() -> None:
        working = asyncio.create_task(with_pauses(hold()))
        await asyncio.sleep(0)
        changing = asyncio.create_task(replay(catalogue, changes))
        await asyncio.sleep(0.02)
        assert catalogue.items[0].title != "New"
        working.cancel()
        await asyncio.wait_for(changing, 10)
        assert catalogue.items[0].title == "New"

    asyncio.run(main())
