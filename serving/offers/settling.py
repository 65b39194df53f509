"""What SQL has to do with an offer: what is known before it is decided, and the one transaction of its coupon."""

from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from features.contacts import NewContact, Person, lock_person, person_of, read_contacts, write_contact
from features.ledger.accounts import Used, read_own
from features.ledger.books import Books, new_id
from features.ledger.idempotency import Reply, keep, look_up, recall
from features.ledger.issuing import coupon_to_be, issue_first
from features.ledger.ledger import Ledger
from features.ledger.room import Room
from features.ledger.values import Coupon, IssueRequest
from features.sql.engine import reading
from features.sql.refusals import hold_changes, read_refusals
from recommender.consent import IN_STORE_LOCATION, PERSONALISATION
from recommender.errors import KeyReused, StoreUnavailable
from recommender.offers.choose import seed_of
from recommender.offers.fatigue import Contact
from recommender.offers.reasons import NoOffer
from recommender.offers.refusal import Refusal
from recommender.offers.terms import Terms
from serving.offers.asks import Ask
from serving.offers.drawing import Drawn, Offered, Proposal
from serving.together import Together

READERS, WRITERS = 2, 6  # threads that wait for PostgreSQL; each has a connection
MOST_READ, MOST_WRITTEN = 16, 8  # calls at once: who is written with others waits for all of them

PURPOSES = (PERSONALISATION, IN_STORE_LOCATION)  # that an offer in the aisle needs

Sign = Callable[[Coupon, Terms], str]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What SQL knows of a call before it is decided.

    Attributes:
        reply: what the same call was answered with before; None: it is new.
        contacts: of the person, as far back as they are kept.
        used: what they and the device have used of the campaigns.
        sign: makes the token of a coupon.
    """

    reply: Reply | None
    person: Person
    contacts: list[Contact]
    used: Used
    sign: Sign

    def refused(self, proposal: Proposal, room: Room) -> dict[str, NoOffer]:
        """The arms of a proposal that the ledger has no room for, and why."""
        wanted = {name: arm.campaign.most_discount for name, arm in proposal.arms.items()}
        found = room.refused(wanted, self.person.shopper, self.person.device, self.used)
        return {name: NoOffer(no.value) for name, no in found.items()}


@dataclass(frozen=True, slots=True)
class Made:
    """One offer; what is asked of the ledger, the coupon that will come of it, and its token: none only for show."""

    offer_id: str
    offered: Offered
    request: IssueRequest | None = None
    coupon: Coupon | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """The effect of a call that was decided, down to its answer.

    Attributes:
        body: the answer, as JSON.
        judged_at: the change number as of which the person may be offered something.
    """

    ask: Ask
    now: datetime
    known: Remembered
    made: Sequence[Made]
    body: bytes
    judged_at: int

    def write(self, books: Books) -> Reply:
        """Make sure that nothing changed since, and write it all."""
        before = recall(books, self.ask.call)
        if before is not None:
            return before
        self._check(books)
        person = self.known.person
        books.know(self.ask.subject.holder, person.digests)
        lock_person(books.connection, person)
        if read_contacts(books.connection, person, self.now) != self.known.contacts:
            raise ContactsChanged
        # All at once: who took one lock after the other could wait for somebody who waits for the first.
        coupons = [(one, one.request) for one in self.made if one.request is not None]
        books.lock([request.campaign_id for _, request in coupons])
        for one, request in coupons:
            coupon = issue_first(books, request)
            if isinstance(coupon, Refusal):
                raise Taken(request.campaign_id, NoOffer(coupon.value))
            if coupon != one.coupon:
                raise StoreUnavailable("The campaign was changed this moment.", remedy="Send the same request again.")
            about = one.offered.arm.about
            write_contact(books, person, NewContact(contact_id=one.offer_id, about=about, coupon_id=coupon.coupon_id))
        return keep(books, self.ask.call, 200, self.body)

    def _check(self, books: Books) -> None:
        """Make sure that the person allows it still, and that the offers have not ended while this waited."""
        named = self.ask.subject.identifiers
        is_as_judged = hold_changes(books.connection) == self.judged_at
        if not is_as_judged and read_refusals(books.connection, named, PURPOSES, books.secret, books.now):
            raise Withdrawn
        for one in self.made:
            if one.request is not None and one.request.valid_until <= books.now:
                raise Taken(one.request.campaign_id, NoOffer.KILLED)


class Withdrawn(Exception):
    """The person took back, since it was judged, what an offer needs: they get none."""


class ContactsChanged(Exception):
    """The person was contacted, or said something, since their contacts were read: decide anew."""


class Taken(Exception):
    """A campaign has no room (any more): it was no arm, so draw anew without it."""

    def __init__(self, campaign_id: str, reason: NoOffer) -> None:
        super().__init__(campaign_id)
        self.campaign_id, self.reason = campaign_id, reason


class Settling:
    """What is read and written of offers; for the event loop, whose threads do it.

    Args:
        signing: gives what signs coupons now, as a connection sees it.
        secret: of the deployment.
    """

    def __init__(
        self, engine: Engine, ledger: Ledger, signing: Callable[[Connection], Sign], secret: Callable[[], bytes]
    ) -> None:
        self._engine, self._ledger, self._signing, self._secret = engine, ledger, signing, secret
        # To read SQLite takes the interpreter, which a second thread would only quarrel about. It has one writer: who
        # would wait for it goes with the next. PostgreSQL is waited for, and has many writers, who wait for locks.
        is_sqlite = engine.dialect.name == "sqlite"
        readers = 1 if is_sqlite else READERS
        self.readers = ThreadPoolExecutor(readers)
        self._reads = Together(self._remember_each, self.readers, readers, MOST_READ)
        lanes, most = (1, MOST_WRITTEN) if is_sqlite else (WRITERS, 1)
        self._writes = Together(ledger.do_each, ThreadPoolExecutor(lanes), lanes, most)

    def remember(self, ask: Ask, now: datetime) -> Awaitable[Remembered]:
        """What is known of the call and the person: asked for now. Raises KeyReused, StoreUnavailable."""
        return self._reads((ask, now))

    def _remember_each(self, asked: Sequence[tuple[Ask, datetime]]) -> list[Remembered | Exception]:
        with reading(self._engine) as connection:
            sign = self._signing(connection)
            return [self._remember(connection, ask, now, sign) for ask, now in asked]

    def _remember(self, connection: Connection, ask: Ask, now: datetime, sign: Sign) -> Remembered | Exception:
        try:
            reply = None if ask.dry_run else look_up(connection, ask.call)
        except KeyReused as error:
            return error
        person = person_of(connection, self._secret(), ask.subject.holder, ask.subject.device_id)
        contacts = read_contacts(connection, person, now)
        return Remembered(reply, person, contacts, read_own(connection, person.digests, person.device), sign)

    def seed(self, proposal: Proposal, person: Person) -> str:
        """What the draws of a person on this occasion come from."""
        return seed_of(self._secret(), person.shopper, proposal.occasion)

    def plan(self, proposal: Proposal, drawn: Drawn, known: Remembered) -> list[Made]:
        """The offers as they will be, coupons and tokens included: made before the turn that all writers wait for."""
        return [self._make(_request(proposal, offered), offered, known.sign) for offered in drawn.offers]

    async def settle(
        self, ask: Ask, now: datetime, known: Remembered, made: Sequence[Made], body: bytes, *, judged_at: int
    ) -> Reply:
        """Issue what was planned and count it, all or nothing; on disk when it returns.

        Who the person is, is taken as it was remembered: a link that was made since comes after this offer. The answer
        `body` (JSON) is kept under the call's key. If the same call was answered meanwhile, that answer comes back as
        `replayed`, and nothing is done.

        Raises:
            Withdrawn, ContactsChanged, Taken: nothing was done.
            KeyReused, StillRunning, StoreUnavailable.
        """
        return await self._writes((ask.by, Planned(ask, now, known, made, body, judged_at).write))

    def _make(self, request: IssueRequest, offered: Offered, sign: Sign) -> Made:
        campaign = offered.arm.campaign
        coupon = coupon_to_be(self._secret(), request, campaign.version, campaign.currency)
        terms = Terms(discount=campaign.discount, title=campaign.title)
        return Made(request.decision_id, offered, request, coupon, sign(coupon, terms))


def only_for_show(drawn: Drawn) -> list[Made]:
    """What was drawn, without coupons."""
    return [Made(new_id("off"), offered) for offered in drawn.offers]


def _request(proposal: Proposal, offered: Offered) -> IssueRequest:
    campaign, subject, store_id = offered.arm.campaign, proposal.ask.subject, proposal.place.store_id
    return IssueRequest(
        campaign_id=campaign.campaign_id, decision_id=new_id("off"), holder=subject.holder,
        device_id=subject.device_id, store_id=store_id, stores=(store_id,), most_discount=campaign.most_discount,
        valid_from=proposal.now, valid_until=offered.ends_at, coupon_id=new_id("cpn"),
    )  # fmt: skip
