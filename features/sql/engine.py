"""The connection to the transactional database: SQLite in the data folder, or PostgreSQL."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import SQLITE_BUSY, OperationalError
from sqlite3 import Connection as SqliteConnection
from threading import Lock
from time import monotonic, sleep
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, column, create_engine, event, inspect, select, table, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import Pool, PoolProxiedConnection

from features.breaker import Breaker
from features.settings import Settings
from features.sql.tables.base import REVISION, change_counter
from features.sql.turns import turns_of
from recommender.errors import StoreUnavailable

BUSY_SECONDS = 30  # how long a writer waits for its turn
BUSY_PAUSE_SECONDS = 0.002  # between two tries; SQLite by itself would make it up to a tenth of a second
CONNECTIONS = 10  # to PostgreSQL that one process keeps; half as many more while it has need of them
REMEDY = "Check DATABASE_URL and that the database runs, then try again."
CACHE_KIB, MOST_BYTES = 4_096, 6 << 20  # pages that SQLite keeps for a connection; all that it keeps in a process
PRIMARY_CODE = 0xFF  # the part of SQLite's extended error codes that says what, without why
# PostgreSQL on a host that does not answer at all: seconds to connect; then milliseconds, and seconds, until a
# connection on which nothing comes any more is given up.
GONE_WITHIN: dict[str, object] = {
    "connect_timeout": 3, "tcp_user_timeout": 5_000, "keepalives_idle": 5, "keepalives_interval": 2,
    "keepalives_count": 2,
}  # fmt: skip
MIGRATION_LOCK = 7_301_194_255  # any number, the same in every process: PostgreSQL's advisory lock of migrations


_BREAKERS, _MAKING = WeakKeyDictionary[Pool, Breaker](), Lock()


def open_engine(settings: Settings) -> Engine:
    """Open the database that the settings name; nothing is connected yet, and the schema is not looked at."""
    if settings.database_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    return engine_of(settings.sql_url)


def engine_of(url: str) -> Engine:
    """Open the database at an SQLAlchemy URL of SQLite or PostgreSQL (psycopg)."""
    if not url.startswith("sqlite"):
        return create_engine(
            url,
            isolation_level="REPEATABLE READ",
            pool_pre_ping=True,
            pool_size=CONNECTIONS,
            max_overflow=CONNECTIONS // 2,
            hide_parameters=True,
            connect_args=GONE_WITHIN,
        )
    # What an error says may come into a log, where nobody's row belongs: so it says nothing of parameters.
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the schema up to date; whichever process comes first does it, the others wait and find it done.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    with _reachable(engine):
        if _is_current(engine):
            return
        # Imported here: it costs a quarter of a second, and almost every start finds the schema up to date.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", "features.sql:migrations")
        with _alone(engine, MIGRATION_LOCK) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


@contextmanager
def opened(settings: Settings) -> Generator[Engine]:
    """The database of a command: its schema up to date, closed at the end; raises StoreUnavailable."""
    engine = open_engine(settings)
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """Read in one snapshot; raises StoreUnavailable when the database is not there."""
    with _reachable(engine), engine.connect() as connection:
        yield connection


@dataclass(frozen=True, slots=True)
class Write:
    """An open writing transaction, and the number that its changes carry."""

    connection: Connection
    change_number: int


@contextmanager
def writing(engine: Engine) -> Generator[Write]:
    """Write in one transaction that raised the change number first; committed at the end, undone by an exception.

    Raising it takes the lock of its row until the commit. So writers follow one another, numbers become visible in
    their order, and a reader who has seen n has seen every change up to n.

    Raises:
        StoreUnavailable: the database is not there, or stays busy for longer than BUSY_SECONDS.
    """
    with _reachable(engine), _begun(engine) as connection:
        raised = update(change_counter).values(change_number=change_counter.c.change_number + 1)
        number = connection.execute(raised.returning(change_counter.c.change_number)).scalar_one()
        yield Write(connection, int(number))


@contextmanager
def exclusive(engine: Engine, lock: int | None = None, *, shares: bool = False) -> Generator[Connection]:
    """Write in one transaction what no worker follows; with a lock, beside no other that takes the same.

    `shares`: it is short, and many of its kind come at once: on SQLite they share commits.

    Raises:
        StoreUnavailable: the database is not there, or stays busy for longer than BUSY_SECONDS.
    """
    with _reachable(engine), _alone(engine, lock, shares=shares) as connection:
        yield connection


@contextmanager
def part(connection: Connection) -> Generator[None]:
    """A part of a transaction: what raises is undone by itself, if the database has not undone everything."""
    connection.exec_driver_sql("SAVEPOINT part")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT part")
        raise


def take_lock(connection: Connection, lock: int) -> None:
    """Until the transaction ends, nobody else has this lock. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock})


def read_change_number(connection: Connection) -> int:
    """The number of the latest committed change; 0 before the first."""
    return int(connection.execute(select(change_counter.c.change_number)).scalar_one())


@contextmanager
def _reachable(engine: Engine) -> Generator[None]:
    breaker = breaker_of(engine)
    if not breaker.lets_through():
        raise StoreUnavailable("The database is known to be gone.", remedy=REMEDY)
    try:
        yield
    except (DBAPIError, PoolTimeout, OperationalError) as error:
        if isinstance(error, DBAPIError):
            if not _means_unavailable(error):
                raise
            if _means_gone(error):
                breaker.failed()
        raise StoreUnavailable(
            f"The database cannot be used now: {str(error).splitlines()[0]}", remedy=REMEDY
        ) from error
    breaker.succeeded()


def breaker_of(engine: Engine) -> Breaker:
    """What knows whether this database is gone."""
    with _MAKING:
        return _BREAKERS.setdefault(engine.pool, Breaker())


def _means_unavailable(error: DBAPIError) -> bool:
    return error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError"}


def _means_gone(error: DBAPIError) -> bool:
    """Whether PostgreSQL is not there: it lost the connection, or gives no code of its own. An SQLite file is there."""
    return error.connection_invalidated or getattr(error.orig, "sqlstate", "") is None


def _is_current(engine: Engine) -> bool:
    written = table("alembic_version", column("version_num"))
    with engine.connect() as connection:
        return inspect(connection).has_table(written.name) and connection.scalar(select(written)) == REVISION


@contextmanager
def _alone(engine: Engine, lock: int | None, *, shares: bool = False) -> Generator[Connection]:
    with _begun(engine, shares=shares) as connection:
        if lock is not None:
            take_lock(connection, lock)
        yield connection


@contextmanager
def _begun(engine: Engine, *, shares: bool = False) -> Generator[Connection]:
    """A transaction that writes. On SQLite it waits for its turn, and may share its commit with those that wait."""
    if engine.dialect.name == "sqlite":
        # Processes are kept apart by SQLite itself.
        with turns_of(engine).writing(_writers(engine), BUSY_SECONDS, shares=shares) as connection:
            yield connection
    else:
        with _writers(engine).begin() as connection:
            yield connection


def _writers(engine: Engine) -> Engine:
    """The same engine, for transactions that write and queue for it."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(writes=True)
    # A writer who waited for its turn must see what the one before it wrote.
    return engine.execution_options(isolation_level="READ COMMITTED")


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    # Transactions are begun by `_begin_sqlite`; the driver itself would leave out the BEGIN before reads and DDL.
    connection.isolation_level = None
    _patiently(connection, "PRAGMA journal_mode=WAL")  # readers never wait for the writer
    # FULL, because consents must outlive a power cut. Without a limit for all connections together they come to three
    # times as much when many are open, which then stays with the process.
    kept = f"cache_size=-{CACHE_KIB}", f"soft_heap_limit={MOST_BYTES}"
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", *kept):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def outside_transactions(engine: Engine) -> Generator[SqliteConnection]:
    """A connection to SQLite outside any transaction, which waits for others as who reads does."""
    connection = engine.raw_connection()
    try:
        yield _prepared_for(connection, is_writer=False)
    finally:
        connection.close()


def _begin_sqlite(connection: Connection) -> None:
    is_writer = bool(connection.get_execution_options().get("writes"))
    driver = _prepared_for(connection.connection, is_writer=is_writer)
    if is_writer:
        # A transaction that reads first and writes later would fail at once if another wrote in between.
        _patiently(driver, "BEGIN IMMEDIATE")
    else:
        driver.execute("BEGIN")


def _prepared_for(connection: PoolProxiedConnection, *, is_writer: bool) -> SqliteConnection:
    """The driver's connection, told how to wait: who writes asks again and again, see BUSY_PAUSE_SECONDS."""
    driver: SqliteConnection = connection.driver_connection  # pyright: ignore[reportAssignmentType] - open
    if connection.info.get("is_writer", False) is not is_writer:
        driver.execute(f"PRAGMA busy_timeout={0 if is_writer else BUSY_SECONDS * 1000}")
        connection.info["is_writer"] = is_writer
    return driver


def _patiently(driver: SqliteConnection, statement: str) -> None:
    """Execute what SQLite refuses at once while another connection is in the way."""
    end = monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute(statement)
        except OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != SQLITE_BUSY or monotonic() > end:
                raise
            sleep(BUSY_PAUSE_SECONDS)
        else:
            return
