from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.arrays import EMPTY_ROWS
from recommender.retrieval import session_neighbours
from recommender.retrieval.session_index import SessionIndex
from recommender.retrieval.session_neighbours import (
    AGE_FADING,
    DISTANCE_FADING,
    LIKE_IT,
    SEED_FADING,
    SEEDS,
    SUMS,
    tally_sessions,
)
from tests.builders import rows_of
from tests.session_lists import FEW, index_of

N_ITEMS = 9
LISTS = st.lists(st.lists(st.integers(0, N_ITEMS - 1), min_size=2, max_size=6), min_size=1, max_size=12)


def slow_sums(lists: Sequence[Sequence[int]], seen: Sequence[int], index: SessionIndex) -> dict[int, dict[str, float]]:
    """What `tally_sessions` adds up, word for word from its documentation, with dictionaries."""
    seeds = list(dict.fromkeys(row for row in seen if row < N_ITEMS))[:SEEDS]
    rarity = {row: log((len(lists) + 1) / (sum(row in items for items in lists) + 1)) for row in range(N_ITEMS)}
    sums: dict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(SUMS, 0.0))
    for number, items in enumerate(lists):
        shared = [(place, row) for place, row in enumerate(seeds) if row in items]
        if not shared:
            continue
        likeness = sum(exp(-place / SEED_FADING) * rarity[row] for place, row in shared)
        likeness *= exp(-(len(lists) - 1 - number) / len(lists) / AGE_FADING) / sqrt(len(items))
        meeting = len(items) - 1 - list(reversed(items)).index(shared[0][1])
        for place, row in enumerate(items):
            own = sums[row]
            if place == meeting:
                own["itself"] += likeness
                continue
            faded = likeness * exp(-(abs(place - meeting) - 1) / DISTANCE_FADING)
            own["ahead" if place > meeting else "behind"] += faded
            own["pooled"] += likeness
            own["sessions"] += 1
            own["closest"] = max(own["closest"], likeness)
            own["newest"] = max(own["newest"], number + 1)
            own["several"] += faded if len(shared) > 1 else 0.0
    for side, offsets, rows, shares in (
        ("after", index.after_offsets, index.after_rows, index.after_shares),
        ("before", index.before_offsets, index.before_rows, index.before_shares),
    ):
        for place, seed in enumerate(seeds):
            for entry in range(offsets[seed], offsets[seed + 1]):
                own = sums[int(rows[entry])]
                own[f"{side}_any"] += exp(-place / SEED_FADING) * shares[entry]
                if place == 0:
                    own[f"{side}_last"] = shares[entry]
                elif place == 1 and side == "after":
                    own["after_second"] = shares[entry]
    return sums


@settings(max_examples=60)
@given(LISTS, st.lists(st.integers(0, N_ITEMS + 1), max_size=12))
def test_sums_are_those_of_the_slow_reference(lists: list[list[int]], seen: list[int]) -> None:
    index = index_of(lists, N_ITEMS)
    tally = tally_sessions(index, rows_of(seen))
    expected = slow_sums(lists, seen, index)
    assert sorted(tally.rows.tolist()) == sorted(expected)
    found = np.empty((len(SUMS), N_ITEMS + 2), dtype=np.float32)
    tally.write_sums(found, np.arange(N_ITEMS + 2, dtype=np.int32))
    for row in range(N_ITEMS + 2):
        own = expected.get(row, dict.fromkeys(SUMS, 0.0))
        assert found[:, row] == pytest.approx([own[name] for name in SUMS], abs=1e-5), f"row {row}"


def test_only_the_most_alike_sessions_count() -> None:
    lists = [[0, 1]] * (LIKE_IT + 300) + [[0, 2, 3]] * 200  # the younger ones are more alike, though longer
    tally = tally_sessions(index_of(lists, 4, replace(FEW, latest_of_item=5000)), rows_of([2, 0]))
    assert tally.found == len(lists)
    sessions = tally.sums[:, SUMS.index("sessions")]
    assert sessions.max() <= LIKE_IT
    assert dict(zip(tally.rows.tolist(), sessions.tolist(), strict=True))[3] == 200


def test_what_is_more_alike_counts_before_equals_that_were_found_first() -> None:
    lists = [[0, 1]] * (LIKE_IT + 100) + [[0, 2, 3]] * 50  # item 0 is in all, so it makes none like another
    tally = tally_sessions(index_of(lists, 4, replace(FEW, latest_of_item=5000)), rows_of([0, 2]))
    sessions = dict(zip(tally.rows.tolist(), tally.sums[:, SUMS.index("sessions")].tolist(), strict=True))
    assert sessions[3] == 50
    assert sessions[1] == LIKE_IT - 50


def test_nothing_seen_points_to_nothing() -> None:
    index = index_of([[0, 1], [1, 2]], 3)
    for seen in (EMPTY_ROWS, rows_of([7, 8])):
        tally = tally_sessions(index, seen)
        assert len(tally.rows) == 0
        assert len(tally.best(10, index.facts)) == 0
        found = np.ones((len(SUMS), 2), dtype=np.float32)
        tally.write_sums(found, rows_of([0, 9]))
        assert not found.any()


def test_what_comes_next_most_often_comes_first() -> None:
    lists = [[0, 1]] * 5 + [[0, 2]] * 2 + [[3, 4]] * 9
    index = index_of(lists, 5)
    assert tally_sessions(index, rows_of([0])).best(2, index.facts).tolist() == [1, 2]


def test_names_of_sums_are_their_columns() -> None:
    for name in SUMS:
        assert SUMS[getattr(session_neighbours, name.upper())] == name
