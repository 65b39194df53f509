"""Rows of the database about one person, table by table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, cast, or_, select

from features.identity import USER_ID, Identifier
from features.privacy.suppression import digest_of
from features.sql.identity_rows import named_as, read_nodes
from features.sql.tables.consents import consent_entries
from features.sql.tables.email import email_blocks, email_swaps
from features.sql.tables.people import identifiers, identity_edges, identity_merges, profile_traits
from features.sql.tables.preferences import preference_entries
from features.sql.tables.privacy import erased_consents, privacy_requests, suppressions

NOT_SHOWN = {"idempotency", "body", "digests", "change_number", "reply"}


def rows_about(
    connection: Connection, named: Sequence[Identifier], secret: bytes
) -> dict[str, Sequence[Mapping[str, Any]]]:
    """All rows about a person, by `table <name>`; columns as docs/privacy.md explains them."""
    numbers = [node.number for node in read_nodes(connection, list(named)).values()]
    digests = [digest_of(one, secret) for one in named]
    edges = or_(identity_edges.c.a.in_(numbers), identity_edges.c.b.in_(numbers))
    made = select(identity_edges.c.merge_number).where(edges)
    mails = email_blocks.c.user_id.in_([value for kind, value in named if kind == USER_ID])
    refs = select(email_blocks.c.block_ref).where(mails)
    requests = cast(privacy_requests.c.digests, String)
    wheres: Iterable[tuple[Table, ColumnElement[bool]]] = (
        (identifiers, identifiers.c.identifier_number.in_(numbers)),
        (identity_edges, edges),
        (identity_merges, or_(identity_merges.c.merge_number.in_(made), identity_merges.c.undoes.in_(made))),
        (profile_traits, profile_traits.c.identifier_number.in_(numbers)),
        (consent_entries, or_(*named_as(named, consent_entries.c.kind, consent_entries.c.value))),
        (preference_entries, or_(*named_as(named, preference_entries.c.kind, preference_entries.c.value))),
        (email_blocks, mails),
        (email_swaps, email_swaps.c.block_ref.in_(refs)),
        (privacy_requests, or_(*(requests.contains(digest) for digest in digests))),
        (suppressions, suppressions.c.digest.in_(digests)),
        (erased_consents, erased_consents.c.digest.in_(digests)),
    )
    return {f"table {table.name}": _rows(connection, table, where) for table, where in wheres}


def _rows(connection: Connection, table: Table, where: ColumnElement[bool]) -> Sequence[Mapping[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in NOT_SHOWN and value is not None}
        for row in connection.execute(select(table).where(where)).mappings()
    ]
