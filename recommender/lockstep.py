"""Working on many things step by step together, in place of one after the other."""

from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_step(works: Sequence[Generator[None, None, T]]) -> list[T]:
    """Let each generator take one step in turn until all have returned; what they returned, in their order."""
    returned = dict[int, T]()
    under_way = dict(enumerate(works))
    while under_way:
        for place, work in list(under_way.items()):
            try:
                next(work)
            except StopIteration as end:
                returned[place] = end.value
                del under_way[place]
    return [returned[place] for place in range(len(works))]
