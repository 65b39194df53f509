"""Whether the audit trail is what was sealed: what was changed, removed, inserted or put elsewhere shows."""

from dataclasses import dataclass

from sqlalchemy import Engine

from features.audit import GENESIS, seal_of
from features.sql.audit_store import count_waiting, read_chain
from features.sql.engine import reading

MOST_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """What a look at the whole chain found.

    Attributes:
        head: the last sequence, 0 of an empty chain.
        seal: the last seal; whoever keeps it elsewhere can tell later that nothing up to here was rewritten or cut off.
        waiting: entries that are not sealed yet.
        faults: in the order of the chain, the first MOST_FAULTS of them.
    """

    head: int
    seal: str
    waiting: int
    faults: tuple[str, ...]


def check_audit(engine: Engine, anchor: str | None = None) -> AuditCheck:
    """Compute every seal anew; `anchor` is a seal that was noted before. Raises StoreUnavailable."""
    faults, place, previous, found = list[str](), 0, GENESIS, anchor is None or anchor == GENESIS
    with reading(engine) as connection:
        for entry in read_chain(connection):
            sequence, seal = entry.sequence or 0, entry.seal or ""
            if sequence != place + 1:
                faults.append(f"the entries {place + 1} to {sequence - 1} are missing")
            elif seal != seal_of(entry, sequence, previous):
                faults.append(f"entry {sequence} (number {entry.audit_number}) is not what was sealed at this place")
            place, previous, found = sequence, seal, found or seal == anchor
    if not found:
        faults.append(f"no entry has the seal {anchor}: the chain was cut off or rewritten after it was noted")
    return AuditCheck(head=place, seal=previous, waiting=count_waiting(engine), faults=tuple(faults[:MOST_FAULTS]))
