"""What SQL has to do with an offer: what is known before it is decided, and the one transaction of its coupon."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from features.contacts import NewContact, Person, lock_person, person_in, person_of, read_contacts, write_contact
from features.ledger.accounts import Used, read_own
from features.ledger.books import Books, new_id
from features.ledger.idempotency import Reply, keep, look_up, recall
from features.ledger.issuing import issue
from features.ledger.ledger import Ledger
from features.ledger.room import Room
from features.ledger.values import Coupon, IssueRequest
from features.sql.engine import reading
from recommender.errors import StoreUnavailable
from recommender.offers.choose import seed_of
from recommender.offers.fatigue import Contact
from recommender.offers.reasons import NoOffer
from recommender.offers.refusal import Refusal
from recommender.offers.terms import Terms
from serving.offers.asks import Ask
from serving.offers.drawing import Drawn, Offered, Proposal

READERS, WRITERS = 2, 16  # threads: reading takes a processor, writing mostly waits, and who waits shares a commit

Signing = Callable[[Connection], Callable[[Coupon, Terms], str]]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What SQL knows of a call before it is decided.

    Attributes:
        reply: what the same call was answered with before; None: it is new.
        contacts: of the person, as far back as they are kept.
        used: what they and the device have used of the campaigns.
    """

    reply: Reply | None
    person: Person
    contacts: list[Contact]
    used: Used

    def refused(self, proposal: Proposal, room: Room) -> dict[str, NoOffer]:
        """The arms of a proposal that the ledger has no room for, and why."""
        shopper, device = self.person.shopper, self.person.device
        found = {
            name: room.refusal(name, arm.campaign.most_discount, shopper, device, self.used)
            for name, arm in proposal.arms.items()
        }
        return {name: NoOffer(no.value) for name, no in found.items() if no is not None}


@dataclass(frozen=True, slots=True)
class Made:
    """One offer; its coupon and the token of that, unless it is only for show."""

    offer_id: str
    offered: Offered
    coupon: Coupon | None = None
    token: str = ""


class ContactsChanged(Exception):
    """The person was contacted, or said something, since their contacts were read: decide anew."""


class Taken(Exception):
    """A campaign has no room (any more): it was no arm, so draw anew without it."""

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
            contacts = read_contacts(connection, person, now)
            return Remembered(reply, person, contacts, read_own(connection, person.digests, person.device))

    def seed(self, proposal: Proposal, person: Person) -> str:
        """What the draws of a person on this occasion come from."""
        return seed_of(self._secret(), person.shopper, proposal.occasion)

    def settle(self, proposal: Proposal, drawn: Drawn, answer_of: Callable[[Sequence[Made]], object]) -> Reply:
        """Issue what was drawn and count it, all or nothing; on disk when it returns.

        The answer is kept under the call's key. If the same call was answered meanwhile, that answer comes back as
        `replayed`, and nothing is done.

        Raises:
            ContactsChanged, Taken: nothing was done.
            KeyReused, StillRunning, StoreUnavailable.
        """
        ask = proposal.ask
        with self._ledger.writing(ask.by) as books:
            known = recall(books, ask.call)
            if known is not None:
                return known
            person = person_in(books, ask.subject.holder, ask.subject.device_id)
            lock_person(books.connection, person)
            if read_contacts(books.connection, person, proposal.now) != list(proposal.contacts):
                raise ContactsChanged
            # All at once: who took one lock after the other could wait for somebody who waits for the first.
            books.lock([one.arm.campaign.campaign_id for one in drawn.offers])
            sign = self._signing(books.connection)
            made = [self._make(books, proposal, one, person, sign) for one in drawn.offers]
            return keep(books, ask.call, 200, answer_of(made))

    def _make(
        self, books: Books, proposal: Proposal, offered: Offered, person: Person, sign: Callable[[Coupon, Terms], str]
    ) -> Made:
        offer_id, arm = new_id("off"), offered.arm
        request = _request(proposal, offered, offer_id)
        coupon = issue(books, request)
        if isinstance(coupon, Refusal):
            raise Taken(request.campaign_id, NoOffer(coupon.value))
        if coupon.version != arm.campaign.version:
            raise StoreUnavailable("The campaign was changed this moment.", remedy="Send the same request again.")
        write_contact(books, person, NewContact(contact_id=offer_id, about=arm.about, coupon_id=coupon.coupon_id))
        terms = Terms(discount=arm.campaign.discount, title=arm.campaign.title)
        return Made(offer_id, offered, coupon, sign(coupon, terms))


def only_for_show(drawn: Drawn) -> list[Made]:
    """What was drawn, without coupons."""
    return [Made(new_id("off"), offered) for offered in drawn.offers]


def _request(proposal: Proposal, offered: Offered, offer_id: str) -> IssueRequest:
    campaign, subject, store_id = offered.arm.campaign, proposal.ask.subject, proposal.place.store_id
    return IssueRequest(
        campaign_id=campaign.campaign_id, decision_id=offer_id, holder=subject.holder, device_id=subject.device_id,
        store_id=store_id, stores=(store_id,), most_discount=campaign.most_discount, valid_from=proposal.now,
        valid_until=offered.ends_at,
    )  # fmt: skip
