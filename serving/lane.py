"""Requests of one kind of caller at the door of a worker: some at work, some waiting, the others refused."""

from collections import deque
from typing import Protocol

STANDING_SECONDS = 0.1  # nobody has begun at once for so long: what waits is a queue, and no burst
BURST = 5.0  # times the patience is what waits in a burst
RATE_SECONDS = 0.2  # over which it is averaged how many begin


class Visit(Protocol):
    """A request at the door.

    Attributes:
        came_at: when its head was there, in seconds of `perf_counter`.
    """

    came_at: float

    @property
    def is_gone(self) -> bool:
        """Whether its caller has hung up."""
        ...

    def begin(self) -> None:
        """Work on it; whoever does tells `Lane.left` at the end."""
        ...

    def refuse(self) -> None:
        """Answer that there is too much to do."""
        ...


class Lane:
    """The requests of one kind; they begin in the order in which they came.

    A queue that stands is held so short that who joins it waits no longer than the patience, by the rate at which
    requests begin; what has waited longer nevertheless is refused. A burst may wait for longer.

    Args:
        few: that wait and are never refused, however slow the machine.
        many: that wait at most, even if they came at once.
        patience_seconds: that one may wait.

    Attributes:
        n_refused: since whoever counts them has set it to 0.

    Source: Maurer, Fail at Scale, ACM Queue 13(8), 2015, for two patiences, by whether the queue stands.
    """

    def __init__(self, few: float, many: float, patience_seconds: float) -> None:
        self._few, self._many, self._patience = few, many, patience_seconds
        self._waiting = deque[Visit]()
        self._most_at_work, self._at_work = 1.0, 0
        self._free_at, self._rate, self._n_begun = float("-inf"), 0.0, 0
        self.n_refused = 0

    def comes(self, visit: Visit) -> None:
        """Take one in: it begins, waits, or is refused."""
        if not self._waiting and self._at_work < self._most_at_work:
            self._free_at = visit.came_at
            self._begin(visit)
        elif self.is_full(visit.came_at):
            self._refuse(visit)
        else:
            self._waiting.append(visit)

    def left(self, now: float) -> None:
        """One of those at work has ended: the next begins."""
        self._at_work -= 1
        self._go_on(now)

    def look(self, most_at_work: float, now: float, seconds: float) -> None:
        """Go on with another bound; to be called often, `seconds` after the last time."""
        self._most_at_work = most_at_work
        self._rate += (self._n_begun / seconds - self._rate) * min(seconds / RATE_SECONDS, 1.0)
        self._n_begun = 0
        self._go_on(now)

    def is_full(self, now: float) -> bool:
        """Whether one more would be refused."""
        n_waiting = len(self._waiting)
        if n_waiting < self._few or (not n_waiting and self._at_work < self._most_at_work):
            return False
        return n_waiting >= self._many or (self.stands(now) and n_waiting >= self._rate * self._patience)

    def stands(self, now: float) -> bool:
        """Whether there is a queue, and has been for some time."""
        return bool(self._waiting) and now - self._free_at > STANDING_SECONDS

    @property
    def somebody_waits(self) -> bool:
        """Whether one more at work would be of use."""
        return bool(self._waiting)

    def _go_on(self, now: float) -> None:
        patience = self._patience if self.stands(now) else BURST * self._patience
        while len(self._waiting) > self._few and now - self._waiting[0].came_at > patience:
            self._refuse(self._waiting.popleft())
        while self._waiting and self._at_work < self._most_at_work:
            self._begin(self._waiting.popleft())

    def _begin(self, visit: Visit) -> None:
        if visit.is_gone:
            return
        self._at_work += 1
        self._n_begun += 1
        visit.begin()

    def _refuse(self, visit: Visit) -> None:
        self.n_refused += 1
        visit.refuse()
