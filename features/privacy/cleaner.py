"""Who was erased, for jobs that add to the log beside the service."""

from sqlalchemy import inspect

from features.identity import read_secret
from features.privacy.rows import RowCleaner
from features.privacy.suppression import Suppressions
from features.settings import Settings
from features.sql.engine import open_engine, reading
from features.sql.privacy_store import read_suppressions
from features.sql.tables.privacy import suppressions as table


def read_known_suppressions(settings: Settings) -> Suppressions:
    """Who is suppressed now; nobody where the database was not set up yet. Raises StoreUnavailable."""
    secret = read_secret(settings)
    known = Suppressions(lambda: secret)
    if settings.database_url is None and not (settings.data_dir / "recommender.sqlite").exists():
        return known
    engine = open_engine(settings)
    try:
        with reading(engine) as connection:
            if inspect(connection).has_table(table.name):
                known.take(read_suppressions(connection))
    finally:
        engine.dispose()
    return known


def read_cleaner(settings: Settings) -> RowCleaner:
    """What takes them out of rows."""
    secret = read_secret(settings)
    return RowCleaner(read_known_suppressions(settings).is_erased, secret)
