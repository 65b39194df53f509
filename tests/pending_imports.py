"""Large imports that count already, and whose rows have not been moved yet."""

from collections.abc import Sequence

from sqlalchemy import Engine

from features.audit import SYSTEM, Entry
from features.sql import staging
from recommender.catalogue import CatalogueItem

ENTRY = Entry(SYSTEM, "catalogue.import", "items")


def pending_import(engine: Engine, rows: Sequence[CatalogueItem], facts: Sequence[str]) -> int:
    """A large import whose process died just after it became visible. Returns its change number."""
    number = staging._open_import(engine, facts)
    with staging.writing(engine) as write:
        staging._stage(write.connection, rows, number, {})
    return staging._show(engine, number, ENTRY)
