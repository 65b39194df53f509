"""Earlier sessions, laid out for finding those like the one at hand: one part of what training learnt."""

from dataclasses import dataclass

from recommender.arrays import Floats, Matrix, Offsets, Rows

# Columns of `SessionIndex.facts`.
SESSION_FACTS = ("log_sessions", "log_recent_sessions", "idle_share")
RARITY = 3  # the column after them: log(sessions in all / sessions with the item)


@dataclass(frozen=True)
class SessionIndex:
    """What was looked at in one session after the other.

    Sessions are numbered from the oldest to the newest; nothing else is kept of their time, and nothing of whose they
    were. Arrays are read-only and may be memory-mapped.

    Attributes:
        offsets, rows: items of each session in order (CSR by session); repeats are possible.
        item_offsets, sessions: the latest sessions with each item, ascending, no repeats (CSR by item).
        after_offsets, after_rows, after_shares: what came after each item, best first: sums of 1 / distance over all
            sessions, as a share of the item's sum, which is raised by a constant (CSR by item).
        before_offsets, before_rows, before_shares: the same of what came before it.
        facts: (n_items, 4) by SESSION_FACTS, then rarity: log(1 + sessions with the item), of all and of the latest
            thirtieth; share of the sessions since the last one with it.
        vectors: (n_items, d) of length 1 or 0; items that come near each other in sessions point the same way.
    """

    offsets: Offsets
    rows: Rows
    item_offsets: Offsets
    sessions: Rows
    after_offsets: Offsets
    after_rows: Rows
    after_shares: Floats
    before_offsets: Offsets
    before_rows: Rows
    before_shares: Floats
    facts: Matrix
    vectors: Matrix

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_items(self) -> int:
        """Rows below it may be in sessions."""
        return len(self.facts)
