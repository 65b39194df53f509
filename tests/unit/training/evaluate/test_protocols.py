"""The protocols, end to end through the command."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from recommender.cli.app import app
from recommender.errors import InvalidInput, NotEnoughData
from tests.unit.training.small_shop import small_config_text
from training.evaluate.report import PIPELINE

N_ITEMS, N_LISTS = 40, 90


def evaluate(folder: Path, *arguments: str) -> dict:
    """Run the command with a small configuration; gives what it wrote as JSON."""
    (folder / "training.toml").write_text(small_config_text(min_shoppers="20", trees="20"))
    told = folder / "told.json"
    settings = {"RECOMMENDER_CONFIG_DIR": str(folder), "RECOMMENDER_DATA_DIR": str(folder / "data")}
    command = ["evaluate", *arguments, "--json", str(told)]
    result = CliRunner().invoke(app, command, env=settings, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(told.read_text())


def ndcg(told: dict, scope: str = "new") -> dict[str, float]:
    return {result["name"]: result["quality"][scope]["ndcg@10"] for result in told["results"]}


def lists_at(folder: Path) -> Path:
    """Everybody goes up the items from somewhere on, with one at random now and then."""
    rng = np.random.default_rng(3)
    lists = [
        [int(rng.integers(N_ITEMS)) if rng.random() < 0.1 else (start + step) % N_ITEMS for step in range(8)]
        for start in rng.integers(0, N_ITEMS, N_LISTS).tolist()
    ]
    file = folder / "lists.parquet"
    pl.DataFrame({"items": lists}).write_parquet(file)
    return file


def tastes_at(folder: Path, **more: pl.Expr) -> tuple[Path, Path]:
    """Two files: shoppers of four tastes with fifteen items each, of which they lack some."""
    rng = np.random.default_rng(5)
    rows = [
        (user, 15 * (user % 4) + int(item)) for user in range(80) for item in rng.choice(15, 9, replace=False).tolist()
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row").with_columns(**more)
    is_test = pl.int_range(pl.len()).over("user_id") >= 7
    train, test = folder / "train.parquet", folder / "test.parquet"
    events.filter(~is_test).write_parquet(train)
    events.filter(is_test).write_parquet(test)
    return train, test


@pytest.fixture(scope="module")
def left_last(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leave-last")
    return evaluate(folder, "--protocol", "leave-last", "--train", str(lists_at(folder)))


def test_the_last_item_of_each_list_is_held_out(left_last):
    found = ndcg(left_last)
    assert left_last["ran_on"]["shoppers"] == N_LISTS
    assert left_last["ran_on"]["purchases"] == N_LISTS * 7
    assert left_last["ran_on"]["cut_at"] is None
    assert found["sequential rules"] > 0.6  # nine of ten follow the rule
    assert found["sequential rules"] > 3 * max(found["popularity"], found["personal frequency"])
    assert found[PIPELINE] > 2 * found["popularity"]


def test_what_it_ran_on_is_told(left_last):
    ran_on = left_last["ran_on"]
    assert ran_on["files"]["train"]["name"] == "lists.parquet"
    assert len(ran_on["files"]["train"]["sha256"]) == 64
    assert ran_on["seed"] == ran_on["settings"]["seed"] == 1
    assert {"python", "numpy", "lightgbm"} <= ran_on["versions"].keys()
    assert ran_on["machine"]["cores"] >= 1


def test_a_given_split_asks_for_what_is_not_in_train(tmp_path):
    train, test = tastes_at(tmp_path)
    told = evaluate(tmp_path, "--protocol", "given-split", "--train", str(train), "--test", str(test))
    found = ndcg(told)
    assert list(told["leads"]) == ["new"]
    assert told["ran_on"]["shoppers"] == 80
    assert told["ran_on"]["bought"] == 2.0
    assert found[PIPELINE] > 2 * found["popularity"]
    assert found["item-kNN, cosine, 50"] > 2 * found["popularity"]
    low, high = told["intervals"]["new"][PIPELINE]["ndcg@10"]
    assert low < found[PIPELINE] < high


def test_a_file_with_times_is_split_by_them(tmp_path):
    day = (pl.int_range(pl.len()).over("user_id") * 10 + pl.col("user_id") % 3) * 86_400
    channel = pl.when(pl.col("user_id") % 2 == 0).then(pl.lit("web")).otherwise(pl.lit("store"))
    train, _ = tastes_at(tmp_path, occurred_at=day, channel=channel)
    told = evaluate(tmp_path, "--train", str(train), "--window-days", "12")
    assert told["ran_on"]["cut_at"][:4] == "1970"
    channels = {one["name"] for one in told["comparisons"] if one["group"] == "shoppers by channel"}
    assert channels == {"web", "store"}
    histories = [one for one in told["comparisons"] if one["group"] == "shoppers by history" and one["scope"] == "new"]
    assert sum(one["shoppers"] for one in histories) == told["ran_on"]["shoppers_with_new"]
    new = {one["name"]: one for one in told["comparisons"] if one["group"] == "new shoppers"}
    assert new.keys() == {"after 1 event", "after 3 events"}  # nobody has ten
    assert new["after 3 events"]["lead"]["low"] > 0  # three of a taste tell it
    in_view = [one for one in told["comparisons"] if one["group"].endswith("item in view")]
    assert {one["name"] for one in in_view} == {"placement home"}  # items known by their ids alone are of no category
    assert all(one["lead"]["low"] > 0 for one in in_view)


@pytest.mark.parametrize(
    ("arguments", "field", "said"),
    [
        (["--protocol", "leave-last"], "train", "needs lists"),
        (["--protocol", "given-split", "--train", "a.csv"], "test", "needs two files"),
        (["--protocol", "guess"], "protocol", "no protocol 'guess'"),
        (["--protocol", "leave-last", "--train", "a.csv"], "train", "a.csv is no file"),
    ],
)
def test_what_is_missing_is_said(tmp_path, arguments, field, said):
    with pytest.raises(InvalidInput) as refused:
        evaluate(tmp_path, *arguments)
    assert refused.value.field == field
    assert said in str(refused.value)


def test_a_split_by_time_needs_times(tmp_path):
    train, _ = tastes_at(tmp_path)
    with pytest.raises(InvalidInput) as refused:
        evaluate(tmp_path, "--train", str(train))
    assert "occurred_at" in str(refused.value)


def test_a_split_that_asks_for_nothing_new_is_refused(tmp_path):
    train, test = tastes_at(tmp_path)
    views = tmp_path / "views.parquet"
    pl.read_parquet(test).with_columns(event=pl.lit("view")).write_parquet(views)
    for file, said in ((train, "have ordered in --train"), (views, "there is no order")):
        with pytest.raises(NotEnoughData, match=said):
            evaluate(tmp_path, "--protocol", "given-split", "--train", str(train), "--test", str(file))


def test_lists_of_one_item_hold_nothing_out(tmp_path):
    file = tmp_path / "short.csv"
    file.write_text("items\na\nb\n")
    with pytest.raises(NotEnoughData):
        evaluate(tmp_path, "--protocol", "leave-last", "--train", str(file))
