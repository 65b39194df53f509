"""The door of a worker: who begins, who waits, who is refused."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from serving.lane import BURST, STANDING_SECONDS, Lane
from serving.priorities import CALLERS, NEVER_REFUSED, Caller, caller_of
from tests.integration.serving.shop import openapi_document

FEW, MANY, PATIENCE = 4, 50, 0.05
MILLISECOND = 0.001


@dataclass
class Asked:
    """A request, and what became of it; nothing yet while both are None."""

    came_at: float
    is_gone: bool = False
    began_at: float | None = None
    refused_at: float | None = None


@dataclass
class Worker:
    """A worker that takes `work_ms` for each request, so many at a time, and one more each `every_ms`."""

    at_once: int
    work_ms: int
    now: float = 0.0
    asked: list[Asked] = field(default_factory=list[Asked])
    lane: Lane = field(default_factory=lambda: Lane(FEW, MANY, PATIENCE))
    ends: list[float] = field(default_factory=list[float])

    def live(self, milliseconds: int, per_ms: float) -> None:
        """Go on for so long, while so many come each millisecond."""
        due = 0.0
        for number in range(milliseconds):
            self.now += MILLISECOND
            for end in [end for end in self.ends if end <= self.now]:
                self.ends.remove(end)
                self.lane.left(self.now)
            if number % 10 == 0:
                self.lane.look(self.at_once, self.now, 10 * MILLISECOND)
            due += per_ms
            while due >= 1:
                due -= 1
                self.come()

    def come(self) -> Asked:
        """One more request."""
        asked = Asked(self.now)
        self.asked.append(asked)
        self.lane.comes(_Visit(self, asked))
        return asked


class _Visit:
    def __init__(self, worker: Worker, asked: Asked) -> None:
        self._worker, self._asked, self.came_at = worker, asked, asked.came_at

    @property
    def is_gone(self) -> bool:
        return self._asked.is_gone

    def begin(self) -> None:
        self._asked.began_at = self._worker.now
        self._worker.ends.append(self._worker.now + self._worker.work_ms * MILLISECOND)

    def refuse(self) -> None:
        self._asked.refused_at = self._worker.now


@given(times=st.floats(1.2, 10), at_once=st.integers(1, 8), work_ms=st.integers(2, 12))
def test_at_any_overload_the_worker_stays_busy_and_nobody_who_is_answered_waits_long(
    times: float, at_once: int, work_ms: int
) -> None:
    worker, can = Worker(at_once, work_ms), at_once / work_ms
    worker.live(1_000, times * can)
    began = [one for one in worker.asked if one.began_at is not None]
    assert len(began) >= 0.95 * can * 1_000
    waits = [one.began_at - one.came_at for one in began if one.began_at is not None]
    assert max(waits) <= max(BURST * PATIENCE, FEW / can * MILLISECOND) + 0.02
    later = [wait for wait, one in zip(waits, began, strict=True) if one.came_at > 0.5]
    assert sum(later) / len(later) <= max(PATIENCE, FEW / can * MILLISECOND) + 0.02
    assert worker.lane.stands(worker.now)


@given(share=st.floats(0.1, 0.9), at_once=st.integers(2, 8), work_ms=st.integers(2, 12))
def test_nobody_is_refused_while_the_worker_can_keep_up(share: float, at_once: int, work_ms: int) -> None:
    worker = Worker(at_once, work_ms)
    worker.live(500, share * at_once / work_ms)
    assert not [one for one in worker.asked if one.refused_at is not None]


def test_a_burst_is_answered_and_a_queue_that_stands_is_cut():
    worker = Worker(at_once=1, work_ms=2)
    worker.lane.look(1, 0.0, 0.01)
    burst = [worker.come() for _ in range(MANY)]
    worker.live(2 * MANY + 20, 0.0)
    assert not [one for one in burst if one.refused_at is not None]

    slow = Worker(at_once=1, work_ms=100)
    slow.lane.look(1, 0.0, 0.01)
    many = [slow.come() for _ in range(MANY)]
    slow.live(1000 * int(STANDING_SECONDS + BURST * PATIENCE) + 300, 0.0)
    refused = [one.refused_at for one in many if one.refused_at is not None]
    assert len(refused) >= MANY - FEW - 5
    few = Worker(at_once=1, work_ms=1_000)
    few.lane.look(1, 0.0, 0.01)
    for _ in range(FEW + 1):
        few.come()
    few.live(4_500, 0.0)
    assert not [one for one in few.asked if one.refused_at is not None]


def test_who_has_hung_up_is_passed_over():
    worker = Worker(at_once=1, work_ms=5)
    worker.lane.look(1, 0.0, 0.01)
    asked = [worker.come() for _ in range(4)]
    asked[1].is_gone = True
    worker.live(30, 0.0)
    assert [one.began_at is not None for one in asked] == [True, False, True, True]


def test_every_route_has_a_caller_that_somebody_chose():
    for path in openapi_document()["paths"]:
        begins = {"/".join(path.split("/", 3)[:3]), "/" + path.split("/", 2)[1]}
        assert begins & (CALLERS.keys() | NEVER_REFUSED), path
    assert caller_of("/v1/redemptions/rdm_0/rollback") is Caller.TILL
    assert caller_of("/e/c/token") is caller_of("/v1/recommendations/batch") is Caller.STOREFRONT
    assert caller_of("/v1/track") is Caller.EVENTS
    assert caller_of("/v1/kill-switch") is caller_of("/readyz") is None
    assert caller_of("") is caller_of("/") is caller_of("/nobody/knows/this") is Caller.BATCH
