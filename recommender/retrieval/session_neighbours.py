"""What came next in the earlier sessions that are most like the one at hand."""

from dataclasses import dataclass

import numpy as np

from recommender.arrays import EMPTY_ROWS, Floats, Matrix, Offsets, Rows, Scores
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes
from recommender.retrieval.selection import best_rows
from recommender.retrieval.session_index import RARITY, SessionIndex
from recommender.retrieval.tally import find_slot

SEEDS = 10  # latest items of the session at hand, repeats left out, that sessions are looked up for
LIKE_IT = 500  # sessions most like it that are added up
SEED_FADING = 2.0  # places in the session at hand, until an item counts 1 / e
DISTANCE_FADING = 3.0  # places from the item that both sessions have, until what stands there counts 1 / e
AGE_FADING = 0.5  # of all sessions, until an older one counts 1 / e

# What is added up of an item over the sessions that hold it, in the order of the columns.
SUMS = (
    "ahead",  # likeness, faded by distance, where the item comes after the latest one that both sessions have
    "behind",  # the same where it comes before
    "itself",  # likeness, where it is that one
    "pooled",  # likeness of all
    "sessions",  # how many
    "closest",  # likeness of the most alike
    "newest",  # number of the newest, from 1
    "several",  # as ahead and behind, of the sessions that share more than one item
    "after_last", "after_second", "after_any",  # share in what came after the last item, the one before, faded over all
    "before_last", "before_any",
)  # fmt: skip
AHEAD, BEHIND, ITSELF, POOLED, SESSIONS, CLOSEST, NEWEST, SEVERAL, AFTER_LAST, AFTER_SECOND, AFTER_ANY = range(11)
BEFORE_LAST, BEFORE_ANY = 11, 12


@dataclass(frozen=True, slots=True)
class SessionTally:
    """What earlier sessions say of the one at hand.

    Attributes:
        seeds: items of the session at hand, newest first, no repeats, at most SEEDS.
        found: sessions that share an item with it.
        rows: (n,) items that any of them, or any rule, points to; no repeats, in no order.
        sums: (n, len(SUMS)).
        places: a hash table as in `Tally`.
    """

    seeds: Rows
    found: int
    rows: Rows
    sums: Matrix
    places: Rows

    def write_sums(self, into: Matrix, rows: Rows) -> None:
        """Write (len(SUMS), len(rows)) sums of some items; 0 of one that nothing points to."""
        _look_up(into, rows, self.places, self.rows, self.sums)

    def best(self, k: int, facts: Matrix) -> Rows:
        """The (up to) `k` items that come next most likely, best first, the lower row where equal."""
        scores = np.empty(len(self.rows), dtype=np.float32)
        _blend(scores, self.rows, self.sums, facts)
        return best_rows(self.rows, scores, k)[0]


NO_SUMS: Matrix = np.empty((0, len(SUMS)), dtype=np.float32)
NO_SESSIONS = SessionTally(EMPTY_ROWS, 0, EMPTY_ROWS, NO_SUMS, np.full(1, -1, dtype=np.int32))


def tally_sessions(index: SessionIndex, seen: Rows) -> SessionTally:
    """Add up what the sessions most like the one at hand hold, and what rules say of its latest items.

    A session is like it by the sum, over the items that both have, of rarity, faded by the item's place in the session
    at hand (newest first); less so the longer and the older it is.

    Args:
        seen: item rows of the session at hand, newest first; repeats and rows that training did not see are possible.

    Source: VMIS-kNN, Kersbergen, Sprangers & Schelter, SIGMOD 2022, doi:10.1145/3514221.3517901; fading by distance and
    age as in STAN, Garg et al., SIGIR 2019, doi:10.1145/3331184.3331322.
    """
    seeds = _distinct(seen, index.n_items)
    if not len(seeds):
        return NO_SESSIONS
    most = int((index.item_offsets[seeds + 1] - index.item_offsets[seeds]).sum())
    found, likeness = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.float32)
    met, shared = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)
    n = _find_sessions(
        found, likeness, met, shared, _table(most), seeds, index.facts, index.item_offsets, index.sessions,
        index.offsets,
    )  # fmt: skip
    kept = _keep_most_alike(found[:n], likeness[:n], met[:n], shared[:n])
    most = _count_entries(found[:kept], index.offsets, seeds, index.after_offsets, index.before_offsets)
    rows, sums = np.empty(most, dtype=np.int32), np.empty((most, len(SUMS)), dtype=np.float32)
    places = _table(most)
    n_rows = _add_sessions(
        rows, sums, places, found[:kept], likeness[:kept], met[:kept], shared[:kept], seeds, index.offsets, index.rows
    )
    n_rows = _add_rules(
        rows, sums, places, n_rows, seeds, index.after_offsets, index.after_rows, index.after_shares, AFTER_LAST,
        AFTER_SECOND, AFTER_ANY,
    )  # fmt: skip
    n_rows = _add_rules(
        rows, sums, places, n_rows, seeds, index.before_offsets, index.before_rows, index.before_shares, BEFORE_LAST,
        -1, BEFORE_ANY,
    )  # fmt: skip
    return SessionTally(seeds, n, rows[:n_rows], sums[:n_rows], places)


def _distinct(seen: Rows, n_items: int) -> Rows:
    known = dict.fromkeys(row for row in seen.tolist() if row < n_items)
    return np.array(list(known)[:SEEDS], dtype=np.int32) if known else EMPTY_ROWS


def _table(entries: int) -> Rows:
    """A free hash table for that many entries, at most half full."""
    return np.full(1 << max(2 * entries - 1, 1).bit_length(), -1, dtype=np.int32)


@compiled(
    I64, writes(I32), writes(F32), writes(I32), writes(I32), writes(I32), reads(I32), reads(F32, 2), reads(I64),
    reads(I32), reads(I64),
)  # fmt: skip
def _find_sessions(
    found: Rows, likeness: Scores, met: Rows, shared: Rows, places: Rows, seeds: Rows, facts: Matrix,
    item_offsets: Offsets, sessions: Rows, offsets: Offsets,
) -> int:  # fmt: skip
    """Write the sessions that hold a seed, how alike they are, the latest seed that they hold, and how many of them."""
    n = 0
    for s in range(len(seeds)):
        weight = np.float32(np.exp(-s / SEED_FADING)) * facts[seeds[s], RARITY]
        for entry in range(item_offsets[seeds[s]], item_offsets[seeds[s] + 1]):
            place = find_slot(sessions[entry], places, found)
            if places[place] < 0:
                places[place], found[n], likeness[n], met[n], shared[n] = n, sessions[entry], 0.0, s, 0
                n += 1
            likeness[places[place]] += weight
            shared[places[place]] += 1
    n_sessions = len(offsets) - 1
    for i in range(n):
        length, age = offsets[found[i] + 1] - offsets[found[i]], (n_sessions - 1 - found[i]) / n_sessions
        likeness[i] *= np.float32(np.exp(-age / AGE_FADING) / np.sqrt(length))
    return n


@compiled(I64, writes(I32), writes(F32), writes(I32), writes(I32))
def _keep_most_alike(found: Rows, likeness: Scores, met: Rows, shared: Rows) -> int:
    """Move the LIKE_IT most alike to the front, of equals those found first; returns how many there are."""
    if len(found) <= LIKE_IT:
        return len(found)
    limit = np.partition(likeness, len(found) - LIKE_IT)[len(found) - LIKE_IT]
    n, equals = 0, LIKE_IT - int((likeness > limit).sum())
    for i in range(len(found)):
        equals -= 1 if likeness[i] == limit else 0
        if likeness[i] > limit or (likeness[i] == limit and equals >= 0):
            found[n], likeness[n], met[n], shared[n] = found[i], likeness[i], met[i], shared[i]
            n += 1
    return n


@compiled(I64, reads(I32), reads(I64), reads(I32), reads(I64), reads(I64))
def _count_entries(found: Rows, offsets: Offsets, seeds: Rows, after: Offsets, before: Offsets) -> int:
    """How many items the sessions and the rules of the seeds have, repeats counted."""
    n = 0
    for session in found:
        n += int(offsets[session + 1] - offsets[session])
    for seed in seeds:
        n += int(after[seed + 1] - after[seed] + before[seed + 1] - before[seed])
    return n


@compiled(I64, I64, I32, writes(I32), writes(F32, 2), writes(I32))
def _place_of(n: int, row: int, rows: Rows, sums: Matrix, places: Rows) -> int:
    """Where `row` stands; it takes place `n` where it was not there."""
    place = find_slot(row, places, rows)
    if places[place] < 0:
        places[place], rows[n] = n, row
        sums[n] = 0.0
    return int(places[place])


@compiled(
    I64, writes(I32), writes(F32, 2), writes(I32), reads(I32), reads(F32), reads(I32), reads(I32), reads(I32),
    reads(I64), reads(I32),
)  # fmt: skip
def _add_sessions(
    rows: Rows, sums: Matrix, places: Rows, found: Rows, likeness: Scores, met: Rows, shared: Rows, seeds: Rows,
    offsets: Offsets, items: Rows,
) -> int:  # fmt: skip
    """Add up the items of sessions; returns how many rows there are."""
    n = 0
    for i in range(len(found)):
        start, end = offsets[found[i]], offsets[found[i] + 1]
        meeting = start
        for entry in range(start, end):
            if items[entry] == seeds[met[i]]:
                meeting = entry
        for entry in range(start, end):
            place = _place_of(n, items[entry], rows, sums, places)
            n = max(n, place + 1)
            if entry == meeting:
                sums[place, ITSELF] += likeness[i]
                continue
            faded = likeness[i] * np.float32(np.exp(-(abs(entry - meeting) - 1) / DISTANCE_FADING))
            sums[place, AHEAD if entry > meeting else BEHIND] += faded
            sums[place, POOLED] += likeness[i]
            sums[place, SESSIONS] += 1.0
            sums[place, CLOSEST] = max(sums[place, CLOSEST], likeness[i])
            sums[place, NEWEST] = max(sums[place, NEWEST], np.float32(found[i] + 1))
            if shared[i] > 1:
                sums[place, SEVERAL] += faded
    return n


@compiled(
    I64, writes(I32), writes(F32, 2), writes(I32), I64, reads(I32), reads(I64), reads(I32), reads(F32), I64, I64, I64,
)  # fmt: skip
def _add_rules(
    rows: Rows, sums: Matrix, places: Rows, n: int, seeds: Rows, offsets: Offsets, others: Rows, shares: Floats,
    last: int, second: int, every: int,
) -> int:  # fmt: skip
    """Add up what rules say: of the last seed, of the one before (-1: not kept) and of all; returns how many rows."""
    for s in range(len(seeds)):
        weight = np.float32(np.exp(-s / SEED_FADING))
        for entry in range(offsets[seeds[s]], offsets[seeds[s] + 1]):
            place = _place_of(n, others[entry], rows, sums, places)
            n = max(n, place + 1)
            sums[place, every] += weight * shares[entry]
            if s == 0:
                sums[place, last] = shares[entry]
            elif s == 1 and second >= 0:
                sums[place, second] = shares[entry]
    return n


@compiled(NOTHING, writes(F32), reads(I32), reads(F32, 2), reads(F32, 2))
def _blend(scores: Scores, rows: Rows, sums: Matrix, facts: Matrix) -> None:
    """Sessions and rules, each as a share of its best."""
    most_alike = most_after = most_before = np.float32(1e-12)
    for i in range(len(rows)):
        scores[i] = (sums[i, AHEAD] + sums[i, BEHIND]) * facts[rows[i], RARITY]
        most_alike = max(most_alike, scores[i])
        most_after, most_before = max(most_after, sums[i, AFTER_ANY]), max(most_before, sums[i, BEFORE_ANY])
    for i in range(len(rows)):
        scores[i] /= most_alike
        scores[i] += sums[i, AFTER_ANY] / most_after + np.float32(0.5) * sums[i, BEFORE_ANY] / most_before


@compiled(NOTHING, writes(F32, 2), reads(I32), reads(I32), reads(I32), reads(F32, 2))
def _look_up(into: Matrix, wanted: Rows, places: Rows, rows: Rows, sums: Matrix) -> None:
    for i in range(len(wanted)):
        place = places[find_slot(wanted[i], places, rows)]
        for column in range(len(into)):
            into[column, i] = sums[place, column] if place >= 0 else np.float32(0.0)
