"""What the next item of a session is foretold with elsewhere, each way on its own."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.arrays import Floats, Offsets, Rows
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes
from training.config import EmbeddingConfig
from training.evaluate.metrics import NO_ITEM, Lists
from training.models.als import fit_embeddings
from training.models.nearest_items import nearest_items
from training.models.sessions import Sessions
from training.visits import Beginnings

LENGTH = 20
AT_ONCE = 500  # beginnings whose scores of all items are in memory together
RECENT_SHARE = 0.1  # of the sessions, the latest
REACH = 10  # places over which one item's coming after another counts
FACTORS, REGULARIZATION, ITERATIONS = 64, 10.0, 15
NEAREST, SAMPLED = 100, 1000  # sessions that vote, of the latest that share an item

SessionBaseline = Callable[[Sessions, Beginnings, int], Lists]  # with the number of items: (n_beginnings, LENGTH)
ScoreSome = Callable[[slice], NDArray[np.floating]]  # of (n) beginnings, (n, n_items)


def popularity(sessions: Sessions, asked: Beginnings, n_items: int) -> Lists:
    """What was looked at most."""
    return np.tile(_most(sessions.rows, n_items), (len(asked), 1))


def recent_popularity(sessions: Sessions, asked: Beginnings, n_items: int) -> Lists:
    """What was looked at most in the latest tenth of the sessions."""
    start = len(sessions) - max(int(RECENT_SHARE * len(sessions)), 1)
    return np.tile(_most(sessions.part(start, len(sessions)).rows, n_items), (len(asked), 1))


def item_neighbours(sessions: Sessions, asked: Beginnings, n_items: int) -> Lists:
    """Cosine of the sessions that hold an item, the hundred nearest of each item, added up over the session."""
    holds = _matrix(sessions.offsets, sessions.rows, n_items)
    holds.data[:] = 1.0
    lengths = np.sqrt(np.maximum(np.bincount(holds.indices, minlength=n_items), 1))
    holds.data /= lengths[holds.indices]
    similar = nearest_items(holds, 100)
    return _best_by_product(_matrix(asked.offsets, asked.rows, n_items), similar)


def sequential_rules(latest: int) -> SessionBaseline:
    """1 / distance for each time that an item came after another; of the last item, the one before it 1 / 2, and so on.

    Args:
        latest: items of the session that are asked.

    Source: Ludewig & Jannach, UMUAI 2018, doi:10.1007/s11257-018-9209-6.
    """

    def lists(sessions: Sessions, asked: Beginnings, n_items: int) -> Lists:
        of_items, rules = sessions.of_items(), csr_matrix((n_items, n_items), dtype=np.float32)
        for distance in range(1, REACH + 1):
            pairs = np.flatnonzero(of_items[:-distance] == of_items[distance:])
            entries = np.full(len(pairs), 1.0 / distance, dtype=np.float32)
            places = sessions.rows[pairs], sessions.rows[pairs + distance]
            rules = csr_matrix(rules + csr_matrix((entries, places), shape=(n_items, n_items)))
        last = csr_matrix((len(asked), n_items), dtype=np.float32)
        for back in range(1, latest + 1):
            have = np.flatnonzero(np.diff(asked.offsets) >= back)
            rows = asked.rows[asked.offsets[have + 1] - back]
            entries = np.full(len(have), 1.0 / back, dtype=np.float32)
            last = csr_matrix(last + csr_matrix((entries, (have, rows)), shape=(len(asked), n_items)))
        return _best_by_product(last, rules)

    return lists


def nearest_sessions(sessions: Sessions, asked: Beginnings, n_items: int) -> Lists:
    """VS-kNN as published: of the 1,000 latest sessions that share an item, the 100 most alike vote for their items.

    Alike: the sum over shared items of place / length in the session so far, divided by its number of items. A vote
    counts likeness over the places from the end to the latest shared item.

    Source: Ludewig & Jannach, UMUAI 2018, doi:10.1007/s11257-018-9209-6.
    """
    of_items = sessions.of_items()
    by_item = np.argsort(sessions.rows, kind="stable")
    item_offsets = np.searchsorted(sessions.rows[by_item], np.arange(n_items + 1)).astype(np.int64)
    lists: Lists = np.full((len(asked), LENGTH), NO_ITEM, dtype=np.int32)
    _vote(lists, asked.offsets, asked.rows, sessions.offsets, sessions.rows, item_offsets, of_items[by_item], n_items)
    return lists


def factorisation(sessions: Sessions, asked: Beginnings, n_items: int) -> Lists:
    """Implicit ALS of sessions and items; the session so far is folded in."""
    config = EmbeddingConfig(factors=FACTORS, iterations=ITERATIONS, regularization=REGULARIZATION, alpha=1.0)
    items, fold_in = fit_embeddings(_matrix(sessions.offsets, sessions.rows, n_items), config, 0)
    plain = np.linalg.inv(fold_in.inverse.astype(np.float64))
    so_far = _matrix(asked.offsets, asked.rows, n_items)

    def solve(number: int) -> NDArray[np.float64]:
        row = so_far[number]
        theirs, extra = items[row.indices].astype(np.float64), row.data.astype(np.float64)
        return np.linalg.solve(plain + theirs.T @ (theirs * extra[:, None]), theirs.T @ (1.0 + extra))

    def scores_of(some: slice) -> NDArray[np.floating]:
        return np.array([solve(n) for n in range(some.start, some.stop)], dtype=np.float32) @ items.T

    return _best_by(scores_of, len(asked))


SESSION_BASELINES: Mapping[str, SessionBaseline] = {
    "popularity": popularity,
    "recent popularity": recent_popularity,
    "item-kNN, cosine, 100": item_neighbours,
    "sequential rules": sequential_rules(1),
    "sequential rules, last 3": sequential_rules(3),
    "VS-kNN": nearest_sessions,
    "ALS": factorisation,
}


def _most(rows: Rows, n_items: int) -> Rows:
    counts = np.bincount(rows, minlength=n_items)
    found: Rows = np.full(LENGTH, NO_ITEM, dtype=np.int32)
    best = np.argsort(-counts, kind="stable")[:LENGTH]
    found[: len(best)] = best
    return found


def _matrix(offsets: Offsets, rows: Rows, n_items: int) -> csr_matrix:
    """How often each list holds each item."""
    entries = (np.ones(len(rows), dtype=np.float32), rows.copy(), offsets.copy())  # what follows sorts them in place
    counted = csr_matrix(entries, shape=(len(offsets) - 1, n_items))
    counted.sum_duplicates()
    return counted


def _parts(n: int) -> Iterator[slice]:
    return (slice(start, min(start + AT_ONCE, n)) for start in range(0, n, AT_ONCE))


def _best_by_product(asked: csr_matrix, item_scores: csr_matrix) -> Lists:
    """The best of sparse scores, the lower row where equal."""
    n_asked, _ = asked.get_shape()
    lists: Lists = np.full((n_asked, LENGTH), NO_ITEM, dtype=np.int32)
    for some in _parts(n_asked):
        scores = csr_matrix(asked[some] @ item_scores)
        values: NDArray[np.float64] = np.asarray(scores.data, dtype=np.float64)
        of_row = np.repeat(np.arange(some.stop - some.start), np.diff(scores.indptr))
        order = np.lexsort((scores.indices, -values, of_row))
        place = np.arange(len(order)) - scores.indptr[of_row]
        best = place < LENGTH
        lists[some.start + of_row[best], place[best]] = scores.indices[order[best]]
    return lists


def _best_by(scores_of: ScoreSome, n: int) -> Lists:
    """The items of the highest scores above 0, the lower row where equal."""
    lists: Lists = np.full((n, LENGTH), NO_ITEM, dtype=np.int32)
    for some in _parts(n):
        scores = scores_of(some)
        few = np.sort(np.argpartition(-scores, min(LENGTH, scores.shape[1] - 1), axis=1)[:, :LENGTH], axis=1)
        theirs = np.take_along_axis(scores, few, axis=1)
        order = np.argsort(-theirs, axis=1, kind="stable")
        best = np.take_along_axis(few, order, axis=1)
        best[np.take_along_axis(theirs, order, axis=1) <= 0] = NO_ITEM
        lists[some, : best.shape[1]] = best
    return lists


@compiled(NOTHING, writes(I32), reads(F32))
def _write_best(best: Rows, votes: Floats) -> None:
    """The items with most votes, the lower row where equal."""
    least, n = np.float32(0.0), 0
    for row in range(len(votes)):
        if votes[row] <= least and (votes[row] == 0 or n == len(best)):
            continue
        place = min(n, len(best) - 1)
        while place > 0 and votes[best[place - 1]] < votes[row]:
            best[place] = best[place - 1]
            place -= 1
        best[place] = row
        n = min(n + 1, len(best))
        if n == len(best):
            least = votes[best[n - 1]]


@compiled(
    NOTHING, writes(I32, 2), reads(I64), reads(I32), reads(I64), reads(I32), reads(I64), reads(I32), I64,
)  # fmt: skip
def _vote(
    lists: Lists, asked_offsets: Offsets, asked: Rows, offsets: Offsets, rows: Rows, item_offsets: Offsets,
    holders: Rows, n_items: int,
) -> None:  # fmt: skip
    """Fill in the lists of VS-kNN; `holders` are the sessions of each item, ascending, repeats included."""
    alike = np.zeros(len(offsets) - 1, dtype=np.float32)
    votes = np.zeros(n_items, dtype=np.float32)
    counted = np.full(len(offsets) - 1, -1, dtype=np.int32)  # the last item of the session so far that counted
    for number in range(len(lists)):
        so_far = asked[asked_offsets[number] : asked_offsets[number + 1]]
        n = len(so_far)
        most = 0
        for row in so_far:
            most += item_offsets[row + 1] - item_offsets[row]
        found, n_found = np.empty(most, dtype=np.int32), 0
        for row in so_far:
            for entry in range(item_offsets[row], item_offsets[row + 1]):
                if counted[holders[entry]] == -1:
                    counted[holders[entry]] = 0
                    found[n_found] = holders[entry]
                    n_found += 1
        found = np.sort(found[:n_found])
        for session in found:
            counted[session] = -1
        found = found[max(n_found - SAMPLED, 0) :]
        distinct = 0
        for place in range(n):
            distinct += 1 if not (so_far[:place] == so_far[place]).any() else 0
        for session in found:
            alike[session] = 0.0
            for place in range(n):
                later = False
                for other in range(place + 1, n):
                    later |= so_far[other] == so_far[place]
                if later:
                    continue  # the latest place of an item counts
                for entry in range(offsets[session], offsets[session + 1]):
                    if rows[entry] == so_far[place]:
                        alike[session] += np.float32((place + 1) / n / distinct)
                        break
        order = np.argsort(-alike[found])[:NEAREST]
        for chosen in order:
            session = found[chosen]
            step = n
            for place in range(n):
                for entry in range(offsets[session], offsets[session + 1]):
                    if rows[entry] == so_far[place]:
                        step = n - place
            for entry in range(offsets[session], offsets[session + 1]):
                repeated = False
                for other in range(offsets[session], entry):
                    repeated |= rows[other] == rows[entry]
                if not repeated:
                    votes[rows[entry]] += alike[session] / step
        _write_best(lists[number], votes)
        for chosen in order:
            session = found[chosen]
            for entry in range(offsets[session], offsets[session + 1]):
                votes[rows[entry]] = 0.0
