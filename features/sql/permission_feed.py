"""What was said on consents and preferences, in the order it was written down: nothing is skipped, nothing comes late.

Writers raise the change number first and hold its lock until they commit, so numbers become visible in order; within
one, consents come before preferences, each in the order of their rows.
"""

import base64
import binascii
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, and_, or_, select

from features.sql.consent_store import entry_of
from features.sql.engine import read_change_number, reading
from features.sql.preference_store import preference_of
from features.sql.tables.consents import consent_entries
from features.sql.tables.preferences import preference_entries
from recommender.consent import Entry
from recommender.errors import InvalidInput
from recommender.preferences import Preference

LARGEST = 2**62


class Position(NamedTuple):
    """A place in the feed: after the row `id` of the table of that `rank`, of a change number."""

    change_number: int = 0
    rank: int = 0
    id: int = 0

    def __str__(self) -> str:
        """As callers see it: opaque, of letters and digits, - and _."""
        text = f"{self.change_number}.{self.rank}.{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


START = Position()
_CONSENTS, _PREFERENCES, _END = 0, 1, 2

Said = Entry | Preference


def parse_position(cursor: str) -> Position:
    """The place that a cursor of ours stands for; raises InvalidInput for any other text."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        numbers = [int(part) for part in text.split(".") if part.isdigit()]
        found = Position(*numbers)
    except (binascii.Error, ValueError, TypeError):
        found = None
    if found is None or str(found) != cursor or max(found) > LARGEST:
        raise InvalidInput(
            "this cursor is none of ours", field="after", remedy="Send `next` of an earlier answer, or leave it out."
        )
    return found


def read_feed(
    engine: Engine, after: Position, limit: int, until: Position | None = None
) -> list[tuple[Position, Said]]:
    """The first `limit` changes after a place (up to another, included), each with its own place."""
    with reading(engine) as connection:
        consents = _read(connection, consent_entries, _CONSENTS, after, limit)
        preferences = _read(connection, preference_entries, _PREFERENCES, after, limit)
    found: list[tuple[Position, Said]] = [(place, entry_of(row)) for place, row in consents]
    found += [(place, preference_of(row)) for place, row in preferences]
    found.sort(key=lambda one: one[0])
    return [one for one in found[:limit] if until is None or one[0] <= until]


def read_end(engine: Engine) -> Position:
    """The place after all that is written now."""
    with reading(engine) as connection:
        return Position(read_change_number(connection), _END)


def _read(
    connection: Connection, table: Table, rank: int, after: Position, limit: int
) -> list[tuple[Position, Row[*tuple[Any, ...]]]]:
    here: ColumnElement[bool] = table.c.change_number == after.change_number
    if after.rank == rank:
        later = or_(table.c.change_number > after.change_number, and_(here, table.c.id > after.id))
    elif after.rank < rank:
        later = table.c.change_number >= after.change_number
    else:
        later = table.c.change_number > after.change_number
    rows = connection.execute(select(table).where(later).order_by(table.c.change_number, table.c.id).limit(limit))
    return [(Position(row.change_number, rank, row.id), row) for row in rows]
