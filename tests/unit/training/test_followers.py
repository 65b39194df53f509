"""What follows what: how it is learnt, kept in an artifact, and read when the ranker knew nothing of it."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

from features.artifact.manifest import MANIFEST
from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from recommender.errors import BrokenArtifact
from recommender.model import NO_NEIGHBOURS
from recommender.query import Query
from recommender.ranking.candidate_features import FEATURES
from recommender.retrieval.followers import followers
from recommender.situation import Situation
from tests.builders import NOW_DAY, shopper_with, small_catalogue, small_model
from tests.unit.recommender.test_decide import HOME
from tests.unit.training.small_shop import open_shop, orders
from tests.unit.training.test_train import run
from training.models import followers as learning
from training.models.followers import PRIOR, fit_followers


def purchases(orders_of: dict[int, list[list[int]]]) -> pl.DataFrame:
    """One order a day of each user."""
    rows = [
        (user, 100 * user + place, row, float(place))
        for user, theirs in orders_of.items()
        for place, items in enumerate(theirs)
        for row in items
    ]
    schema = {"user": pl.UInt32(), "order": pl.UInt32(), "item_row": pl.Int32(), "day": pl.Float64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_the_share_of_what_comes_after_falls_with_the_orders_between():
    found = fit_followers(purchases({1: [[0], [1], [2]], 2: [[0], [1]]}), 4)
    after, scores = found.of(0)
    assert after.tolist() == [1, 2]
    assert scores[1] / scores[0] == pytest.approx(0.5 / 2)
    assert found.of(1)[0].tolist() == [2]
    assert not len(found.of(2)[0])
    assert not len(found.of(3)[0])


def test_few_pairs_say_little():
    often = {user: [[0], [1]] for user in range(20)}
    found = fit_followers(purchases({**often, 99: [[2], [3]]}), 4)
    assert found.of(0)[1][0] / found.of(2)[1][0] == pytest.approx((20 / (20 + PRIOR)) / (1 / (1 + PRIOR)))


def test_nothing_follows_itself_or_something_else_of_its_order():
    found = fit_followers(purchases({1: [[0, 1], [0, 2]]}), 3)
    assert found.of(0)[0].tolist() == [2]
    assert found.of(1)[0].tolist() == [0, 2]


def test_of_too_many_pairs_the_latest_count(monkeypatch):
    monkeypatch.setattr(learning, "MOST_PAIRS", 1)
    found = fit_followers(purchases({1: [[0], [1], [2]]}), 3)
    assert found.of(1)[0].tolist() == [2]
    assert not len(found.of(0)[0])


def test_no_orders_have_no_followers():
    assert not len(fit_followers(purchases({}), 3).rows)


def test_what_follows_the_latest_purchase_comes_first():
    model = small_model(np.random.default_rng(0))
    shopper = shopper_with({3: [1.0], 7: [30.0]})
    situation = Situation(
        Query(placement=HOME.placement_id, limit=10), HOME, shopper, small_catalogue(), model, NOW_DAY
    )
    scores = np.zeros(40)
    for row, weight in ((3, 1.0), (7, 0.5)):
        near, of_row = model.followers.of(row)
        scores[near] += weight * of_row
    proposed = followers(situation)
    np.testing.assert_allclose(scores[proposed.rows], np.sort(scores)[::-1][: len(proposed.rows)], rtol=1e-5)
    assert set(proposed.because.tolist()) <= {3, 7}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    settings = open_shop(tmp_path_factory.mktemp("shop"), orders(), consenting=40)
    run(settings)
    shelf = ArtifactShelf(settings.artifacts_dir)
    return shelf.path(shelf.current())


def as_before(published, folder, features):
    """The artifact as an earlier version would have written it: without followers and exponent, with these features."""
    shutil.copytree(published, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["inputs"]["features"] = list(features)
    del manifest["inputs"]["config"]["embedding"]["exponent"]
    for name in [name for name in manifest["files"] if name.startswith("followers.")]:
        (folder / name).unlink()
        del manifest["files"][name]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_an_artifact_keeps_them(published):
    model = load_artifact(published).model
    assert len(model.followers.rows)
    assert model.followers.offsets[-1] == len(model.followers.rows)


def test_rankers_of_before_look_at_the_features_that_they_learnt_from(published, tmp_path):
    reversed_order = tuple(reversed(FEATURES))
    found = load_artifact(as_before(published, tmp_path / "before", reversed_order)).model
    assert found.followers is NO_NEIGHBOURS
    assert found.fold_in.exponent == 0.0
    for name, trees in load_artifact(published).model.rankers.items():
        assert found.rankers[name].feature.tolist() == (len(FEATURES) - 1 - trees.feature).tolist()


def test_rankers_that_look_at_something_unknown_are_refused(published, tmp_path):
    with pytest.raises(BrokenArtifact, match="phase_of_the_moon"):
        load_artifact(as_before(published, tmp_path / "odd", (*FEATURES[1:], "phase_of_the_moon")))
