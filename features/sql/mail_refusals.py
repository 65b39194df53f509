"""Who gets no mails, as a transaction sees it that is about to keep some."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, select

from features.identity import USER_ID
from features.sql.consent_states import read_states
from features.sql.privacy_store import read_suppressed
from features.sql.tables.base import change_counter
from recommender.consent import MARKETING_EMAIL, WHOLE, State

HOLD = select(change_counter.c.change_number).with_for_update(read=True)


def hold_changes(connection: Connection) -> int:
    """Let nobody change consents or suppressions until this transaction ends; returns the number of the last change."""
    return int(connection.execute(HOLD).scalar_one())


def read_refusing(connection: Connection, user_ids: Collection[str], secret: bytes, now: datetime) -> set[str]:
    """Which of these users are erased or restricted, or said no to mails. Of who said nothing the law decides."""
    named = [(USER_ID, user_id) for user_id in user_ids]
    refusing = set(read_suppressed(connection, named, secret))
    for state in read_states(connection, named):
        said = state.standings.get((MARKETING_EMAIL, WHOLE))
        if said is not None and said.at(now) is not State.GRANTED:
            refusing.add(state.identifier)
    return {user_id for kind, user_id in refusing if kind == USER_ID} & set(user_ids)
