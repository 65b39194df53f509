import json

import numpy as np
import polars as pl
import pytest

from features.events.log import write_events
from features.progress import Silent
from features.settings import Settings
from recommender.errors import InvalidInput, NotEnoughData
from recommender.placements import Placement
from tests.builders import small_catalogue, small_model
from tests.unit.training.small_shop import CONFIG, open_shop, orders
from training.evaluate.held_out import HeldOut
from training.evaluate.measure import measure_pipeline
from training.evaluate.metrics import Relevant
from training.evaluate.new_shoppers import IN_CONTEXT, NEW_SHOPPERS
from training.evaluate.report import PIPELINE, EvaluationReport
from training.evaluate.run import BASELINES, evaluate


def shop_at(folder, log) -> Settings:
    (folder / "training.toml").write_text(CONFIG)
    return open_shop(folder, log).model_copy(update={"config_dir": folder})


def run(settings, json_file=None) -> EvaluationReport:
    return evaluate(settings, json_file=json_file, progress=Silent())


def figures(report):
    return {
        result.name: {scope: quality.means() for scope, quality in result.quality.items()} for result in report.results
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    settings = shop_at(tmp_path_factory.mktemp("shop"), orders())
    return settings, run(settings, settings.data_dir / "evaluation.json")


def test_the_pipeline_stands_beside_every_baseline(shop):
    settings, report = shop
    assert [result.name for result in report.results] == [*BASELINES, PIPELINE]
    found = figures(report)
    assert found[PIPELINE]["all"]["ndcg@10"] > found["popularity"]["all"]["ndcg@10"]
    told = json.loads((settings.data_dir / "evaluation.json").read_text())
    assert told["ran_on"]["shoppers"] == 40
    assert told["results"][-1]["microseconds_per_query"] > 0


def test_without_consent_everybody_gets_the_list_of_a_stranger(shop):
    settings, report = shop
    found, n_lists = report.without_consent.quality, 20
    assert found["all"].mean("ndcg@10") < figures(report)[PIPELINE]["all"]["ndcg@10"]
    assert found["all"].coverage <= n_lists / report.ran_on.items
    told = json.loads((settings.data_dir / "evaluation.json").read_text())
    assert told["without_consent"]["quality"]["all"] == found["all"].means()


def test_those_of_whom_little_is_known_stand_beside_popularity(shop):
    _, report = shop
    names = {one.name for one in report.comparisons if one.group in {NEW_SHOPPERS, IN_CONTEXT}}
    after = {"after 1 event", "after 3 events", "after 10 events"}
    assert names == {*after, "placement home", "placement product, same category"}


def test_synthetic_events_change_no_figure(shop):
    settings, before = shop
    made_up = orders(seed=7).with_columns(
        synthetic=pl.lit(value=True), event_id=pl.lit("made-up-") + pl.col("event_id")
    )
    write_events(settings, made_up, "synthetic")
    after = run(settings)
    assert figures(after) == figures(before)
    assert after.ran_on == before.ran_on


def test_too_short_a_history_is_said_with_the_days_that_it_takes(tmp_path):
    with pytest.raises(NotEnoughData) as refused:
        run(shop_at(tmp_path, orders(n_days=30)))
    assert "56 days" in refused.value.remedy


def test_a_report_that_cannot_be_written_is_refused(shop, tmp_path):
    with pytest.raises(InvalidInput) as refused:
        run(shop[0], tmp_path / "missing" / "evaluation.json")
    assert refused.value.field == "json"


def test_a_list_that_ran_out_is_padded():
    nothing = Relevant(offsets=np.zeros(3, dtype=np.int64), rows=np.empty(0, dtype=np.int32))
    measured = measure_pipeline(
        small_model(np.random.default_rng(0), 5),
        small_catalogue(5),
        Placement(placement_id="home", title="Home", sources=("popular",), ranker="fused"),
        HeldOut(user_ids=("ann", "bob"), bought=nothing, new=nothing),
        now_day=20_000.0,
        limit=8,
        progress=Silent(),
    )
    assert measured.lists.shape == (2, 8)
    assert (measured.lists[:, :5] >= 0).all()
    assert (measured.lists[:, 5:] == -1).all()
    assert (measured.microseconds > 0).all()
