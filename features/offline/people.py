"""Puts the person behind each row of the event log in its place, as the identities stand now."""

import polars as pl

from features.identity import ANONYMOUS_ID, STRONG_KINDS, USER_ID

PERSONS = {"kind": pl.String(), "value": pl.String(), "person": pl.String()}


def of_persons(events: pl.LazyFrame, persons: pl.DataFrame) -> pl.LazyFrame:
    """Say for each row whose it is.

    In:  events: user_id str, anonymous_id str, identifiers str (JSON; what is only claimed lies below "claimed").
         persons: kind str, value str, person str (the user id that stands for the person); each (kind, value) once.
    Out: the same columns, where user_id is that of the person: of the row's own user id; where it has none, of its
         loyalty card or contact, else of its anonymous id. And said_as str: the row's own user id, else the person's.
    """
    if persons.is_empty():
        return events.with_columns(said_as="user_id")
    named = {
        USER_ID: pl.col("user_id"),
        **{kind: pl.col("identifiers").str.json_path_match(f"$.{kind}") for kind in STRONG_KINDS},
        ANONYMOUS_ID: pl.col("anonymous_id"),
    }
    found = events.with_columns(**{f"_{kind}": name for kind, name in named.items()})
    for kind in named:
        of_kind = persons.lazy().filter(pl.col("kind") == kind).select(pl.col("value"), pl.col("person"))
        found = found.join(
            of_kind.rename({"value": f"_{kind}", "person": f"_person_of_{kind}"}), on=f"_{kind}", how="left"
        )
    others = [f"_person_of_{kind}" for kind in named if kind != USER_ID]
    return found.with_columns(
        user_id=pl.coalesce(f"_person_of_{USER_ID}", "user_id", *others),
        said_as=pl.coalesce("user_id", *others),
    ).drop(*(f"_{kind}" for kind in named), *(f"_person_of_{kind}" for kind in named))
