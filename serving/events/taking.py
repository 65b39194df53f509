"""What is made of one valid event: its rows in the log, what live state learns, what is said about it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from features.definitions import ACCEPTED_AGE
from features.events.stream import EventRow
from features.events.vocabulary import USER_IDENTIFIED
from features.identity import ANONYMOUS_ID, Presented
from features.online.keys import live_state_of_user, live_state_of_visitor
from features.online.live_entries import LIVE_KINDS, entries_of, is_live
from features.online.live_state import LiveEntry
from features.traits import Stated, kept_traits
from recommender.consent import PERSONALISATION
from recommender.ids import ItemNumber, UserId
from serving.events.arrival import Arrival
from serving.events.people import named_in_log
from serving.events.reading import Reading, text_of
from serving.events.rows import Named, moment_of, rows_of
from serving.events.schemas import Product

NOBODY = Named()
NumberOf = Callable[[str], ItemNumber | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """A valid event: its rows for the log, what of it goes into live state, under which keys, and into the profile."""

    message_id: str
    rows: list[EventRow]
    live: list[LiveEntry]
    keys: list[str]
    note: str | None
    stated: Stated | None


def take(
    reading: Reading,
    presented: Presented,
    vouched: Presented,
    users: Sequence[UserId],
    purposes: Sequence[str] | None,
    arrival: Arrival,
    number_of: NumberOf,
) -> Taken:
    """Make of an event what is kept.

    Args:
        reading: the event.
        presented: what it names; `vouched` is the part of that which is a fact.
        users: ids of the person behind it.
        purposes: those in force, sorted; None: it may name nobody.
        arrival: when it came.
        number_of: the number of an item that the catalogue has.
    """
    sent_at = reading.sent_at or arrival.sent_at
    stated_at = reading.timestamp or (arrival.received_at if arrival.received_at != arrival.now else None)
    occurred_at, from_future = moment_of(stated_at, sent_at if reading.timestamp else None, arrival.received_at)
    names_nobody, purposes = purposes is None, list(purposes or ())
    item_ids = [_item_id(item, number_of) for item in reading.items]
    rows = rows_of(
        reading, item_ids, NOBODY if names_nobody else named_in_log(reading, presented, vouched),
        purposes=purposes, occurred_at=occurred_at, sent_at=sent_at, received_at=arrival.now,
    )  # fmt: skip
    notes: list[str] = []
    if reading.term is None:
        notes.append("a custom event: logged, without effect on recommendations")
    if from_future:
        notes.append("timestamp lies in the future: taken to have happened now")
    if presented.user_id != vouched.user_id:
        notes.append("userId is a claim: a secret key or the user's token makes it count")
    live = [entry for row in rows for entry in entries_of(row, number_of)]
    if reading.name in LIVE_KINDS and PERSONALISATION in purposes:
        unknown = [item_id for item_id in item_ids if number_of(item_id) is None]
        if not is_live(rows[0]):
            notes.append(f"older than {ACCEPTED_AGE.days} days: history only")
        elif unknown:
            notes.append(f"not in the catalogue, so without effect yet: {', '.join(unknown[:5])}")
    keys = [live_state_of_user(user_id) for user_id in users]
    if vouched.anonymous_id is not None:
        keys.append(live_state_of_visitor(vouched.anonymous_id))
    stated = traits_of(reading, vouched, occurred_at) if PERSONALISATION in purposes else None
    return Taken(reading.message_id, rows, live, keys, "; ".join(notes) or None, stated)


def traits_of(reading: Reading, vouched: Presented, occurred_at: datetime) -> Stated | None:
    """What an `identify` states of a known person; of a device by itself, which several people may use, nothing."""
    if reading.name != USER_IDENTIFIED or not reading.call.traits:
        return None
    [identifier, *_] = vouched.identifiers() or [(ANONYMOUS_ID, "")]
    traits = kept_traits(reading.call.traits)
    return Stated(identifier, traits, occurred_at) if traits and identifier[0] != ANONYMOUS_ID else None


def item_ids_in(readings: Sequence[Reading]) -> Iterator[str]:
    """Every name by which an item of these events may be known."""
    for reading in readings:
        for item in reading.items:
            yield from _names_of(item)


def _names_of(product: Product) -> list[str]:
    named = (text_of(given) for given in (product.product_id, product.sku, product.item_id))
    return [name for name in named if name is not None]


def _item_id(product: Product, number_of: NumberOf) -> str:
    """The id that the catalogue knows, of those given; else the first of them."""
    names = _names_of(product)
    return next((name for name in names if number_of(name) is not None), names[0] if names else "")
