"""What shoppers said no to, as a transaction sees it that is about to keep something of theirs."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from features.identity import Identifier
from features.sql.consent_states import read_states
from features.sql.prepared import Prepared
from features.sql.privacy_store import read_suppressed
from features.sql.tables.base import change_counter
from recommender.consent import WHOLE, State

HOLD = Prepared(select(change_counter.c.change_number).with_for_update(read=True))


def hold_changes(connection: Connection) -> int:
    """Let nobody change consents or suppressions until this transaction ends; returns the number of the last change."""
    [[number]] = HOLD.rows(connection, {})
    return int(number)


def read_refusals(
    connection: Connection, named: Collection[Identifier], purposes: Collection[str], secret: bytes, now: datetime
) -> set[Identifier]:
    """Who is erased or restricted, or said no to one of the purposes. Of who said nothing the law decides."""
    refusing = set(read_suppressed(connection, named, secret))
    for state in read_states(connection, named):
        said = [state.standings.get((purpose, WHOLE)) for purpose in purposes]
        if any(one is not None and one.at(now) is not State.GRANTED for one in said):
            refusing.add(state.identifier)
    return refusing & set(named)
