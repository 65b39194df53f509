"""The one contact budget of a person, over beacon, push, email and web: counted in SQL, in the caller's transaction.

Whoever sends anything asks `count_contact` first, and gives back with `return_contact` what never reached anybody.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from features.identity import Identifier
from features.ledger.books import Books, text_of
from features.ledger.holders import device_digest, digest_of, digests_of_people, person_digests
from features.sql.among import among
from features.sql.prepared import Prepared
from features.sql.tables.contacts import contacts
from recommender.offers.fatigue import About, Contact, ContactCap, Feedback

KEPT = timedelta(days=100)  # no cap and no pause looks further back

COLUMNS = contacts.c
THEIRS = among(COLUMNS.shopper, "digests")
COUNTED = (
    select(contacts)
    .where(COLUMNS.state == "counted", COLUMNS.made_at > bindparam("since"))
    .order_by(COLUMNS.made_at, COLUMNS.contact_id)
)
OF_SHOPPER = Prepared(COUNTED.where(THEIRS))
OF_SHOPPER_OR_DEVICE = Prepared(COUNTED.where(or_(THEIRS, COLUMNS.device == bindparam("device"))))
LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))
LOCK_ALL = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('contacts:' || name, 0)) "
    "FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS sorted (name, place) ORDER BY place"
)
WRITE = Prepared(insert(contacts))
WRITE_ONCE = Prepared(
    {
        "sqlite": sqlite.insert(contacts).on_conflict_do_nothing(),
        "postgresql": postgresql.insert(contacts).on_conflict_do_nothing(),
    },
    [column.name for column in COLUMNS],
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as contacts are counted: by all that they are known by, and by the device in their hand.

    Attributes:
        shopper: digest of the identifier that this call came with; it is one of `digests`.
        device: digest; "" for none.
    """

    shopper: str
    digests: frozenset[str]
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """A contact to be counted; `contact_id` is the offer's or the message's and unique over all channels."""

    contact_id: str
    about: About
    coupon_id: str = ""


def person_of(connection: Connection, secret: bytes, holder: Identifier, device_id: str | None = None) -> Person:
    """Whose contacts count: those of all identifiers of the person, as they are linked now."""
    digests = person_digests(connection, secret, holder)
    return Person(digest_of(secret, holder), frozenset(digests), device_digest(secret, device_id))


def person_in(books: Books, holder: Identifier, device_id: str | None = None) -> Person:
    """The same in a transaction, which reads it once."""
    return Person(digest_of(books.secret, holder), books.person(holder), device_digest(books.secret, device_id))


def people_of(
    connection: Connection, secret: bytes, people: Mapping[Identifier, Collection[Identifier]]
) -> dict[Identifier, Person]:
    """Many people at once without devices, by one identifier of each, with all identifiers that they have now."""
    digests = digests_of_people(connection, secret, people)
    return {one: Person(digest_of(secret, one), theirs, "") for one, theirs in digests.items()}


def lock_person(connection: Connection, person: Person) -> None:
    """Until the transaction ends, nobody else counts a contact of this person or device.

    Take it before any campaign's lock. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        for name in sorted({*person.digests, person.device} - {""}):
            connection.execute(LOCK, {"name": f"contacts:{name}"})


def lock_people(connection: Connection, people: Collection[Person]) -> None:
    """The same of many people without devices, whoever else asks for some of them at the same moment."""
    if connection.dialect.name == "postgresql":
        connection.execute(LOCK_ALL, {"names": sorted({digest for person in people for digest in person.digests})})


def read_contacts(connection: Connection, person: Person, now: datetime) -> list[Contact]:
    """Contacts of a person or their device that count, oldest first, as far back as they are kept."""
    query, whose = OF_SHOPPER, {"digests": person.digests, "since": text_of(now - KEPT)}
    if person.device:
        query, whose = OF_SHOPPER_OR_DEVICE, whose | {"device": person.device}
    return [_contact_of(row) for row in query.maps(connection, whose)]


def read_contacts_of(connection: Connection, people: Collection[Person], now: datetime) -> dict[str, list[Contact]]:
    """The same of many people without devices, by the digest that each came with; of whoever has any."""
    whose = dict[str, list[str]]()
    for person in people:
        for digest in person.digests:
            whose.setdefault(digest, []).append(person.shopper)
    found = dict[str, list[Contact]]()
    for row in OF_SHOPPER.maps(connection, {"digests": whose, "since": text_of(now - KEPT)}):
        contact = _contact_of(row)
        for shopper in whose[row["shopper"]]:
            found.setdefault(shopper, []).append(contact)
    return found


def count_contact(
    books: Books, person: Person, new: NewContact, caps: Sequence[ContactCap], zone: tzinfo
) -> datetime | None:
    """Count one more contact if every cap allows it, in one step; None: it is counted.

    Else nothing is, and the answer is when it would fit. `zone` is the person's or the store's: whose days count.
    """
    lock_person(books.connection, person)
    known = read_contacts(books.connection, person, books.now)
    times = [cap.free_at(known, new.about, books.now, zone) for cap in caps]
    latest = max((time for time in times if time is not None), default=None)
    if latest is None:
        write_contact(books, person, new)
    return latest


def write_contact(books: Books, person: Person, new: NewContact) -> None:
    """Count a contact that was judged before, under the lock of `lock_person`."""
    WRITE.run(books.connection, _row_of(person, new, books.now))


def write_contacts(connection: Connection, new: Collection[tuple[Person, NewContact]], now: datetime) -> None:
    """Count contacts that were judged before, under the lock of `lock_people`; one that is counted already stands."""
    WRITE_ONCE.run(connection, *(_row_of(person, one, now) for person, one in new))


def _row_of(person: Person, new: NewContact, now: datetime) -> dict[str, object]:
    return {
        "contact_id": new.contact_id, "shopper": person.shopper, "device": person.device,
        "channel": new.about.channel, "campaign_id": new.about.campaign_id, "topic": new.about.topic,
        "categories": sorted(new.about.categories), "coupon_id": new.coupon_id, "state": "counted", "feedback": "",
        "feedback_at": None, "made_at": text_of(now),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """A contact as it lies in the table."""

    shopper: str
    coupon_id: str
    campaign_id: str
    is_returned: bool
    feedback: Feedback
    made_at: datetime


def find_contact(connection: Connection, contact_id: str) -> Known | None:
    """A contact by its id, locked until the transaction ends."""
    found = connection.execute(
        select(contacts).where(contacts.c.contact_id == contact_id).with_for_update()
    ).one_or_none()
    if found is None:
        return None
    made_at = datetime.fromisoformat(found.made_at)
    return Known(
        found.shopper, found.coupon_id, found.campaign_id, found.state == "returned", found.feedback, made_at
    )  # fmt: skip


def return_contact(books: Books, contact_id: str) -> None:
    """Take back the count of what never reached anybody."""
    books.connection.execute(update(contacts).where(contacts.c.contact_id == contact_id).values(state="returned"))


def note_feedback(books: Books, contact_id: str, feedback: Feedback) -> None:
    """Write down what somebody said to a contact."""
    said = {"feedback": feedback, "feedback_at": text_of(books.now)}
    books.connection.execute(update(contacts).where(contacts.c.contact_id == contact_id).values(said))


def forget_old(connection: Connection, now: datetime, most: int = 500) -> int:
    """Delete up to `most` contacts that nothing looks at any more; returns how many."""
    old = select(contacts.c.contact_id).where(contacts.c.made_at < text_of(now - KEPT)).limit(most)
    return connection.execute(delete(contacts).where(contacts.c.contact_id.in_(old))).rowcount


def _contact_of(row: Mapping[str, Any]) -> Contact:
    about = About(
        channel=row["channel"], campaign_id=row["campaign_id"], topic=row["topic"],
        categories=frozenset(row["categories"]),
    )  # fmt: skip
    said_at = None if row["feedback_at"] is None else datetime.fromisoformat(row["feedback_at"])
    made_at = datetime.fromisoformat(row["made_at"])
    return Contact(about=about, made_at=made_at, feedback=row["feedback"], feedback_at=said_at)
