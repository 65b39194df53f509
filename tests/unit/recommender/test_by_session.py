"""What is at hand changes learned scores as far as it says, and no further."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recommender.arrays import Mask, Scores
from recommender.ids import PlacementId
from recommender.placements import Placement
from recommender.query import Query
from recommender.ranking.by_session import SHOWN_BY_SESSION, is_kin, show_by_session, squash
from recommender.situation import Situation
from tests.builders import NOW_DAY, rows_of, shopper_with, small_catalogue, small_model

N_ITEMS = 30
MODEL = small_model(np.random.default_rng(0), N_ITEMS)
CATALOGUE = small_catalogue(N_ITEMS, facts={row: {"category": None} for row in (3, 7, 11)})
HOME = Placement(placement_id=PlacementId("home"), title="For you", sources=("popular",))
SOME_ROWS = st.lists(st.integers(0, N_ITEMS - 1), max_size=5, unique=True)


@given(
    kin=arrays(np.bool_, 30),
    scores=arrays(np.float32, 30, elements=st.floats(0.0625, 1, width=32), unique=True),
)
def test_the_best_of_kin_stands_in_its_place_or_higher_and_the_others_keep_their_scores(
    kin: Mask, scores: Scores
) -> None:
    shown = show_by_session(scores, kin)
    best = max(np.flatnonzero(kin).tolist(), key=lambda row: scores[row], default=None)
    if best is not None:
        assert np.argsort(-shown, kind="stable").tolist().index(best) <= SHOWN_BY_SESSION
    others = [row for row in range(30) if row != best]
    assert (shown[others] == scores[others]).all()
    assert (shown >= scores).all()


@given(SOME_ROWS, SOME_ROWS, st.none() | st.integers(0, N_ITEMS - 1))
def test_kin_is_of_a_known_category_at_hand_and_not_at_hand_itself(
    looked_at: list[int], cart: list[int], item: int | None
):
    query = Query(placement=HOME.placement_id, limit=5, context_item=item)
    situation = Situation(query, HOME, shopper_with(looked_at=looked_at, cart=cart), CATALOGUE, MODEL, NOW_DAY)
    at_hand = {*looked_at, *cart} | ({item} if item is not None else set())
    word = CATALOGUE.text["category"].word
    wanted = {word(row) for row in at_hand} - {None}
    rows = rows_of(range(N_ITEMS))
    assert is_kin(situation, rows).tolist() == [word(r) in wanted and r not in at_hand for r in rows.tolist()]


@given(arrays(np.float32, 12, elements=st.floats(-30, 30, width=32)))
def test_squashed_scores_are_those_of_the_logistic_function(scores: Scores):
    np.testing.assert_allclose(squash(scores), 1 / (1 + np.exp(-scores.astype(np.float64))), rtol=1e-6)
