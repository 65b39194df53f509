from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommender.errors import InvalidInput, NotEnoughData
from training.evaluate.files import read_events, read_lists, read_prefixes, read_sessions
from training.evaluate.foreign import LAST_DAY, as_training_data, catalogue_of, events_of_lists


def parquet(folder: Path, columns: dict[str, list[object]]) -> Path:
    file = folder / "given.parquet"
    pl.DataFrame(columns).write_parquet(file)
    return file


def csv(folder: Path, text: str) -> Path:
    file = folder / "given.csv"
    file.write_text(text)
    return file


def test_a_row_without_more_is_an_order_of_one(tmp_path):
    events = read_events(parquet(tmp_path, {"user_id": [1, 2], "item_id": [7, 8]}), "train")
    assert events.rows() == [
        ("1", "7", "Order Completed", None, 1.0, None),
        ("2", "8", "Order Completed", None, 1.0, None),
    ]


@pytest.mark.parametrize(
    "noon",
    [
        datetime(2024, 3, 1, 12, tzinfo=UTC),
        datetime(2024, 3, 1, 12),  # noqa: DTZ001 a file may have no zone
        "2024-03-01T12:00:00Z",
        "2024-03-01 12:00:00",
        1_709_294_400,
        1_709_294_400_000,
        1_709_294_400_000_000,
        1_709_294_400_000_000_000,
        "1709294400",
        "1709294400000",
    ],
)
def test_a_time_may_be_written_in_any_usual_way(tmp_path, noon):
    file = parquet(tmp_path, {"user_id": ["a"], "item_id": ["x"], "occurred_at": [noon]})
    assert read_events(file, "train")["day"].to_list() == [19_783.5]


def test_lists_are_read_from_parquet_and_csv_alike(tmp_path):
    from_parquet = read_lists(parquet(tmp_path, {"user_id": [5, 6], "items": [[1, 2, 3], [4]]}), "train")
    from_csv = read_lists(csv(tmp_path, "user_id,items\n5,1 2 3\n6,4\n"), "train")
    assert from_parquet.rows() == from_csv.rows() == [("5", ["1", "2", "3"]), ("6", ["4"])]


def test_lists_of_nobody_are_told_apart_by_their_row(tmp_path):
    assert read_lists(parquet(tmp_path, {"items": [[1, 2], [3]]}), "train")["user_id"].to_list() == ["0", "1"]


def test_rows_with_times_become_lists(tmp_path):
    file = csv(tmp_path, "user_id,item_id,occurred_at\nb,1,2024-01-02\na,2,2024-01-03\na,3,2024-01-01\n")
    assert read_lists(file, "train").rows() == [("a", ["3", "2"]), ("b", ["1"])]


def test_a_beginning_has_its_target(tmp_path):
    file = parquet(tmp_path, {"prefix": [[1, 2]], "target": [3]})
    assert read_prefixes(file, "test").rows() == [(["1", "2"], "3")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_id,thing\n1,2\n", "no column item_id; it has user_id, thing"),
        ("user_id,item_id\n1,2\n1,\n", "row 2, column item_id"),
        ("user_id,item_id,event\n1,2,sneeze\n", "'sneeze'"),
        ("user_id,item_id,occurred_at\n1,2,soon\n", "row 1, column occurred_at: 'soon'"),
        ("user_id,item_id,quantity\n1,2,-1\n", "row 1, column quantity: '-1'"),
        ("user_id,item_id\n", "has no rows"),
        ("user_id,item_id,occurred_at\n1,2,1700000000\n1,2,soon\n", "row 2, column occurred_at: 'soon'"),
        ("user_id,item_id,occurred_at\n1,2,1e9\n1,2,inf\n", "row 2, column occurred_at: 'inf'"),
        ("user_id,item_id,occurred_at\n1,2,8000000000\n", "between 1900 and 2200"),
    ],
)
def test_an_error_names_file_row_and_column(tmp_path, text, said):
    with pytest.raises(InvalidInput) as refused:
        read_events(csv(tmp_path, text), "train")
    assert said in str(refused.value)
    assert "given.csv" in str(refused.value)
    assert (refused.value.field, bool(refused.value.remedy)) == ("train", True)


@pytest.mark.parametrize(
    "columns",
    [
        {"items": [[1], []]},
        {"items": [[1], None]},
        {"items": [[1, None]]},
        {"items": [["a", "", "b"]]},
        {"items": [[1.0, float("nan")]]},
        {"items": [[["a"]]]},
        {"items": [[{"a": 1}]]},
        {"items": [[b"\xff"]]},
        {"items": [1, 2]},
        {"user_id": [1, 1], "items": [[1], [2]]},
    ],
)
def test_lists_with_gaps_are_refused(tmp_path, columns):
    with pytest.raises(InvalidInput):
        read_lists(parquet(tmp_path, columns), "train")


@pytest.mark.parametrize("odd", [[[1]], [{"a": 1}], [b"\xff"], [float("nan")], [timedelta(1)]])
@pytest.mark.parametrize("column", ["user_id", "item_id", "event", "quantity", "channel", "occurred_at"])
def test_what_is_no_text_or_number_is_refused(tmp_path, column, odd):
    with pytest.raises(InvalidInput, match=f"column {column}"):
        read_events(parquet(tmp_path, {"user_id": ["a"], "item_id": ["x"], column: odd}), "train")


ODD = (
    [1, -(2**63), 2**63 - 1], [0.5, float("nan"), float("-inf")], ["", "nan", " "], ["a", "b", None],
    ["1700000000", "2024-01-01", "x"], [b"a", b"\xff", None], [[1], [], None], [["a"], [""], [None]], [[[1]], [[]], []],
    [{"a": 1}, {"a": None}, None], [[{"a": 1}], [], None], [True, None, False], [None] * 3,
    [date(1, 1, 1), date(9999, 12, 31), None], [datetime(2024, 1, 1, tzinfo=UTC)] * 3, [timedelta(1)] * 3,
    [time(1)] * 3,
    [Decimal("1.5"), Decimal(7), None], pl.Series(["view", "buy", "x"], dtype=pl.Categorical),
    pl.Series(["a", "b", "b"], dtype=pl.Enum(["a", "b"])), pl.Series([[1, 2]] * 3, dtype=pl.Array(pl.Int8, 2)),
    pl.Series([2**64 - 1, 0, 1], dtype=pl.UInt64), pl.Series([[b"a"], [b"\xff"], []], dtype=pl.List(pl.Binary)),
    pl.Series([["b"], ["c"], ["b", "c"]], dtype=pl.List(pl.Categorical)), [[date(2024, 1, 1)], [], None],
)  # fmt: skip
NAMES = ("user_id", "item_id", "session_id", "event", "occurred_at", "quantity", "channel", "items", "prefix", "target")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ODD), min_size=1), st.integers(0, 2), st.integers(1, 3))
def test_any_columns_are_read_or_refused(tmp_path, columns, start, rows):
    usual = {"user_id": ["a", "b", "c"], "item_id": ["x"] * 3, "session_id": [1, 1, 2], "target": ["x", "y", "z"]}
    file = tmp_path / "odd.parquet"
    pl.DataFrame(usual | columns, strict=False).slice(start, rows).write_parquet(file)
    for read in (read_events, read_lists, read_sessions, read_prefixes):
        with suppress(InvalidInput):
            found = read(file, "train")
            assert len(found)
            if isinstance(found, pl.DataFrame) and "day" in found.columns:
                assert found["user_id"].is_not_null().all()
                assert found["day"].drop_nulls().is_finite().all()


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    for name in ("broken.parquet", "missing.parquet", "notes.txt"):
        (tmp_path / "notes.txt").write_text("user_id")
        with pytest.raises(InvalidInput) as refused:
            read_events(tmp_path / name, "test")
        assert name in str(refused.value)


def test_order_becomes_times_that_end_together():
    lists = pl.DataFrame({"user_id": ["a", "b"], "items": [["x", "y", "z"], ["y"]]})
    events = events_of_lists(lists)
    assert events.select("user_id", "item_id", "day").rows() == [
        ("a", "x", LAST_DAY - 2),
        ("a", "y", LAST_DAY - 1),
        ("a", "z", LAST_DAY),
        ("b", "y", LAST_DAY),
    ]


def test_items_known_by_their_ids_alone_can_be_shown():
    catalogue = catalogue_of(["x", "y"])
    assert [item.item_id for item in catalogue.items] == ["x", "y"]
    assert catalogue.visible.all()
    assert catalogue.in_stock.all()


def test_what_is_bought_at_one_moment_is_one_order(tmp_path):
    rows = "user_id,item_id,occurred_at,event\na,x,1000,buy\na,y,1000,buy\na,x,2000,buy\na,y,500,click\n"
    data = as_training_data(read_events(csv(tmp_path, rows), "train"), "train")
    assert data.interactions.purchases.group_by("order_id").len()["len"].sort().to_list() == [1, 2]
    assert data.interactions.touches["event"].to_list() == ["Product Viewed"]


def test_views_alone_are_not_enough(tmp_path):
    events = read_events(csv(tmp_path, "user_id,item_id,occurred_at,event\na,y,500,click\n"), "train")
    with pytest.raises(NotEnoughData) as refused:
        as_training_data(events, "train")
    assert "--train" in str(refused.value)
