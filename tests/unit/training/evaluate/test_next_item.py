"""The protocol next-item, end to end through the command."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from recommender.cli.app import app
from recommender.errors import InvalidInput
from tests.session_lists import round_trips, sessions_with
from tests.unit.training.small_shop import small_config_text
from training.evaluate.next_item import without_seen
from training.evaluate.next_item_files import read_session_files
from training.evaluate.next_item_report import figures_of, paired
from training.evaluate.page import PAGE
from training.evaluate.session_baselines import SESSION_BASELINES, nearest_sessions, sequential_rules
from training.visits import beginnings_of

N_ITEMS = 40


def evaluate(folder: Path, *arguments: str) -> dict:
    (folder / "training.toml").write_text(small_config_text())
    told = folder / "told.json"
    settings = {"RECOMMENDER_CONFIG_DIR": str(folder), "RECOMMENDER_DATA_DIR": str(folder / "data")}
    report = ["--json", str(told), "--report", str(folder / "report")]
    command = ["evaluate", "--protocol", "next-item", *arguments, *report]
    result = CliRunner().invoke(app, command, env=settings, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "served pipeline" in result.output
    return json.loads(told.read_text()) | {"page": (folder / "report" / PAGE).read_text()}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("next-item")
    lists = round_trips(np.random.default_rng(1), 500, N_ITEMS)
    pl.DataFrame({"items": lists[:400]}).write_parquet(folder / "train.parquet")
    asked = [(items[:n], items[n]) for items in lists[400:] for n in range(len(items) - 1, 0, -1)]
    pl.DataFrame(asked, schema=["prefix", "target"], orient="row").write_parquet(folder / "test.parquet")
    return evaluate(folder, "--train", str(folder / "train.parquet"), "--test", str(folder / "test.parquet"))


def test_the_pipeline_stands_beside_every_baseline(told):
    mrr = {result["name"]: result["quality"]["again"]["mrr@20"] for result in told["results"]}
    assert list(mrr)[-1] == "served pipeline"
    assert mrr["sequential rules"] > 0.7  # four of five follow the rule
    assert mrr["served pipeline"] > 0.7
    assert mrr["popularity"] < 0.3
    for name, mean in mrr.items():
        low, high = told["intervals"]["again"][name]["mrr@20"]
        assert low <= mean <= high
        assert low < high


def test_the_segments_are_all_beginnings_and_nothing_twice(told):
    by_group = Counter[str]()
    for one in told["comparisons"]:
        if one["scope"] == "again":
            by_group[one["group"]] += one["beginnings"]
    assert set(by_group.values()) == {told["data"]["beginnings"]}
    assert len(by_group) == 2


def test_the_page_needs_nothing_else_and_shows_what_was_found(told):
    page = told["page"]
    assert not re.search(r'(src|href)="|url\(|@import|<script', page)
    for result in told["results"]:
        assert f"{100 * result['quality']['again']['mrr@20']:.2f}" in page
    for lead in told["leads"]["again"]:
        assert f"{100 * lead['difference']['mean']:+.2f}" in page
    shares = [tenth["redeemed"] for tenth in told["calibration"]["again"]]
    assert len(shares) == 10
    assert shares[0] == max(shares) > 0.3  # what scores highest comes next most often
    assert page.count('<div class="example">') == 8


def test_only_what_came_next_is_marked_in_an_example(told):
    for example in told["page"].split("<h3>Then came ")[1:]:
        came = example.split("<", 1)[0]
        assert set(re.findall(r'<li class="right">([^<]*)', example)) <= {came}
    assert '<li class="right">' in told["page"]


def test_a_scope_without_beginnings_is_left_out(tmp_path):
    pl.DataFrame({"items": round_trips(np.random.default_rng(1), 60, N_ITEMS)}).write_parquet(
        tmp_path / "train.parquet"
    )
    pl.DataFrame({"prefix": [[1, 2], [3]], "target": [1, 3]}).write_parquet(tmp_path / "test.parquet")  # looked back at
    told = evaluate(tmp_path, "--train", str(tmp_path / "train.parquet"), "--test", str(tmp_path / "test.parquet"))
    assert list(told["intervals"]) == list(told["leads"]) == list(told["results"][0]["quality"]) == ["again"]


def test_what_it_ran_on_is_told(told):
    data = told["data"]
    assert data["sessions"] == 400
    assert data["items"] == N_ITEMS
    assert 97 <= data["test_sessions"] <= 100  # two that follow each other may look like one
    assert data["files"]["test"]["name"] == "test.parquet"
    assert data["lessons"] > 100


def test_sessions_with_times_are_split_by_time(tmp_path):
    rows = [
        (f"s{number}", item, 1_700_000_000 + 1000 * number + 10 * place)
        for number, items in enumerate([[1, 2], [2, 3, 1], [1, 2]] * 10)
        for place, item in enumerate(items)
    ]
    frame = pl.DataFrame(rows, schema=["session_id", "item_id", "occurred_at"], orient="row")
    frame.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(tmp_path / "s.parquet")
    files = read_session_files(tmp_path / "s.parquet", None)
    assert len(files.sessions) == 27
    ids = [[files.item_ids[row] for row in files.asked.of(n)] for n in range(len(files.asked))]
    assert ids == [["1"], ["2"], ["2", "3"], ["1"]]  # of the last three sessions
    assert files.asked.sessions.tolist() == [0, 1, 1, 2]


def test_beginnings_of_one_session_are_known_by_their_order_in_the_file(tmp_path):
    pl.DataFrame({"items": [[1, 2, 3]]}).write_parquet(tmp_path / "train.parquet")
    asked = [([1, 2], 3), ([1], 2), ([1], 2), ([9, 2], 9), ([2], 1), ([2, 1], 3)]
    pl.DataFrame(asked, schema=["prefix", "target"], orient="row").write_parquet(tmp_path / "test.parquet")
    files = read_session_files(tmp_path / "train.parquet", tmp_path / "test.parquet")
    assert files.asked.sessions.tolist() == [0, 0, 1, 2, 3, 3]
    assert files.item_ids == ["1", "2", "3"]
    assert files.asked.of(3).tolist() == [1]  # item 9 is in no session that teaches
    assert files.asked.targets[3] == 3


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"sessions": [[1]]}, "no column session_id"),
        ({"items": [1, 2]}, "no lists"),
        ({"session_id": [1], "item_id": [2]}, "no column occurred_at"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, frame, said):
    pl.DataFrame(frame).write_parquet(tmp_path / "s.parquet")
    with pytest.raises(InvalidInput, match=said) as refused:
        read_session_files(tmp_path / "s.parquet", None)
    assert refused.value.field == "train"
    assert refused.value.remedy


def test_figures_are_those_of_the_place_of_what_came_next():
    lists = np.array([[4, 5, 6, *[-1] * 17], [5, *[-1] * 19], [-1] * 20], dtype=np.int32)
    figures = figures_of(lists, np.array([6, 4, -1], dtype=np.int32))
    assert figures["mrr@20"].tolist() == [pytest.approx(1 / 3), 0.0, 0.0]
    assert figures["hit_rate@10"].tolist() == [1.0, 0.0, 0.0]


def test_what_was_seen_moves_the_rest_up():
    asked = beginnings_of(sessions_with([[4, 5]]))
    lists = np.full((1, 20), -1, dtype=np.int32)
    lists[0, :3] = [3, 4, 5]
    assert without_seen(lists, asked)[0, :3].tolist() == [3, 5, -1]


@pytest.mark.parametrize("name", SESSION_BASELINES)
def test_a_baseline_fills_its_list_without_what_was_seen(name):
    rng = np.random.default_rng(4)
    sessions = sessions_with([rng.permutation(100)[:12].tolist() for _ in range(500)])
    asked = beginnings_of(sessions_with([range(30)]))
    lists = without_seen(SESSION_BASELINES[name](sessions, asked, 100), asked)
    assert (lists[-1] != -1).all()
    assert not np.isin(lists[-1], range(29)).any()


def test_an_interval_draws_sessions_and_not_beginnings():
    """Ten beginnings that stand or fall together tell no more than one."""
    values = np.repeat([0.0, 1.0] * 20, 10)
    sessions = np.repeat(np.arange(40), 10)
    [together], [alone] = paired([values], sessions, 0), paired([values], np.arange(400), 0)
    assert together.mean == alone.mean == 0.5
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_baselines_are_as_published():
    sessions = sessions_with([[0, 1, 2], [0, 2], [3, 1]])
    asked = beginnings_of(sessions_with([[0, 3], [3, 0, 1]]))
    rules = sequential_rules(1)(sessions, asked, 5)
    assert rules[0, :3].tolist() == [2, 1, -1]  # 1/2 + 1 against 1
    assert rules[1, :2].tolist() == [1, -1]
    near = nearest_sessions(sessions, asked, 5)
    # Of [3, 0]: [3, 1] is like it by 1/4 and counts a half, the two with 0 by 1/2 and count whole.
    assert near[2, :4].tolist() == [0, 2, 1, 3]
