"""What a drill is, and the list of all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from loadtests.drills.stage import Stage


@dataclass(frozen=True, slots=True)
class Drill:
    """One fault, and what is promised of it; `play` brings it about."""

    name: str
    fault: str
    promise: str
    play: Callable[[], Stage]


DRILLS: dict[str, Drill] = {}


class NotHere(Exception):
    """A drill cannot play on this machine; says why."""


def drill(name: str, *, fault: str, promise: str) -> Callable[[Callable[[], Stage]], Callable[[], Stage]]:
    """Put a drill on the list."""

    def listed(play: Callable[[], Stage]) -> Callable[[], Stage]:
        DRILLS[name] = Drill(name, fault, promise, play)
        return play

    return listed
