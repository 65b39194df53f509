"""The one transaction of an offer: budgets looked at, one arm drawn, its coupon issued and the contact counted."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection, Engine

from features.contacts import NewContact, Person, lock_person, person_in, person_of, read_contacts, write_contact
from features.ledger.books import Books, new_id
from features.ledger.idempotency import Reply, keep, look_up, recall
from features.ledger.issuing import issue
from features.ledger.ledger import Ledger
from features.ledger.room import room_for
from features.ledger.values import Coupon, IssueRequest
from features.sql.engine import reading
from recommender.errors import StoreUnavailable
from recommender.offers.choose import NO_OFFER, Choice, choose, seed_of
from recommender.offers.fatigue import Contact
from recommender.offers.layers import OfferRules, campaign_caps, contact_caps
from recommender.offers.reasons import NoOffer
from recommender.offers.refusal import Refusal
from recommender.offers.terms import Terms
from serving.offers.arms import Arm, Place
from serving.offers.asks import Ask

READERS, WRITERS = 2, 16  # threads: reading takes a processor, writing mostly waits, and who waits shares a commit

Signing = Callable[[Connection], Callable[[Coupon, Terms], str]]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What SQL knows of a call before it is decided.

    Attributes:
        reply: what the same call was answered with before; None: it is new.
        contacts: of the person, as far back as they are kept.
    """

    reply: Reply | None
    contacts: list[Contact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What may be offered, with all that the transaction needs.

    Attributes:
        worth: of each arm by campaign id, in minor units.
        occasion: what the draws of this person come from, beside the secret.
        renewed_at: when the next one begins, aware.
        show: the ids of items to show with an arm, and why it is offered.
        contacts: what the arms were sifted by.
        rules: whose caps hold, and whose policy draws.
    """

    ask: Ask
    place: Place
    arms: Mapping[str, Arm]
    worth: Mapping[str, float]
    contacts: Sequence[Contact]
    rules: OfferRules
    occasion: str
    renewed_at: datetime
    show: Callable[[Arm], tuple[list[str], list[str]]]
    now: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """One offer, with its coupon and the token of that."""

    offer_id: str
    arm: Arm
    coupon: Coupon
    token: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of it.

    Attributes:
        draws: each choice, in order.
        offers: what was drawn.
        refused: what the ledger has no room for, and why; these were no arms of the draws.
        seed: of the draws.
    """

    draws: list[Choice]
    offers: list[Made]
    refused: dict[str, NoOffer]
    seed: str


class ContactsChanged(Exception):
    """The person was contacted, or said something, since their contacts were read: decide anew."""


class _Taken(Exception):
    """Somebody took the last coupon of a campaign since it was looked at."""

    def __init__(self, campaign_id: str, reason: NoOffer) -> None:
        super().__init__(campaign_id)
        self.campaign_id, self.reason = campaign_id, reason


class Settling:
    """Transactions of offers; every call blocks: run `remember` in `readers` and `settle` in `writers`.

    Args:
        signing: gives what signs coupons in a transaction.
        secret: of the deployment.
    """

    def __init__(self, engine: Engine, ledger: Ledger, signing: Signing, secret: Callable[[], bytes]) -> None:
        self._engine, self._ledger, self._signing, self._secret = engine, ledger, signing, secret
        self.readers, self.writers = ThreadPoolExecutor(READERS), ThreadPoolExecutor(WRITERS)

    def remember(self, ask: Ask, now: datetime) -> Remembered:
        """What is known of the call and the person; takes no lock. Raises KeyReused."""
        with reading(self._engine) as connection:
            reply = None if ask.dry_run else look_up(connection, ask.call)
            person = person_of(connection, self._secret(), ask.subject.holder, ask.subject.device_id)
            return Remembered(reply, read_contacts(connection, person, now))

    def settle(self, proposal: Proposal, answer_of: Callable[[Settled], object]) -> tuple[Settled | None, Reply]:
        """Draw, issue and count, all or nothing; on disk when it returns. Of a dry run all is undone.

        The answer is kept under the call's key if it has an offer. If the same call was answered meanwhile, that answer
        comes back, without what was settled.

        Raises:
            ContactsChanged: nothing was done.
            KeyReused, StillRunning, StoreUnavailable.
        """
        taken = dict[str, NoOffer]()
        while True:
            try:
                return self._settle(proposal, answer_of, taken)
            except _Taken as faster:  # undone; each time there is one arm less, so it ends
                taken[faster.campaign_id] = faster.reason

    def _settle(
        self, proposal: Proposal, answer_of: Callable[[Settled], object], taken: Mapping[str, NoOffer]
    ) -> tuple[Settled | None, Reply]:
        ask = proposal.ask
        books_of = self._ledger.trying() if ask.dry_run else self._ledger.writing(ask.by)
        with books_of as books:
            if not ask.dry_run and (known := recall(books, ask.call)) is not None:
                return None, known
            person = person_in(books, ask.subject.holder, ask.subject.device_id)
            lock_person(books.connection, person)
            if read_contacts(books.connection, person, proposal.now) != list(proposal.contacts):
                raise ContactsChanged
            settled = self._draw(books, proposal, person, taken)
            answer = answer_of(settled)
            if settled.offers:
                return settled, keep(books, ask.call, 200, answer)
            return settled, Reply(200, orjson.dumps(answer))

    def _draw(self, books: Books, proposal: Proposal, person: Person, taken: Mapping[str, NoOffer]) -> Settled:
        """Draw from the arms that have room, then issue what was drawn.

        All campaigns drawn are locked at once: who took one lock after the other could wait for somebody who waits for
        the first.

        Raises _Taken if one has no room by then: it was no arm, so all is drawn again without it.
        """
        seed = seed_of(books.secret, person.shopper, proposal.occasion)
        subject = proposal.ask.subject
        wanted = {name: arm.campaign.most_discount for name, arm in proposal.arms.items()}
        room = room_for(books, wanted, subject.holder, subject.device_id, proposal.place.store_id)
        refused = {name: NoOffer(no.value) for name, no in room.items() if no is not None} | dict(taken)
        settled = Settled([], [], refused, seed)
        left = {name: worth for name, worth in proposal.worth.items() if name not in refused}
        counted, drawn = list(proposal.contacts), list[Arm]()
        while left:
            choice = choose(left, proposal.rules.policy, seed, len(drawn))
            settled.draws.append(choice)
            if choice.arm == NO_OFFER:
                break
            del left[choice.arm]
            drawn.append(proposal.arms[choice.arm])
            if len(drawn) == proposal.ask.limit:
                break  # as most are: nobody asks what could come after it
            counted.append(Contact(about=drawn[-1].about, made_at=books.now))
            left = {name: worth for name, worth in left.items() if _allows(proposal, counted, proposal.arms[name])}
        books.lock([arm.campaign.campaign_id for arm in drawn])
        if drawn:
            sign = self._signing(books.connection)
            settled.offers.extend(self._make(books, proposal, arm, person, sign) for arm in drawn)
        return settled

    def _make(
        self, books: Books, proposal: Proposal, arm: Arm, person: Person, sign: Callable[[Coupon, Terms], str]
    ) -> Made:
        offer_id = new_id("off")
        request = _request(proposal, arm, offer_id)
        coupon = issue(books, request)
        if isinstance(coupon, Refusal):
            raise _Taken(request.campaign_id, NoOffer(coupon.value))
        if coupon.version != arm.campaign.version:
            raise StoreUnavailable("The campaign was changed this moment.", remedy="Send the same request again.")
        write_contact(books, person, NewContact(contact_id=offer_id, about=arm.about, coupon_id=coupon.coupon_id))
        terms = Terms(discount=arm.campaign.discount, title=arm.campaign.title)
        return Made(offer_id, arm, coupon, sign(coupon, terms))


def _request(proposal: Proposal, arm: Arm, offer_id: str) -> IssueRequest:
    campaign, subject, place = arm.campaign, proposal.ask.subject, proposal.place
    ends = min(proposal.now + timedelta(hours=campaign.coupon_hours), campaign.ends_at(place.zone))
    return IssueRequest(
        campaign_id=campaign.campaign_id, decision_id=offer_id, holder=subject.holder, device_id=subject.device_id,
        store_id=place.store_id, stores=(place.store_id,), most_discount=campaign.most_discount,
        valid_from=proposal.now, valid_until=ends,
    )  # fmt: skip


def _allows(proposal: Proposal, counted: Sequence[Contact], arm: Arm) -> bool:
    """Whether the caps allow one more contact, after those that this very decision made."""
    rules, now, zone = proposal.rules, proposal.now, proposal.place.zone
    return not (
        contact_caps(rules, counted, arm.about, now, zone) or campaign_caps(rules, counted, arm.about, now, zone)
    )
