"""The switch that stops all campaigns at once: in the ledger, so that no worker has to have heard of it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select, update

from features.audit import SYSTEM, Author, Entry
from features.ledger.books import text_of
from features.sql.audit_store import append_audit
from features.sql.engine import reading, writing
from features.sql.tables.halts import halts
from features.sql.tables.ledger import allowances

IN_FORCE = select(halts.c.reason, halts.c.halted_at, halts.c.halted_by).where(halts.c.lifted_at.is_(None))
# In the order in which all who write lock campaigns, so that no two wait for each other.
LOCK_ALL = select(allowances.c.campaign_id).order_by(allowances.c.campaign_id).with_for_update()


@dataclass(frozen=True, slots=True)
class Halt:
    """Why, when (RFC 3339, UTC) and by whom everything was stopped."""

    reason: str
    halted_at: str
    halted_by: str


class HaltStore:
    """While a halt is in force, the ledger issues, reserves and redeems nothing; what is taken back still goes back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self) -> Halt | None:
        """The halt that is in force; None: there is none."""
        with reading(self._engine) as connection:
            return _in_force(connection)

    def halt(self, reason: str, *, by: Author = SYSTEM) -> Halt:
        """Stop everything; who was in the middle of it has ended when this returns. A halt in force stays as it is."""
        with writing(self._engine) as write:
            if (known := _in_force(write.connection)) is not None:
                return known
            made = Halt(reason, text_of(datetime.now(UTC)), by.actor)
            row = {"reason": made.reason, "halted_at": made.halted_at, "halted_by": made.halted_by}
            write.connection.execute(insert(halts).values(**row))
            _set_all(write.connection, halted=True)
            append_audit(write.connection, Entry(by, "campaigns.halt", "campaign", None, {"reason": reason}))
            return made

    def lift(self, reason: str, *, by: Author = SYSTEM) -> None:
        """Let everything go on as each campaign stands; where nothing was stopped, nothing changes."""
        with writing(self._engine) as write:
            if _in_force(write.connection) is None:
                return
            lifted_at = text_of(datetime.now(UTC))
            write.connection.execute(update(halts).where(halts.c.lifted_at.is_(None)).values(lifted_at=lifted_at))
            _set_all(write.connection, halted=False)
            append_audit(write.connection, Entry(by, "campaigns.resume", "campaign", None, {"reason": reason}))


def _in_force(connection: Connection) -> Halt | None:
    found = connection.execute(IN_FORCE).one_or_none()
    return None if found is None else Halt(*found)


def _set_all(connection: Connection, *, halted: bool) -> None:
    connection.execute(LOCK_ALL).all()
    connection.execute(update(allowances).values(halted=halted))
