from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from features.events.log import remove_events, scan_events, write_events
from features.events.schema import EVENT_COLUMNS, PRODUCT_VIEWED, empty_events
from features.settings import Settings
from recommender.errors import InvalidInput

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def views(*event_ids: str, days_later: int = 0, synthetic: bool = False) -> pl.DataFrame:
    at = NOON + timedelta(days=days_later)
    rows = [
        {"event_id": event_id, "line": 0, "event": PRODUCT_VIEWED, "synthetic": synthetic, "occurred_at": at,
         "received_at": at}
        for event_id in event_ids
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=EVENT_COLUMNS)


def ids(settings: Settings, *, synthetic: bool = False) -> list[str]:
    return sorted(scan_events(settings, synthetic=synthetic).collect()["event_id"])


def test_an_empty_log_has_all_columns(settings):
    assert scan_events(settings).collect_schema() == EVENT_COLUMNS
    assert ids(settings) == []


def test_events_lie_in_the_folder_of_the_day_they_were_received(settings):
    files = write_events(settings, pl.concat([views("a"), views("b", days_later=1)]), "some")
    assert [file.relative_to(settings.events_dir).as_posix() for file in files] == [
        "received=2026-01-05/some.parquet",
        "received=2026-01-06/some.parquet",
    ]
    assert ids(settings) == ["a", "b"]
    assert scan_events(settings).collect_schema() == EVENT_COLUMNS


def test_the_same_events_under_the_same_name_change_nothing(settings):
    write_events(settings, views("a", "b"), "some")
    write_events(settings, views("a", "b"), "some")
    assert ids(settings) == ["a", "b"]


def test_invented_events_are_read_only_when_asked_for(settings):
    write_events(settings, views("real"), "real")
    write_events(settings, views("invented", synthetic=True), "invented")
    assert ids(settings) == ["real"]
    assert ids(settings, synthetic=True) == ["invented", "real"]


def test_a_file_can_be_dropped(settings):
    write_events(settings, views("real"), "real")
    write_events(settings, views("invented", synthetic=True), "invented")
    assert remove_events(settings, "invented") == 1
    assert ids(settings, synthetic=True) == ["real"]


def test_a_truncated_file_is_named(settings):
    [file] = write_events(settings, views("a"), "some")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(InvalidInput, match=r"some\.parquet is truncated") as caught:
        scan_events(settings)
    assert caught.value.remedy


def test_a_file_with_other_columns_is_named(settings):
    [file] = write_events(settings, views("a"), "some")
    views("a").drop("consent").write_parquet(file)
    with pytest.raises(InvalidInput, match=r"some.parquet.*consent"):
        scan_events(settings)


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (views("a").drop("consent"), "consent"),
        (views("a").with_columns(pl.col("line").cast(pl.Int64)), "line"),
        (views("a").with_columns(received_at=pl.lit(None, dtype=EVENT_COLUMNS["received_at"])), "received_at"),
    ],
)
def test_events_that_do_not_fit_the_log_are_refused(settings, frame, named):
    with pytest.raises(InvalidInput, match=named):
        write_events(settings, frame, "some")
    assert ids(settings) == []


def test_a_write_that_fails_leaves_nothing(settings, monkeypatch):
    def full_disk(frame, file, **_options):
        Path(file).write_bytes(b"half")
        if "2026-01-06" in str(file):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_events(settings, pl.concat([views("a"), views("b", days_later=1)]), "some")
    assert [path for path in settings.events_dir.rglob("*") if path.is_file()] == []


def test_no_events_write_no_file(settings):
    assert write_events(settings, empty_events(), "none") == []


def test_days_before_the_first_one_wanted_are_not_even_opened(settings):
    [early, _] = write_events(settings, pl.concat([views("a"), views("b", days_later=1)]), "some")
    early.write_bytes(b"damaged")
    later = scan_events(settings, since=(NOON + timedelta(days=1)).date())
    assert later.collect()["event_id"].to_list() == ["b"]
    with pytest.raises(InvalidInput):
        scan_events(settings)
