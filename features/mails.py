"""What a message of a send shows to one person, as it is kept: decided once, and the same ever after."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct

from features.contacts import Person
from recommender.offers.fatigue import Contact
from recommender.preferences import NO_WISHES, Wishes

REF_CHARACTERS = 32  # hex: 128 bits
NOBODY = Person("", frozenset(), "")


class Promised(Struct, frozen=True):
    """An offer that a block shows: a coupon of the campaign, for who asks and as long as there are any.

    Attributes:
        title: as the mail has it.
        age: of the reader, in years, if the caller vouched for it: rules may ask for it.
    """

    campaign_id: str
    title: str
    days: int
    age: int | None = None


class Chosen(Struct, frozen=True, kw_only=True):
    """What a block shows, and what may take the place of what is sold out by then.

    Attributes:
        items: ids, best first; links name them by their place in it, from 0.
        shown: places of those that are shown, ascending.
        recommendation_id: of the list that they are from.
        store_id: whose stock counts; None: the chain's.
        market: whose law counted, as the caller named it; None: that of the store, else the default's.
        offer: None: the block shows none.
    """

    items: tuple[str, ...]
    shown: tuple[int, ...]
    recommendation_id: str
    store_id: str | None = None
    market: str | None = None
    offer: Promised | None = None

    @property
    def shown_ids(self) -> tuple[str, ...]:
        """Ids of what is shown."""
        return tuple(self.items[place] for place in self.shown)

    @property
    def spares(self) -> tuple[str, ...]:
        """Ids of what comes after it; of an empty block none."""
        return self.items[self.shown[-1] + 1 :] if self.shown else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailBlock:
    """One block of one message.

    Attributes:
        block_ref: what links call it: it tells nobody whose it is.
        personal: whether anything of the person went into it.
        reply: the JSON that callers get.
    """

    block_ref: str
    send_id: str
    user_id: str
    block_id: str
    made_at: datetime
    personal: bool
    chosen: Chosen
    reply: bytes


@dataclass(frozen=True, slots=True)
class FoundBlock:
    """A block that a link leads to.

    Attributes:
        spec: what it was asked to be.
        swaps: by the place of an item that was sold out when the mail was opened, what took its place.
    """

    block: MailBlock
    spec: Mapping[str, Any]
    swaps: Mapping[int, str]

    def item_at(self, place: int) -> str | None:
        """Which item stands where a link points to; None: no item ever did."""
        items = self.block.chosen.items
        return self.swaps.get(place, items[place]) if place < len(items) else None


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody who is to get a message.

    Attributes:
        contacts: that count, oldest first, by all that the person is known by.
        wishes: said under any identifier of the person.
    """

    person: Person = NOBODY
    contacts: tuple[Contact, ...] = ()
    wishes: Wishes = NO_WISHES


@dataclass(frozen=True, slots=True)
class Message:
    """What is kept of one person's mails.

    Attributes:
        blocks: of the send in question, by block id.
        shown_before: item ids that the sends before it showed, as far back as was asked.
        to: whom it goes to.
    """

    blocks: Mapping[str, MailBlock] = field(default_factory=dict[str, MailBlock])
    shown_before: frozenset[str] = frozenset()
    to: Addressee = Addressee(NOBODY)


def block_ref(secret: bytes, send_id: str, user_id: str, block_id: str) -> str:
    """What stands for a block of a message outside; the same for ever, and nobody can work it out."""
    name = f"email\x00{send_id}\x00{user_id}\x00{block_id}"
    return hmac.digest(secret, name.encode("utf-8", "surrogatepass"), sha256).hex()[:REF_CHARACTERS]
