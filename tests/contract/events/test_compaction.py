import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events import compaction
from features.events.compaction import FILES_TO_MERGE, LINGER, compact
from features.events.log import log_files, scan_events, write_events
from features.events.log_names import CountingFiles, StreamId, StreamRange, range_of, split_merged
from features.events.schema import EVENT_COLUMNS
from features.settings import Settings

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NEXT_DAY = NOON + timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def place(first: int, last: int, stream: str = "abcdef01") -> StreamRange:
    return StreamRange(stream, StreamId(first, 0), StreamId(last, 0))


def write(settings: Settings, name: str, *event_ids: str) -> Path:
    rows = [
        {"event_id": event_id, "line": 0, "event": "Product Viewed", "synthetic": False, "occurred_at": NOON,
         "received_at": NOON}
        for event_id in event_ids
    ]  # fmt: skip
    [file] = write_events(settings, pl.DataFrame(rows, schema=EVENT_COLUMNS), name)
    return file


def ids(settings: Settings) -> list[str]:
    return scan_events(settings).collect()["event_id"].sort().to_list()


def test_a_day_that_is_over_becomes_one_file_of_each_stream_and_imports_stay(settings):
    for number in range(3):
        write(settings, place(number, number).drained_name, f"a{number}")
        write(settings, place(number, number, "abcdef02").drained_name, f"b{number}")
    write(settings, "import-1", "c")
    assert compact(settings, NEXT_DAY) == 6
    assert [file.stem for file in log_files(settings)] == [
        "import-1", place(0, 2).merged_name, place(0, 2, "abcdef02").merged_name
    ]  # fmt: skip
    assert ids(settings) == ["a0", "a1", "a2", "b0", "b1", "b2", "c"]
    assert compact(settings, NEXT_DAY) == 0


def test_today_is_merged_when_many_files_have_piled_up(settings):
    for number in range(FILES_TO_MERGE - 1):
        write(settings, place(number, number).drained_name, f"{number:03}")
    assert compact(settings, NOON) == 0
    write(settings, place(100, 100).drained_name, "last")
    assert compact(settings, NOON) == FILES_TO_MERGE
    assert len(log_files(settings)) == 1
    assert len(ids(settings)) == FILES_TO_MERGE


def test_merged_files_go_only_when_nobody_can_be_reading_them(settings):
    small = [write(settings, place(number, number).drained_name, f"{number}") for number in range(3)]
    long_ago = (datetime.now(UTC) - 2 * LINGER).timestamp()
    for file in small:
        os.utime(file, (long_ago, long_ago))
    read_before = scan_events(settings)
    now = datetime.now(UTC)
    compact(settings, now)
    compact(settings, now)
    assert len(read_before.collect()) == 3
    assert all(file.exists() for file in small)
    compact(settings, now + LINGER + timedelta(seconds=1))
    assert not any(file.exists() for file in small)
    assert ids(settings) == ["0", "1", "2"]


def test_a_drain_that_paused_and_writes_again_what_was_merged_changes_nothing(settings):
    for number in range(3):
        write(settings, place(number, number).drained_name, f"{number}")
    compact(settings, NEXT_DAY)
    write(settings, place(1, 1).drained_name, "1")
    assert ids(settings) == ["0", "1", "2"]
    assert compact(settings, NEXT_DAY) == 0


def test_a_merge_that_was_cut_off_is_repeated_and_its_rest_removed(settings):
    files = [write(settings, place(number, number).drained_name, f"{number}") for number in range(2)]
    half = files[0].with_name(f"{place(0, 1).merged_name}.0123.partial")
    half.write_bytes(b"half")
    long_ago = (datetime.now(UTC) - 2 * LINGER).timestamp()
    os.utime(half, (long_ago, long_ago))
    assert compact(settings, datetime.now(UTC)) == 2
    assert not half.exists()
    assert ids(settings) == ["0", "1"]


def test_readers_in_the_midst_of_merging_find_each_row_once(settings, monkeypatch):
    monkeypatch.setattr(compaction, "FILES_TO_MERGE", 4)
    wrong: list[list[str]] = []
    written, stop = ["000"], Event()
    write(settings, place(0, 0).drained_name, "000")

    def read() -> None:
        while not stop.is_set():
            least = len(written)
            found = ids(settings)
            if len(found) != len(set(found)) or len(found) < least:
                wrong.append(found)

    reader = Thread(target=read)
    reader.start()
    for number in range(1, 40):
        write(settings, place(number, number).drained_name, f"{number:03}")
        written.append(f"{number:03}")
        compact(settings, NOON)
    stop.set()
    reader.join()
    assert not wrong
    assert ids(settings) == written


@given(st.integers(0, 10**14), st.integers(0, 10**6), st.integers(0, 10**14), st.integers(0, 10**6))
def test_names_tell_their_range(first_ms, first_sequence, last_ms, last_sequence):
    held = StreamRange("0123abcd", StreamId(first_ms, first_sequence), StreamId(last_ms, last_sequence))
    assert range_of(f"{held.drained_name}.parquet") == held
    assert range_of(f"{held.merged_name}.parquet") == held
    assert StreamRange.parse(str(held)) == held


def test_only_what_a_merged_file_holds_is_left_out():
    files = [
        f"{name}.parquet"
        for name in (
            place(0, 5).merged_name, place(0, 9).merged_name, place(3, 4).drained_name, place(9, 10).drained_name,
            place(3, 4, "abcdef02").drained_name, "import-7",
        )
    ]  # fmt: skip
    count, superseded = split_merged(files)
    assert {file: set(holders) for file, holders in superseded.items()} == {
        files[0]: {files[1]}, files[2]: {files[0], files[1]}
    }  # fmt: skip
    assert count == [files[1], *files[3:]]


_RANGES = st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9), st.sampled_from(["abcdef01", "abcdef02"]))


@given(st.sets(_RANGES, max_size=12))
def test_what_is_left_out_is_what_some_merged_file_contains(drawn):
    files = list[str]()
    for is_merged, one, other, stream in drawn:
        held = place(min(one, other), max(one, other), stream)
        files.append(f"{held.merged_name if is_merged else held.drained_name}.parquet")
    files = list(dict.fromkeys(files))
    wide = {file: range_of(file) for file in files if file.startswith("merged-")}
    expected = {
        file: holders
        for file in files
        if (holders := {wider for wider, held in wide.items() if wider != file and held.contains(range_of(file))})
    }
    count, superseded = split_merged(files)
    assert {file: set(holders) for file, holders in superseded.items()} == expected
    assert count == [file for file in files if file not in expected]


def names_of(drawn: set[tuple[bool, int, int, str]]) -> list[str]:
    held = [(is_merged, place(min(one, other), max(one, other), stream)) for is_merged, one, other, stream in drawn]
    return sorted({f"{range_.merged_name if is_merged else range_.drained_name}.parquet" for is_merged, range_ in held})


@given(st.lists(st.sets(_RANGES, max_size=8), max_size=6))
def test_whatever_came_and_went_the_same_files_count_as_for_who_looks_the_first_time(days):
    files = CountingFiles()
    for drawn in days:
        assert files.among(names_of(drawn)) == split_merged(names_of(drawn))[0]


def test_what_lingers_of_an_hour_is_not_looked_at_every_two_seconds():
    """Three hours of a file every two seconds; every minute thirty are merged, and go an hour later."""
    files, drained, merged, looked_at = CountingFiles(), list[str](), list[str](), list[int]()
    for number in range(3 * 1_800):
        drained.append(f"{place(number, number).drained_name}.parquet")
        if number % 30 == 29:
            merged.append(f"{place(number - 29, number).merged_name}.parquet")
            drained = drained[-1_830:]
        before = sum(range_of.cache_info()[:2])
        count = files.among(drained + merged)
        looked_at.append(sum(range_of.cache_info()[:2]) - before)
        assert len(count) == len(merged) + (number + 1) % 30
    assert max(looked_at) <= len(merged) + 2 * 30


def test_the_files_of_an_hour_are_not_written_again_every_minute(settings):
    """What was merged waits until as many merged files lie beside it."""
    for number in range(3 * FILES_TO_MERGE):
        write(settings, place(number, number).drained_name, f"{number:03}")
        compact(settings, NOON)
    merged = [file for file in log_files(settings) if file.name.startswith("merged-")]
    assert [range_of(file.name) for file in merged] == [
        place(FILES_TO_MERGE * step, FILES_TO_MERGE * (step + 1) - 1) for step in range(3)
    ]
    assert len(ids(settings)) == 3 * FILES_TO_MERGE
