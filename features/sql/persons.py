"""Who is one person, for jobs that read the whole log."""

import polars as pl
from sqlalchemy import Connection, func, select

from features.identity import USER_ID
from features.offline.people import PERSONS
from features.sql.tables.people import identifiers


def read_persons(connection: Connection) -> pl.DataFrame:
    """Identifiers of profiles that have several, as `of_persons` takes them; the least user id stands for the person.

    Identifiers that no user id belongs to are left out.
    """
    column = identifiers.c
    linked = select(column.profile_number).group_by(column.profile_number).having(func.count() > 1)
    rows = connection.execute(
        select(column.kind, column.value, column.profile_number).where(column.profile_number.in_(linked))
    ).all()
    named = pl.DataFrame(
        [tuple(row) for row in rows],
        schema={"kind": pl.String(), "value": pl.String(), "profile": pl.Int64()},
        orient="row",
    )
    stands_for = named.filter(pl.col("kind") == USER_ID).group_by("profile").agg(person=pl.col("value").min())
    return named.join(stands_for, on="profile").select(list(PERSONS)).sort("kind", "value")
