"""What the trees for sessions see of each candidate; training computes it with this same code."""

import numpy as np

from recommender.arrays import Floats, Matrix, Rows
from recommender.native import F32, I32, NOTHING, compiled, reads, writes
from recommender.retrieval.session_index import SESSION_FACTS, SessionIndex
from recommender.retrieval.session_neighbours import (
    AHEAD,
    BEHIND,
    NEWEST,
    SUMS,
    SessionTally,
)
from recommender.situation import Situation

FADING = 2.0  # places in the session, until an item's vector counts 1 / e
LOOKED_BACK = 6  # latest items whose vectors are compared one by one

SESSION_FEATURES: tuple[str, ...] = (
    *SUMS,  # but that `newest` is turned into the sessions since, and 0 into all of them
    "alike_share",  # ahead and behind, as a share of the candidate that has most
    # cosine with the last item, with all faded, and with the nearest of the latest
    "vector_of_last", "vector_of_session", "vector_of_nearest",
    *SESSION_FACTS,
    # in the session at hand: 0, or how many places ago; how often
    "places_ago", "times",
    # the same for all candidates
    "session_length", "session_items", "log_sessions_of_last", "log_found",
)  # fmt: skip
VECTORS = len(SUMS) + 1
FACTS = VECTORS + 3
SEEN = FACTS + len(SESSION_FACTS)


def session_features(situation: Situation, index: SessionIndex, rows: Rows) -> Matrix:
    """Features of (n,) candidates for a shopper with a session.

    Returns:
        (n, len(SESSION_FEATURES)) float32 without NaN, its columns contiguous.
    """
    tally, seen = situation.from_sessions, situation.seen
    features = np.empty((len(SESSION_FEATURES), len(rows)), dtype=np.float32)
    tally.write_sums(features[: len(SUMS)], rows)
    features[NEWEST] = len(index) - features[NEWEST]
    alike = features[AHEAD] + features[BEHIND]
    features[len(SUMS)] = alike / max(float(alike.max(initial=0.0)), 1e-12)
    _write_vectors(features[VECTORS:FACTS], index.vectors, tally.seeds, rows)
    _write_facts(features[FACTS:SEEN], index.facts, rows)
    _write_seen(features[SEEN : SEEN + 2], seen, rows)
    features[SEEN + 2 :] = np.array(_of_session(tally, seen, index), dtype=np.float32)[:, None]
    return features.T


def _of_session(tally: SessionTally, seen: Rows, index: SessionIndex) -> tuple[float, float, float, float]:
    of_last = float(index.facts[tally.seeds[0], 0]) if len(tally.seeds) else 0.0
    return len(seen), len(tally.seeds), of_last, float(np.log1p(tally.found))


@compiled(NOTHING, writes(F32, 2), reads(F32, 2), reads(I32), reads(I32))
def _write_vectors(into: Matrix, vectors: Matrix, seeds: Rows, rows: Rows) -> None:
    """Write three cosines; 0 for rows that training did not see."""
    whole = np.zeros(vectors.shape[1], dtype=np.float32)
    for s in range(len(seeds)):
        weight = np.float32(np.exp(-s / FADING))
        for d in range(len(whole)):
            whole[d] += weight * vectors[seeds[s], d]
    length = np.sqrt(np.dot(whole, whole)) + np.float32(1e-9)
    for i in range(len(rows)):
        into[0, i] = into[1, i] = into[2, i] = 0.0
        if rows[i] >= len(vectors):
            continue
        vector = vectors[rows[i]]
        into[1, i] = np.dot(vector, whole) / length
        for s in range(min(len(seeds), LOOKED_BACK)):
            cosine = np.dot(vector, vectors[seeds[s]])
            if s == 0:
                into[0, i] = into[2, i] = cosine
            into[2, i] = max(into[2, i], cosine)


@compiled(NOTHING, writes(F32, 2), reads(F32, 2), reads(I32))
def _write_facts(into: Matrix, facts: Matrix, rows: Rows) -> None:
    """Write the first columns of `facts`; of what training did not see, that nobody ever looked at it."""
    for i in range(len(rows)):
        known = rows[i] < len(facts)
        for column in range(len(into)):
            into[column, i] = facts[rows[i], column] if known else np.float32(0.0)
        if not known:
            into[len(into) - 1, i] = 1.0


@compiled(NOTHING, writes(F32, 2), reads(I32), reads(I32))
def _write_seen(into: Floats, seen: Rows, rows: Rows) -> None:
    """Write how many places ago each row was last seen, from 1 (0: not), and how often it was."""
    for i in range(len(rows)):
        into[0, i] = into[1, i] = 0.0
        for place in range(len(seen)):
            if seen[place] == rows[i]:
                if into[1, i] == 0:
                    into[0, i] = place + 1
                into[1, i] += 1
