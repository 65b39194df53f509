"""Who gets no mails, or none that know them, as a transaction sees it that is about to write something for them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from features.contacts import read_contacts_of
from features.identity import USER_ID
from features.mails import Addressee, MailBlock, Message
from features.sql.addressees import read_addressees
from features.sql.refusals import hold_changes, read_refusals
from recommender.consent import MARKETING_EMAIL, PERSONALISATION


def judged_otherwise(
    connection: Connection,
    decided: Mapping[str, Sequence[MailBlock]],
    seen: Mapping[str, Message],
    secret: bytes,
    judged_at: int,
    now: datetime,
) -> set[str]:
    """Who said something since their blocks were decided, so that these may not be sent, or not as they are.

    Args:
        judged_at: the change number as of which what they said was known.
    """
    if hold_changes(connection) == judged_at:
        return set()
    known = {user for user, theirs in decided.items() if any(block.personal for block in theirs)}
    found = _refusing(connection, decided, MARKETING_EMAIL, secret, now)
    found |= _refusing(connection, known, PERSONALISATION, secret, now)
    now_there = read_addressees(connection, decided, secret, now)
    return found | {user for user, to in now_there.items() if to.wishes != seen[user].to.wishes}


def contacted_since(connection: Connection, seen: Mapping[str, Addressee], now: datetime) -> set[str]:
    """Who was contacted since, also by a message of the same call to another user id of theirs; they are locked."""
    contacts = read_contacts_of(connection, [to.person for to in seen.values()], now)
    found, written = set[str](), set[str]()
    for user, to in seen.items():
        if tuple(contacts.get(to.person.shopper, ())) != to.contacts or to.person.digests & written:
            found.add(user)
        else:
            written |= to.person.digests
    return found


def _refusing(
    connection: Connection, user_ids: Collection[str], purpose: str, secret: bytes, now: datetime
) -> set[str]:
    """Which of these users are erased or restricted, or said no to a purpose. Of who said nothing the law decides."""
    named = [(USER_ID, user_id) for user_id in user_ids]
    return {user_id for _, user_id in read_refusals(connection, named, [purpose], secret, now)}
