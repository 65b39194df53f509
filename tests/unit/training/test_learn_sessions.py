import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.definitions import KEPT_EVENTS
from features.progress import Silent
from features.settings import Settings
from recommender.catalogue import Catalogue
from recommender.decide import decide
from recommender.model import Model
from recommender.query import Query
from recommender.unlearned import unlearned_model
from tests.session_lists import FEW, index_of, round_trips, sessions_with
from tests.unit.training.small_shop import N_ITEMS, open_shop, orders, small_config, visits
from training.evaluate.foreign import catalogue_of
from training.learn_sessions import learn_sessions
from training.models.sessions import Sessions, sessions_of
from training.run import train
from training.visits import SHOWN_AGAIN, beginnings_of, visitor


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Settings:
    settings = open_shop(tmp_path_factory.mktemp("visited"), pl.concat([orders(n_users=30), visits()]), consenting=30)
    train(settings, until=None, config_file=settings.data_dir / "training.toml", force=True, progress=Silent())
    return settings


def next_items(model: Model, catalogue: Catalogue, seen: list[int], limit: int = 5) -> list[int]:
    shopper = visitor(np.array(seen, dtype=np.int32), model, catalogue, model.cut_day)
    return decide(
        Query(placement=SHOWN_AGAIN.placement_id, limit=limit), SHOWN_AGAIN, shopper, catalogue, model, model.cut_day
    ).rows.tolist()


def test_sessions_of_the_log_are_served_from_the_artifact(shop):
    shelf = ArtifactShelf(shop.artifacts_dir)
    loaded = load_artifact(shelf.path(shelf.current()))
    sessions = loaded.model.sessions
    assert sessions is not None
    assert len(sessions) == loaded.manifest.counts["sessions"] == 30 * 6  # of those who consent
    assert sessions.rows.shape == (30 * 6 * 4,)
    assert isinstance(sessions.rows.base, np.memmap)
    assert not sessions.rows.flags.writeable
    assert "session" in loaded.model.rankers
    assert loaded.manifest.metrics["sessions"]["trees_hit_rate@20"] > 0.9
    assert next_items(loaded.model, Catalogue.of(loaded.items, spare=0), [30, 31])[0] == 32


def test_too_few_sessions_teach_nothing():
    sessions = sessions_with([[0, 1]] * 49)
    learnt = learn_sessions(sessions, unlearned_model(), catalogue_of(["a", "b"]), small_config(), Silent())
    assert learnt.index is None
    assert learnt.trees is None


def test_what_teaches_the_trees_comes_from_earlier_sessions_only():
    """The latest sessions go another way; what they teach must not be looked up from themselves."""
    usual, latest = [[0, 1]] * 300, [[2, 3]] * 300
    learnt = learn_sessions(
        sessions_with(usual + latest), unlearned_model(), catalogue_of(list("abcd")), small_config(), Silent()
    )
    assert learnt.lessons == 0  # of [2] nothing earlier says that [3] comes next
    assert learnt.index is not None
    assert len(learnt.index) == 600


def test_a_session_ends_with_a_pause_and_begins_anew_with_another_shopper():
    touches = pl.DataFrame(
        {
            "user_id": ["b", "a", "a", "a", "a", "b", "c"],
            "item_row": pl.Series([1, 0, 2, 3, 4, 5, 6], dtype=pl.Int32),
            "day": [10.0, 10.0, 10.01, 10.5, 10.51, 10.02, 10.0],
        }
    )
    sessions = sessions_of(touches)
    lists = [sessions.rows[start:end].tolist() for start, end in pairwise(sessions.offsets.tolist())]
    assert lists == [[0, 2], [1, 5], [3, 4]]  # by their end; c looked at one item only


def test_only_the_latest_sessions_of_an_item_are_looked_up():
    index = index_of([[0, 1]] * 5 + [[2, 1]], 3, replace(FEW, latest_of_item=2))
    assert index.sessions[index.item_offsets[1] : index.item_offsets[2]].tolist() == [4, 5]
    assert index.sessions[index.item_offsets[0] : index.item_offsets[1]].tolist() == [3, 4]


def test_rules_are_shares_of_what_came_within_reach():
    index = index_of([[0, 1, 2], [0, 2]], 3, replace(FEW, reach=2))
    after = slice(index.after_offsets[0], index.after_offsets[1])
    # After 0 came 1 once at distance 1, and 2 once at 2 and once at 1: 2.5 in all, and 5 for shrinkage.
    assert index.after_rows[after].tolist() == [2, 1]
    assert index.after_shares[after] == pytest.approx([1.5 / 7.5, 1 / 7.5])
    before = slice(index.before_offsets[2], index.before_offsets[3])
    assert index.before_rows[before].tolist() == [0, 1]


def test_items_seen_together_have_like_vectors():
    rng = np.random.default_rng(0)
    lists = [rng.permutation(5)[:3].tolist() for _ in range(100)]
    lists += [(5 + rng.permutation(5)[:3]).tolist() for _ in range(100)]
    vectors = index_of(lists, 12).vectors
    likeness = vectors @ vectors.T
    assert likeness[:5, :5].min() > likeness[:5, 5:10].max()
    assert not vectors[10:].any()  # never seen


def test_every_beginning_has_what_came_next():
    found = beginnings_of(sessions_with([[3, 4, 5], [6, 7]]))
    assert [(found.of(n).tolist(), int(found.targets[n])) for n in range(3)] == [([3], 4), ([3, 4], 5), ([6], 7)]
    assert found.sessions.tolist() == [0, 0, 1]


def test_of_a_very_long_session_only_what_is_drawn_is_cut():
    rows = np.arange(20_000, dtype=np.int32)
    tracemalloc.start()
    found = beginnings_of(Sessions(np.array([0, len(rows)]), rows), most=50, seed=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2**20  # all beginnings together are 800 MB
    assert len(found) == 50
    assert np.diff(found.offsets).max() == KEPT_EVENTS
    for number in range(len(found)):
        target = int(found.targets[number])
        assert found.of(number).tolist() == list(range(max(target - KEPT_EVENTS, 0), target))
    assert len(beginnings_of(Sessions(np.array([0, len(rows)]), rows)).rows) < len(rows) * KEPT_EVENTS


def test_a_visitor_is_asked_about_as_requests_see_them():
    model, catalogue = unlearned_model(), catalogue_of([str(n) for n in range(4)])
    shopper = visitor(np.array([1, 2, 1, 3], dtype=np.int32), model, catalogue, 100.0)
    assert shopper.seen.tolist() == [3, 1, 2, 1]
    assert shopper.session.tolist() == [3, 1, 2]
    assert len(shopper.purchases) == 0


def test_trees_put_what_follows_first_and_unknown_items_change_nothing():
    lists = round_trips(np.random.default_rng(2), 600, N_ITEMS)
    model, catalogue = unlearned_model(), catalogue_of([str(n) for n in range(N_ITEMS + 2)])
    learnt = learn_sessions(sessions_with(lists), model, catalogue, small_config(), Silent())
    assert learnt.trees is not None
    model = replace(model, sessions=learnt.index, rankers={"session": learnt.trees})
    assert next_items(model, catalogue, [7, 8, 9])[0] == 10
    assert next_items(model, catalogue, [7, 8, N_ITEMS + 1, 9])[0] == 10
    assert len(next_items(model, catalogue, [N_ITEMS + 1])) == 5
    assert len(next_items(model, catalogue, [])) == 5
