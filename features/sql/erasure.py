"""Takes a person out of the database: rows of theirs go, digests say what must be remembered."""

from collections.abc import Collection, Sequence
from time import sleep

from sqlalchemy import ColumnElement, Connection, Engine, String, Table, cast, delete, insert, or_, select, text, update

from features.identity import USER_ID, Identifier
from features.privacy.suppression import digest_of
from features.sql.block_store import erase_blocks
from features.sql.engine import outside_transactions
from features.sql.identity_rows import named_as, read_nodes
from features.sql.tables.campaigns import segment_members
from features.sql.tables.consents import consent_entries
from features.sql.tables.email import email_blocks, email_swaps
from features.sql.tables.people import identifiers, identity_edges, identity_merges, profile_traits
from features.sql.tables.preferences import preference_entries
from features.sql.tables.privacy import erased_consents, privacy_requests

AT_ONCE = 500  # numbers in one condition
CHECKPOINT_TRIES = 100


def erase_person(connection: Connection, named: Sequence[Identifier], secret: bytes) -> dict[str, int]:
    """Delete all rows that name one of these identifiers, and what says no more without them; counts by table."""
    numbers = [node.number for node in read_nodes(connection, list(named)).values()]
    counts = {profile_traits.name: 0, identity_edges.name: 0, identity_merges.name: 0, identifiers.name: 0}
    counts[consent_entries.name] = _erase_consents(connection, named, secret)
    chosen = or_(*named_as(named, preference_entries.c.kind, preference_entries.c.value))
    counts[preference_entries.name] = _delete(connection, preference_entries, chosen)
    users = [value for kind, value in named if kind == USER_ID]
    counts[segment_members.name] = _delete(connection, segment_members, segment_members.c.user_id.in_(users))
    counts |= erase_blocks(connection, users)
    edges, merges = identity_edges.c, identity_merges.c
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        counts[profile_traits.name] += _delete(connection, profile_traits, profile_traits.c.identifier_number.in_(some))
        theirs = or_(edges.a.in_(some), edges.b.in_(some))
        made = set(connection.execute(select(edges.merge_number).where(theirs)).scalars())
        counts[identity_edges.name] += _delete(connection, identity_edges, theirs)
        # Also those whose edges were made anew since: the record of a merge lists numbers, and may say why in words.
        listed = cast(merges.edges, String)
        spelled = or_(*(listed.contains(form) for number in some for form in (f"[{number}, ", f", {number}]")))
        made |= set(connection.execute(select(merges.merge_number).where(spelled)).scalars())
        still = set(connection.execute(select(edges.merge_number).where(edges.merge_number.in_(made))).scalars())
        gone = or_(merges.merge_number.in_(made - still), merges.undoes.in_(made - still))
        counts[identity_merges.name] += _delete(connection, identity_merges, gone)
        counts[identifiers.name] += _delete(connection, identifiers, identifiers.c.identifier_number.in_(some))
    return counts


def forget_requests(connection: Connection, named: Sequence[Identifier], secret: bytes) -> int:
    """Take the names out of all requests of a person; that there were some, and when, stays."""
    listed = cast(privacy_requests.c.digests, String)
    theirs = or_(*(listed.contains(digest_of(one, secret)) for one in named))
    blank = {"subject": None, "reason": ""}
    return connection.execute(update(privacy_requests).where(theirs).values(blank)).rowcount


def scrub_file(engine: Engine) -> bool:
    """Leave nothing of deleted rows in the database's file; False where its owner has to see to it (PostgreSQL: its
    autovacuum reuses the space, its log and its backups age as they are set up to).
    """
    if engine.dialect.name != "sqlite":
        return False
    with outside_transactions(engine) as connection:
        connection.execute("VACUUM")
        for _ in range(CHECKPOINT_TRIES):
            is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not is_busy:
                return True
            sleep(0.05)  # a reader holds on to an old state for a moment
        return False


def vacuum(engine: Engine) -> None:
    """Free the rows of what was deleted from PostgreSQL's tables now, instead of when it gets round to it."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in (
                identifiers,
                identity_edges,
                identity_merges,
                profile_traits,
                consent_entries,
                preference_entries,
                segment_members,
                email_blocks,
                email_swaps,
                privacy_requests,
            ):
                connection.execute(text(f"VACUUM {table.name}"))


def _erase_consents(connection: Connection, named: Collection[Identifier], secret: bytes) -> int:
    entries = consent_entries.c
    theirs = or_(*named_as(named, entries.kind, entries.value))
    rows = [
        {
            "digest": digest_of((row.kind, row.value), secret), "purpose": row.purpose, "state": row.state,
            "notice_version": row.notice_version[:200], "occurred_at": row.occurred_at,
        }
        for row in connection.execute(select(consent_entries).where(theirs).order_by(entries.id))
    ]  # fmt: skip
    if rows:
        connection.execute(insert(erased_consents), rows)
    return _delete(connection, consent_entries, theirs)


def _delete(connection: Connection, table: Table, where: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(where)).rowcount
