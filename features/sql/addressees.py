"""What SQL knows of people who are to get a message: which contacts they had, and what they wish."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection

from features.contacts import people_of, read_contacts_of
from features.identity import USER_ID, Identifier
from features.mails import Addressee
from features.sql.entry_rows import rows_under
from features.sql.identity_rows import read_people
from features.sql.preference_store import preference_of
from features.sql.tables.preferences import preference_entries
from recommender.preferences import NO_WISHES, Preference, Wishes, fold_preferences


def read_addressees(
    connection: Connection, user_ids: Collection[str], secret: bytes, now: datetime
) -> dict[str, Addressee]:
    """All of them at once, by user id."""
    identifiers = read_people(connection, [(USER_ID, user_id) for user_id in user_ids])
    people, wishes = people_of(connection, secret, identifiers), _read_wishes(connection, identifiers)
    contacts = read_contacts_of(connection, people.values(), now)
    return {
        one[1]: Addressee(person, tuple(contacts.get(person.shopper, ())), wishes.get(one, NO_WISHES))
        for one, person in people.items()
    }


def _read_wishes(
    connection: Connection, people: Mapping[Identifier, Collection[Identifier]]
) -> dict[Identifier, Wishes]:
    """Of whoever said anything."""
    said = dict[Identifier, list[Preference]]()
    for row in rows_under(connection, preference_entries, {one for theirs in people.values() for one in theirs}):
        preference = preference_of(row)
        said.setdefault(preference.subject, []).append(preference)
    if not said:
        return {}
    of_each = {one: [word for name in theirs for word in said.get(name, ())] for one, theirs in people.items()}
    return {one: fold_preferences(words) for one, words in of_each.items() if words}
