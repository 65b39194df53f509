"""Who is one person, for jobs that read the whole log."""

import polars as pl
from sqlalchemy import Connection, func, select, union_all

from features.identity import ANONYMOUS_ID, USER_ID
from features.offline.people import PERSONS
from features.sql.tables.people import identifiers, identity_edges


def read_persons(connection: Connection) -> pl.DataFrame:
    """Identifiers of profiles that have several, as `of_persons` takes them; the least user id stands for the person.

    Identifiers that no user id belongs to are left out, and so are anonymous ids of devices that several people use:
    by itself such an id names nobody.
    """
    column = identifiers.c
    linked = select(column.profile_number).group_by(column.profile_number).having(func.count() > 1)
    edges, one, other = identity_edges.c, identifiers.alias("one"), identifiers.alias("other")
    switches = (
        select(edges.a, edges.b)
        .join_from(identity_edges, one, edges.a == one.c.identifier_number)
        .join(other, edges.b == other.c.identifier_number)
        .where(edges.strength == "seen", edges.removed_at.is_(None), one.c.profile_number != other.c.profile_number)
    ).cte("switches")
    shared = (column.kind == ANONYMOUS_ID) & column.identifier_number.in_(
        union_all(select(switches.c.a), select(switches.c.b))
    )
    rows = connection.execute(
        select(column.kind, column.value, column.profile_number).where(column.profile_number.in_(linked), ~shared)
    ).all()
    named = pl.DataFrame(
        [tuple(row) for row in rows],
        schema={"kind": pl.String(), "value": pl.String(), "profile": pl.Int64()},
        orient="row",
    )
    stands_for = named.filter(pl.col("kind") == USER_ID).group_by("profile").agg(person=pl.col("value").min())
    return named.join(stands_for, on="profile").select(list(PERSONS)).sort("kind", "value")
