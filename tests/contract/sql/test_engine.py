"""The schema and the change number, on both databases."""

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, insert, select

from features.sql.catalogue_store import CatalogueStore
from features.sql.changes import read_changes
from features.sql.engine import BUSY_SECONDS, MOST_BYTES, engine_of, exclusive, migrate, reading, writing
from features.sql.placement_store import PlacementStore
from features.sql.tables.base import REVISION, change_counter, metadata
from features.sql.tables.places import stores
from recommender.errors import StoreUnavailable
from recommender.ids import PlacementId
from tests.builders import item


def test_the_migrated_schema_is_the_one_that_the_code_speaks_of(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, metadata) == []


def test_the_code_names_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "features.sql:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_all_connections_of_a_process_to_sqlite_keep_pages_within_one_limit(tmp_path: Path) -> None:
    engine = engine_of(f"sqlite:///{tmp_path / 'new.sqlite'}")
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            assert connection.exec_driver_sql("PRAGMA soft_heap_limit").scalar() == MOST_BYTES
    engine.dispose()


def test_a_connection_waits_for_others_as_its_present_use_has_to(tmp_path: Path) -> None:
    """Who writes asks again and again by itself, see BUSY_PAUSE_SECONDS; who reads lets SQLite wait."""
    engine = engine_of(f"sqlite:///{tmp_path / 'new.sqlite'}")
    for _ in range(2):  # over the one connection of the pool
        with exclusive(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 0
        with reading(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == BUSY_SECONDS * 1000
    engine.dispose()


def _migrate(url: str) -> None:
    migrate(engine_of(url))


def test_many_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    processes = multiprocessing.get_context("fork")
    with processes.Pool(4) as pool:
        pool.map(_migrate, [url] * 8, chunksize=1)
    with engine_of(url).connect() as connection:
        assert connection.execute(select(change_counter.c.change_number)).scalar_one() == 0


def test_whoever_opens_a_new_file_waits_until_others_let_go_of_it(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    with ThreadPoolExecutor(1) as threads, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # as in the middle of a switch to the write-ahead log
        migrated = threads.submit(_migrate, f"sqlite:///{path}")
        with pytest.raises(TimeoutError):
            migrated.result(timeout=0.2)
        other.execute("COMMIT")
        assert migrated.result() is None


def test_an_undone_write_leaves_no_change_number(engine: Engine) -> None:
    store = {"store_id": "s", "name": "S", "timezone": "UTC", "market": "m", "deleted": False}

    def write_and_fail() -> None:
        with writing(engine) as write:
            write.connection.execute(insert(stores), {**store, "change_number": write.change_number})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert CatalogueStore(engine).change_number() == 0
    with engine.connect() as connection:
        assert connection.execute(select(stores)).all() == []


def test_a_database_that_is_not_there_is_said_so() -> None:
    nowhere = engine_of("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable):
        CatalogueStore(nowhere).read_all()


def test_a_reader_who_polls_misses_no_change_of_many_writers(engine: Engine) -> None:
    items, placements = CatalogueStore(engine), PlacementStore(engine)
    done = Event()

    def write(writer: int) -> None:
        for turn in range(8):
            items.put(item(writer, price=turn))
            placements.put(PlacementId(f"p{writer}"), {"turn": turn})

    def follow() -> dict[str, object]:
        seen: dict[str, object] = {}
        after, last = 0, False
        while not last:
            last = done.is_set()
            changes = read_changes(engine, after)
            seen |= {one.item_id: one.price for one in changes.items} | dict(changes.placements)
            assert changes.change_number >= after
            after = changes.change_number
        return seen

    with ThreadPoolExecutor(6) as threads:
        reader = threads.submit(follow)
        for writer in [threads.submit(write, writer) for writer in range(5)]:
            writer.result()
        done.set()
        seen = reader.result()
    assert seen == {f"i{n}": 7 for n in range(5)} | {f"p{n}": {"turn": 7} for n in range(5)}
