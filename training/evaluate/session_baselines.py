"""What the next item of a session is foretold with elsewhere, each way on its own."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.definitions import KEPT_EVENTS
from recommender.arrays import EMPTY_ROWS, Floats, Offsets, Rows
from recommender.native import F32, I32, I64, NOTHING, compiled, reads, writes
from training.config import EmbeddingConfig
from training.evaluate.best_rows import best_rows
from training.evaluate.metrics import NO_ITEM, Lists
from training.models.als import fit_embeddings
from training.models.nearest_items import nearest_items
from training.models.sessions import Sessions, latest_sessions, rules_of
from training.visits import Beginnings

LENGTH = 20  # items that are looked at
PLACES = LENGTH + KEPT_EVENTS  # on a list, so that as many are left where what was seen is taken out
AT_ONCE = 500  # beginnings whose scores of all items are in memory together
RECENT_SHARE = 0.1  # of the sessions, the latest
REACH = 10  # places over which one item's coming after another counts
FACTORS, REGULARIZATION, ITERATIONS = 64, 10.0, 15
NEAREST, SAMPLED = 100, 1000  # sessions that vote, of the latest that share an item

SessionBaseline = Callable[[Sessions, Beginnings, int], Lists]  # with the number of items: (n_beginnings, PLACES)


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
        rules = rules_of(sessions, sessions.of_items(), n_items, REACH)
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
    counts likeness over the places from the end to the latest shared item. Of sessions as alike the later one votes.

    Source: Ludewig & Jannach, UMUAI 2018, doi:10.1007/s11257-018-9209-6.
    """
    item_offsets, holders = latest_sessions(sessions, sessions.of_items(), n_items, SAMPLED)
    votes = np.zeros(n_items, dtype=np.float32)

    def vote(so_far: Rows) -> Rows:
        latest_place = {row: place for place, row in enumerate(so_far.tolist(), 1)}
        items = np.array(list(latest_place), dtype=np.int32)
        places = np.array(list(latest_place.values()), dtype=np.int32)
        sharing = [holders[item_offsets[row] : item_offsets[row + 1]] for row in latest_place]
        found = np.unique(np.concatenate([EMPTY_ROWS, *sharing]))[::-1][:SAMPLED].copy()
        alike, latest_shared = np.zeros(len(found), dtype=np.float32), np.zeros(len(found), dtype=np.int32)
        _compare(alike, latest_shared, found, items, places, sessions.offsets, sessions.rows)
        near = np.argsort(-alike, kind="stable")[:NEAREST]
        weights = (alike[near] / len(items) / len(so_far) / (len(so_far) + 1 - latest_shared[near])).astype(np.float32)
        _vote(votes, found[near], weights, sessions.offsets, sessions.rows)
        voted = np.flatnonzero(votes)
        best = best_rows(voted, votes[voted], PLACES)
        votes[voted] = 0.0
        return best

    return _lists((vote(asked.of(number)) for number in range(len(asked))), len(asked))


def factorisation(sessions: Sessions, asked: Beginnings, n_items: int) -> Lists:
    """Implicit ALS of sessions and items; the session so far is folded in."""
    config = EmbeddingConfig(
        factors=FACTORS, iterations=ITERATIONS, regularization=REGULARIZATION, exponent=0.0, alpha=1.0
    )
    items, fold_in = fit_embeddings(_matrix(sessions.offsets, sessions.rows, n_items), config, 0)
    plain = np.linalg.inv(fold_in.inverse.astype(np.float64))
    so_far = _matrix(asked.offsets, asked.rows, n_items)

    def solve(number: int) -> NDArray[np.float64]:
        row = so_far[number]
        theirs, extra = items[row.indices].astype(np.float64), row.data.astype(np.float64)
        return np.linalg.solve(plain + theirs.T @ (theirs * extra[:, None]), theirs.T @ (1.0 + extra))

    def scores_of(some: slice) -> NDArray[np.floating]:
        return np.array([solve(n) for n in range(some.start, some.stop)], dtype=np.float32) @ items.T

    def best() -> Iterator[Rows]:
        every = np.arange(n_items, dtype=np.int32)
        for some in _parts(len(asked)):
            yield from (best_rows(every, scores, PLACES) for scores in scores_of(some))

    return _lists(best(), len(asked))


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
    found: Rows = np.full(PLACES, NO_ITEM, dtype=np.int32)
    best = np.argsort(-counts, kind="stable")[:PLACES]
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
    """The best of sparse scores."""
    n_asked, _ = asked.get_shape()

    def best() -> Iterator[Rows]:
        for some in _parts(n_asked):
            scores = csr_matrix(asked[some] @ item_scores)
            values: Floats = np.asarray(scores.data, dtype=np.float32)
            for row in range(some.stop - some.start):
                entries = slice(scores.indptr[row], scores.indptr[row + 1])
                yield best_rows(scores.indices[entries], values[entries], PLACES)

    return _lists(best(), n_asked)


def _lists(ranked: Iterable[Rows], n: int) -> Lists:
    """Rankings of at most PLACES, one beginning after the other, as lists."""
    lists: Lists = np.full((n, PLACES), NO_ITEM, dtype=np.int32)
    for places, rows in zip(lists, ranked, strict=True):
        places[: len(rows)] = rows
    return lists


@compiled(NOTHING, writes(F32), writes(I32), reads(I32), reads(I32), reads(I32), reads(I64), reads(I32))
def _compare(
    alike: Floats, latest_shared: Rows, found: Rows, items: Rows, places: Rows, offsets: Offsets, rows: Rows
) -> None:
    """Add up the places of the items that each session shares, and write the latest of those places.

    `items` are distinct; what is written to starts as 0.
    """
    for i in range(len(found)):
        for j in range(len(items)):
            for entry in range(offsets[found[i]], offsets[found[i] + 1]):
                if rows[entry] == items[j]:
                    alike[i] += places[j]
                    latest_shared[i] = max(latest_shared[i], places[j])
                    break


@compiled(NOTHING, writes(F32), reads(I32), reads(F32), reads(I64), reads(I32))
def _vote(votes: Floats, near: Rows, weights: Floats, offsets: Offsets, rows: Rows) -> None:
    """Add the weight of each session to each of its items, once."""
    for i in range(len(near)):
        start = offsets[near[i]]
        for entry in range(start, offsets[near[i] + 1]):
            if not (rows[start:entry] == rows[entry]).any():
                votes[rows[entry]] += weights[i]
