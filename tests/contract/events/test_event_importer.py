import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from features.events.importer import import_events
from features.events.log import scan_events, write_events
from features.events.schema import EVENT_COLUMNS, ORDER_COMPLETED, PRODUCT_VIEWED
from features.progress import Silent
from features.settings import Settings
from recommender.errors import InvalidInput

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ORDER = {
    "event_id": "o1", "line": "0", "event": ORDER_COMPLETED, "order_id": "1", "user_id": "u1", "item_id": "milk",
    "quantity": "2", "price": "199", "currency": "EUR", "occurred_at": "2026-05-01T10:00:00Z",
}  # fmt: skip
KEY = ["event_id", "line"]


def bring(folder: Path, file: Path):
    return import_events(Settings(data_dir=folder / "data"), file, Silent(), now=NOW)


def log(folder: Path) -> pl.DataFrame:
    return scan_events(Settings(data_dir=folder / "data"), synthetic=True).collect().sort(KEY)


def write_csv(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_jsonl(file: Path, rows: list[dict[str, object]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_each_kind_of_file_gives_the_same_events(tmp_path, kind):
    rows = [ORDER, {**ORDER, "line": "1", "item_id": "bread"}]
    file = tmp_path / f"orders.{kind}"
    if kind == "csv":
        write_csv(file, rows)
    elif kind == "jsonl":
        write_jsonl(file, [{**row, "line": int(row["line"]), "quantity": 2} for row in rows])
    else:
        pl.DataFrame(rows).with_columns(
            pl.col("line").cast(pl.Int64), pl.col("occurred_at").str.to_datetime(time_zone="UTC")
        ).write_parquet(file)
    report = bring(tmp_path, file)
    assert (report.accepted, report.duplicates, report.rejected, report.rejected_file) == (2, 0, 0, None)
    first = log(tmp_path).row(0, named=True)
    assert first["occurred_at"] == first["received_at"] == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert (first["quantity"], first["price"], first["synthetic"], first["store_id"]) == (2.0, 199, False, None)


def test_the_log_can_be_imported_as_it_is(tmp_path):
    whole = pl.DataFrame(
        [{**dict.fromkeys(EVENT_COLUMNS), "event_id": "e", "line": 3, "event": PRODUCT_VIEWED, "user_id": "u",
          "item_id": "i", "consent": ["analytics"], "synthetic": False, "occurred_at": NOW, "received_at": NOW,
          "properties": '{"a": 1}', "propensity": 0.25, "position": 0}],
        schema=EVENT_COLUMNS,
    )  # fmt: skip
    whole.write_parquet(tmp_path / "log.parquet")
    assert bring(tmp_path, tmp_path / "log.parquet").accepted == 1
    assert log(tmp_path).equals(whole)


def test_an_event_that_the_log_has_is_a_duplicate(tmp_path):
    file = write_csv(tmp_path / "orders.csv", [ORDER])
    bring(tmp_path, file)
    other_name = write_csv(tmp_path / "again.csv", [ORDER, {**ORDER, "event_id": "o2"}])
    report = bring(tmp_path, other_name)
    assert (report.accepted, report.duplicates) == (1, 1)
    assert log(tmp_path)["event_id"].to_list() == ["o1", "o2"]


def test_importing_again_after_part_of_a_day_was_erased_keeps_the_rest(tmp_path):
    file = write_csv(tmp_path / "orders.csv", [ORDER, {**ORDER, "event_id": "o2"}])
    bring(tmp_path, file)
    [stored] = (tmp_path / "data" / "events").rglob("*.parquet")
    pl.read_parquet(stored, hive_partitioning=False).filter(pl.col("event_id") == "o1").write_parquet(stored)
    assert bring(tmp_path, file).accepted == 1
    assert log(tmp_path)["event_id"].to_list() == ["o1", "o2"]


def test_refused_rows_lie_beside_the_file_and_can_be_corrected(tmp_path):
    file = write_csv(tmp_path / "orders.csv", [ORDER, {**ORDER, "event_id": "o2", "quantity": "0"}])
    report = bring(tmp_path, file)
    assert report.rejected_file == tmp_path / "orders.csv.rejected.csv"
    text = report.rejected_file.read_text()
    assert "2,quantity is not above 0,o2," in text
    report.rejected_file.write_text(text.replace(",milk,0,", ",milk,1,"))
    corrected = bring(tmp_path, report.rejected_file)
    assert (corrected.accepted, corrected.rejected) == (1, 0)


def test_a_later_import_without_refused_rows_takes_the_old_ones_away(tmp_path):
    file = write_csv(tmp_path / "orders.csv", [{**ORDER, "price": "-1"}])
    old = bring(tmp_path, file).rejected_file
    write_csv(file, [ORDER])
    assert bring(tmp_path, file).rejected_file is None
    assert not old.exists()


def test_lines_that_have_no_form_are_refused_one_by_one(tmp_path):
    good = json.dumps(ORDER)
    file = tmp_path / "orders.jsonl"
    file.write_bytes(f'{good}\n{{broken\n[1]\n\n{{"user": 1}}\n'.encode() + b'{"event_id": "\xff"}\n')
    report = bring(tmp_path, file)
    assert (report.accepted, report.rejected) == (1, 4)
    refused = [json.loads(line) for line in report.rejected_file.read_text().splitlines()]
    assert [row["row"] for row in refused] == [2, 3, 4, 5]
    assert refused[2]["reason"] == "unknown field 'user'"
    assert refused[3]["reason"] == "event_id is not UTF-8"


def test_a_csv_row_of_another_width_is_refused(tmp_path):
    file = write_csv(tmp_path / "orders.csv", [ORDER])
    with file.open("a") as opened:
        opened.write("o2,0\n" + ",".join(["x"] * (len(ORDER) + 1)) + "\n")
    assert (bring(tmp_path, file).accepted, bring(tmp_path, file).rejected) == (1, 2)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("none.csv", None, "no file"),
        ("orders.txt", b"x", "none of"),
        ("empty.csv", b"", "empty"),
        ("typo.csv", b"event_id,ocurred_at\n", "ocurred_at"),
        ("twice.csv", b"event_id,event_id\n", "twice"),
        ("broken.parquet", b"PAR1 and no more", "truncated"),
    ],
)
def test_a_file_that_cannot_be_used_imports_nothing(tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=problem):
        bring(tmp_path, tmp_path / name)
    assert log(tmp_path).is_empty()
    assert list((tmp_path / "data").iterdir()) == []


def test_a_truncated_parquet_file_imports_nothing(tmp_path):
    file = tmp_path / "orders.parquet"
    pl.DataFrame([ORDER] * 1000).write_parquet(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InvalidInput, match="truncated"):
        bring(tmp_path, file)
    assert log(tmp_path).is_empty()


def test_a_damaged_log_stops_an_import(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    file = write_csv(tmp_path / "orders.csv", [ORDER])
    bring(tmp_path, file)
    [stored] = write_events(settings, log(tmp_path), "other")
    stored.write_bytes(b"PAR1")
    with pytest.raises(InvalidInput, match="other"):
        bring(tmp_path, file)


good = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["a", "b", "c", "d"]),
        "line": st.sampled_from(["", "0", "1"]),
        "item_id": st.sampled_from(["milk", "é🧀"]),
    }
)
bad = st.sampled_from(
    [{"quantity": "-1"}, {"occurred_at": "soon"}, {"event": "Slept"}, {"user_id": ""}, {"price": "1.5"},
     {"event_id": " "}, {"occurred_at": (NOW + timedelta(hours=1)).isoformat()}]
)  # fmt: skip
file_rows = st.lists(st.tuples(good, st.one_of(st.just({}), bad)), min_size=1, max_size=8)


@given(file_rows, st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=25)
def test_rows_are_accepted_duplicates_or_rejected_in_any_order_and_any_number_of_times(drawn, random):
    rows = [{**ORDER, **fits, **spoils} for fits, spoils in drawn]
    for row in rows:  # the same key always means the same event
        row["item_id"] = "milk" if row["event_id"] in "ab" else row["item_id"] and "é🧀"
    shuffled = random.sample(rows, len(rows))
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        folder, other = Path(first), Path(second)
        report = bring(folder, write_csv(folder / "f.csv", rows))
        again = bring(folder, folder / "f.csv")
        reordered = bring(other, write_csv(other / "f.csv", shuffled))
        assert report.accepted + report.duplicates + report.rejected == len(rows)
        assert (again.accepted, again.rejected) == (0, report.rejected)
        assert report == type(report)(
            accepted=reordered.accepted, duplicates=reordered.duplicates, rejected=reordered.rejected,
            rejected_file=report.rejected_file,
        )  # fmt: skip
        assert report.rejected == sum(bool(spoils) for _, spoils in drawn)
        assert log(folder).equals(log(other))
        assert log(folder).select(KEY).is_duplicated().sum() == 0
