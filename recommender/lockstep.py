"""Working on many things step by step together, in place of one after the other; a generator pauses after a step."""

from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")
Work = Generator[None, None, T]


def in_step(works: Sequence[Work[T]]) -> Work[list[T]]:
    """Let each take one step in turn until all have returned; what they returned, in their order. Pauses as they do."""
    if len(works) == 1:
        return [(yield from works[0])]
    returned = dict[int, T]()
    under_way = list(enumerate(works))
    while under_way:
        for place, work in under_way:
            try:
                next(work)
            except StopIteration as end:
                returned[place] = end.value
            yield
        under_way = [one for one in under_way if one[0] not in returned]
    return [returned[place] for place in range(len(works))]


def finished(work: Work[T]) -> T:
    """Take all steps without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
