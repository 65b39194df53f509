"""Coupons that our own ledger issued, one shopper at one moment each: cases like those that were mailed."""

from collections.abc import Iterable

import polars as pl
from msgspec import json

from features.identity import ANONYMOUS_ID, STRONG_KINDS, USER_ID, Identifier
from features.ledger.holders import digest_of
from features.offline.people import of_persons
from training.permitted import ALLOWING, Permissions

# Days since 1970-01-01 UTC; infinite: never.
ISSUES = {
    "user_id": pl.String(), "campaign_id": pl.String(), "coupon_id": pl.String(), "issued_day": pl.Float64(),
    "ends_day": pl.Float64(), "redeemed_day": pl.Float64(), "taken_back_day": pl.Float64(),
}  # fmt: skip
NO_ISSUES = pl.DataFrame(schema=ISSUES)
NAMED = {"shopper": pl.String(), "user_id": pl.String(), "anonymous_id": pl.String(), "identifiers": pl.String()}
NEVER = float("inf")


def holders(secret: bytes, users: Iterable[str], persons: pl.DataFrame) -> pl.DataFrame:
    """Digests by which the ledger knows users and what belongs to them, beside what each stands for: NAMED.

    Args:
        persons: as `of_persons` takes it.
    """
    known: list[Identifier] = list(persons.select("kind", "value").iter_rows())
    named = dict.fromkeys([*((USER_ID, user) for user in users), *known])
    return pl.DataFrame([_named(secret, one) for one in named], schema=NAMED, orient="row")


def permitted_issues(
    outcomes: pl.LazyFrame,
    permissions: Permissions,
    persons: pl.DataFrame,
    known_users: Iterable[str],
    until_day: float | None,
) -> pl.DataFrame:
    """Coupons of known users that may be learnt from, as they stood at a moment: ISSUES, by issue and coupon.

    Args:
        outcomes: as `read_outcomes` gives them, with NAMED of their holders and the market str of their store.
        known_users: the persons whose purchases may be learnt from; others are left out.
        until_day: what happened at or after it has not happened, days since 1970-01-01 UTC; None: everything has.
    """
    rows = outcomes.with_columns(consent=pl.lit(None, dtype=pl.List(pl.String())))  # what counts is what they say now
    found = (
        permissions.judge(of_persons(rows, persons))
        .filter(pl.col("verdict").is_in(ALLOWING) & pl.col("user_id").is_in(list(known_users)))
        .select(list(ISSUES))
        .sort("issued_day", "coupon_id")
        .collect()
    )
    if until_day is None:
        return found
    return found.filter(pl.col("issued_day") < until_day).with_columns(
        pl.when(pl.col(name) < until_day).then(name).otherwise(NEVER).alias(name)
        for name in ("redeemed_day", "taken_back_day")
    )


def _named(secret: bytes, identifier: Identifier) -> tuple[str, str | None, str | None, str | None]:
    kind, value = identifier
    return (
        digest_of(secret, identifier),
        value if kind == USER_ID else None,
        value if kind == ANONYMOUS_ID else None,
        json.encode({kind: value}).decode() if kind in STRONG_KINDS else None,
    )
