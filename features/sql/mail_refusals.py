"""Who gets no mails, as a transaction sees it that is about to keep some."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from features.identity import USER_ID
from features.sql.refusals import read_refusals
from recommender.consent import MARKETING_EMAIL


def read_refusing(connection: Connection, user_ids: Collection[str], secret: bytes, now: datetime) -> set[str]:
    """Which of these users are erased or restricted, or said no to mails. Of who said nothing the law decides."""
    named = [(USER_ID, user_id) for user_id in user_ids]
    return {user_id for _, user_id in read_refusals(connection, named, [MARKETING_EMAIL], secret, now)}
