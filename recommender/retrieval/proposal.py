"""What a source proposes."""

from dataclasses import field

from recommender.arrays import EMPTY_ROWS, Rows
from recommender.value import value


@value(slots=True)
class Proposal:
    """Candidates of one source.

    Attributes:
        rows: (n,) item rows, best first, no repeats.
        because: (n,) per candidate the row that brought it up (an item in the cart, say), or -1; empty: none has one.
    """

    rows: Rows
    because: Rows = field(default_factory=lambda: EMPTY_ROWS)


NOTHING = Proposal(EMPTY_ROWS)
