import io
import json

import numpy as np
import pytest
from rich.console import Console

from training.evaluate.cost import costing
from training.evaluate.metrics import Quality
from training.evaluate.ran_on import RanOn, original_date
from training.evaluate.report import (
    PIPELINE,
    WITHOUT_CONSENT,
    EvaluationReport,
    Result,
    intervals_of,
    lead_over_baselines,
)
from training.evaluate.table import show
from training.evaluate.trial import EVERY_ITEM, NEW_ITEMS

NO_LISTS = np.empty((3, 0), dtype=np.int32)
METRICS = [f"{name}@{k}" for name in ("ndcg", "recall", "hit_rate") for k in (10, 20)]
RAN_ON = RanOn(
    protocol="time-split",
    first_at="2017-01-01T00:00:00+00:00",
    cut_at="2017-12-04T04:01:20+00:00",
    end_at="2018-01-01T04:01:20+00:00",
    shifted_weeks=463,
    files={},
    shoppers=3,
    strangers=0,
    shoppers_with_new=3,
    bought=50.0,
    bought_new=29.0,
    unreachable=0.06,
    items=60_000,
    purchases=1_000_000,
    rows_without_consent=0,
    departments_left_out=("fuel", "coupon"),
    code="0.1.0",
    seed=1,
    settings={},
    versions={"python": "3.11"},
    machine={"cores": 2},
)
SCOPES = (EVERY_ITEM, NEW_ITEMS)


def result(name, value):
    per_shopper = {metric: np.array([value, value + 0.1, np.nan]) for metric in METRICS}
    quality = Quality(per_shopper=per_shopper, coverage=0.1, popularity_rank=10.0)
    lists = {"all": NO_LISTS, "new": NO_LISTS}
    return Result(name, {"all": quality, "new": quality}, lists, seconds=1.5, mebibytes=20.0, microseconds=5.0)


def report():
    results = (result("popularity", 0.1), result("personal", 0.3), result(PIPELINE, 0.4))
    return EvaluationReport(
        ran_on=RAN_ON,
        scopes=SCOPES,
        results=results,
        intervals={scope.name: intervals_of(results, scope, seed=0) for scope in SCOPES},
        leads={scope.name: lead_over_baselines(results, scope, seed=0) for scope in SCOPES},
        without_consent=result(WITHOUT_CONSENT, 0.15),
    )


def test_the_lead_is_over_the_best_baseline():
    lead = report().leads["all"]
    assert lead.baseline == "personal"
    assert lead.difference.mean == pytest.approx(0.1)


def test_json_holds_every_figure_and_what_it_ran_on():
    told = json.loads(report().as_json())
    assert told["only_real_purchases"] is True
    assert told["ran_on"]["cut_at"] == "2017-12-04T04:01:20+00:00"
    assert [entry["name"] for entry in told["results"]] == ["popularity", "personal", PIPELINE]
    assert told["results"][2]["quality"]["all"]["ndcg@10"] == pytest.approx(0.45)
    assert told["leads"]["new"]["metric"] == "ndcg@20"


def test_the_table_names_every_recommender_and_says_that_only_purchases_count():
    printed = io.StringIO()
    show(report(), Console(file=printed))
    text = printed.getvalue()
    for words in ("Real purchases only", "popularity", "personal", PIPELINE, "0.4500", "95 % interval", "0.2000"):
        assert words in text


def test_dates_are_told_as_the_data_had_them():
    assert original_date(20_000.0, shifted_weeks=0) == "2024-10-04T00:00:00+00:00"
    assert original_date(20_007.0, shifted_weeks=1) == "2024-10-04T00:00:00+00:00"


def test_work_is_costed_and_its_result_kept():
    made, cost = costing(lambda: np.ones(8_000_000))
    assert len(made) == 8_000_000
    assert cost.seconds > 0
    assert cost.mebibytes >= 0
