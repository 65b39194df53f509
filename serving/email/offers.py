"""Offers in mails: who may be shown one, and the coupon of whoever asks for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from features.audit import Author
from features.contacts import NewContact, lock_person, person_in, read_contacts, write_contact
from features.identity import USER_ID, Identifier
from features.ledger.accounts import read_own_of
from features.ledger.books import Books
from features.ledger.coupons import coupon_of_decision
from features.ledger.issuing import issue
from features.ledger.ledger import Ledger
from features.ledger.room import look_at_room
from features.ledger.values import Coupon, IssueRequest
from features.mails import Addressee, MailBlock, Promised
from features.sql.campaign_store import CampaignStore
from features.sql.engine import reading
from features.sql.refusals import hold_changes, read_refusals
from recommender.consent import MARKETING_EMAIL
from recommender.errors import InvalidInput, StoreUnavailable
from recommender.offers import layers
from recommender.offers.campaign import Campaign, Limit
from recommender.offers.fatigue import Contact
from recommender.offers.layers import OfferRules
from recommender.offers.reasons import NoOffer
from recommender.offers.refusal import Refusal
from serving.email.orders import Meant, Offerable, Recipient

NO_LIMIT = Limit()


@dataclass(frozen=True, kw_only=True)
class MailOffers:
    """Looks for room without taking it, and takes it for a reader; every call blocks, and raises StoreUnavailable.

    Attributes:
        find: an active campaign as this worker knows it.
        rules: whose caps hold.
    """

    engine: Engine
    ledger: Ledger
    store: CampaignStore
    secret: Callable[[], bytes]
    find: Callable[[str], Campaign | None]
    rules: OfferRules

    def check(self, campaign_id: str) -> None:
        """Look whether mails may ever offer a campaign; raises UnknownCampaign, InvalidInput."""
        campaign = self.store.get(campaign_id).parse()
        if campaign.sensitive or campaign.codes != "unique":
            what = "is about something sensitive" if campaign.sensitive else "has one code for all"
            raise InvalidInput(
                f"The campaign {campaign_id!r} {what}: no mail offers it.", field="campaign_id",
                remedy="Name a campaign with codes: unique that is not sensitive.",
            )  # fmt: skip

    def running(self, campaign_id: str, now: datetime) -> Campaign | None:
        """A campaign that mails may offer at this moment; None: it does not run, or no mail offers it. Never blocks."""
        campaign = self.find(campaign_id)
        if campaign is None or campaign.sensitive or campaign.codes != "unique":
            return None
        return campaign if campaign.is_valid_at(now) else None

    def look(
        self, offered: Mapping[str, Meant], to: Sequence[tuple[Recipient, Addressee]], now: datetime
    ) -> list[Offerable]:
        """Which of the campaigns have a coupon for each recipient at this moment; nothing is held for them."""
        if not offered:
            return [{} for _ in to]
        wanted = {name: meant.campaign.most_discount for name, meant in offered.items()}
        people = {str(recipient.user_id): addressee.person.digests for recipient, addressee in to}
        with reading(self.engine) as connection:
            stores = {recipient.store_id for recipient, _ in to}
            rooms = {store: look_at_room(connection, wanted, store, now) for store in stores}
            used = read_own_of(connection, people)
        found = list[Offerable]()
        for recipient, addressee in to:
            own = used.get(recipient.user_id, {})
            full = rooms[recipient.store_id].refused(wanted, addressee.person.shopper, "", own)
            found.append(
                {
                    name: why_not_meant(meant.campaign, recipient)
                    or (
                        NoOffer(full[name].value) if name in full else self._why_not_now(addressee.contacts, meant, now)
                    )
                    or meant.campaign
                    for name, meant in offered.items()
                }
            )
        return found

    def coupon(self, block: MailBlock, now: datetime) -> Coupon | None:
        """The coupon that was issued for a block; None: nobody asked yet, or in vain."""
        with reading(self.engine) as connection:
            return coupon_of_decision(Books(connection, self.secret(), now), _decision_of(block))

    def claim(self, block: MailBlock, promised: Promised, by: Author, meant: Meant | NoOffer) -> Coupon | NoOffer:
        """Issue the coupon of a block and count the contact, in one transaction; once it answers, it is on disk.

        Asked again, it answers with the same coupon.

        Args:
            meant: what the reader may have as this worker knows, or why not: then only what they have is answered. A no
                to mails that it has not heard of is found here.
        """
        holder = _holder_of(block.user_id)
        with self.ledger.writing(by) as books:
            hold_changes(books.connection)  # before the lock of the person, as all who take both
            person = person_in(books, holder)
            lock_person(books.connection, person)
            known = coupon_of_decision(books, _decision_of(block))
            if known is not None:
                return known
            if read_refusals(books.connection, [holder], [MARKETING_EMAIL], books.secret, books.now):
                return NoOffer.NO_CONSENT
            if isinstance(meant, NoOffer):
                return meant
            if self._is_capped(read_contacts(books.connection, person, books.now), meant, books.now):
                return NoOffer.FREQUENCY_CAP
            coupon = issue(books, _request(block, promised, meant.campaign, books.now))
            if isinstance(coupon, Refusal):
                return NoOffer(coupon.value)
            if coupon.version != meant.campaign.version:
                raise StoreUnavailable("The campaign was changed this moment.", remedy="Ask again.")
            new = NewContact(contact_id=coupon.decision_id, about=meant.about, coupon_id=coupon.coupon_id)
            write_contact(books, person, new)
            return coupon

    def _why_not_now(self, contacts: Sequence[Contact], meant: Meant, now: datetime) -> NoOffer | None:
        """Why a campaign is not to be shown to a person with these contacts."""
        if self._is_capped(contacts, meant, now):
            return NoOffer.FREQUENCY_CAP
        paused = layers.after_refusal(self.rules, contacts, now)
        paused = paused or layers.after_refusal_of(self.rules, contacts, meant.about, now)
        paused = paused or layers.fatigue(self.rules, self.rules.tiredness.score(contacts, now))
        return None if paused is None else paused.reason

    def _is_capped(self, contacts: Sequence[Contact], meant: Meant, now: datetime) -> bool:
        asked = contacts, meant.about, now, ZoneInfo(meant.campaign.timezone)
        return bool(layers.contact_caps(self.rules, *asked) or layers.campaign_caps(self.rules, *asked))


def why_not_meant(campaign: Campaign, to: Recipient) -> NoOffer | None:
    """Why a campaign is not for a recipient, by their store, or as they never get it; None: it may be."""
    if to.store_id is not None and campaign.stores is not None and to.store_id not in campaign.stores:
        return NoOffer.NOT_ELIGIBLE
    held_out = layers.is_held_out("\n".join(_holder_of(to.user_id)), campaign.campaign_id, campaign.holdout)
    return NoOffer.HOLDOUT if held_out else None


def _request(block: MailBlock, promised: Promised, campaign: Campaign, now: datetime) -> IssueRequest:
    store_id, stores = block.chosen.store_id, tuple(sorted(campaign.stores or ()))
    if store_id is not None and campaign.budget.per_store != NO_LIMIT:
        stores = (store_id,)  # whose budget pays
    return IssueRequest(
        campaign_id=campaign.campaign_id, decision_id=_decision_of(block), holder=_holder_of(block.user_id),
        store_id=store_id, stores=stores, most_discount=campaign.most_discount, valid_from=now,
        valid_until=min(now + timedelta(days=promised.days), campaign.ends_at()),
    )  # fmt: skip


def _decision_of(block: MailBlock) -> str:
    """What the ledger and the contact budget call the offer of a block: the same however often it is asked for."""
    return f"mail_{block.block_ref}"


def _holder_of(user_id: str) -> Identifier:
    return USER_ID, user_id
