"""Offers in mails: who may be shown one, and the coupon of whoever asks for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from features.audit import Author
from features.contacts import NewContact, lock_person, person_in, read_contacts, write_contact
from features.identity import USER_ID, Identifier
from features.ledger.books import Books
from features.ledger.coupons import coupon_of_decision
from features.ledger.issuing import issue
from features.ledger.ledger import Ledger
from features.ledger.room import room_for
from features.ledger.values import Coupon, IssueRequest
from features.mails import MailBlock, Promised
from features.sql.campaign_store import CampaignStore
from features.sql.engine import reading
from features.sql.mail_refusals import read_refusing
from features.sql.refusals import hold_changes
from recommender.errors import InvalidInput, StoreUnavailable
from recommender.offers.campaign import Campaign, Limit
from recommender.offers.fatigue import About, Contact
from recommender.offers.layers import OfferRules, campaign_caps, contact_caps, is_held_out
from recommender.offers.reasons import NoOffer
from recommender.offers.refusal import Refusal
from serving.email.orders import Offerable, Recipient

CHANNEL, NO_LIMIT = "email", Limit()


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

    def look(self, campaign_ids: Sequence[str], recipients: Sequence[Recipient], now: datetime) -> list[Offerable]:
        """Which campaigns have a coupon for each recipient at this moment; nothing is held for them."""
        found = {name: self._running(name, now) for name in campaign_ids}
        running = {name: one for name, one in found.items() if one is not None}
        with reading(self.engine) as connection:
            books = Books(connection, self.secret(), now)
            return [
                dict.fromkeys(campaign_ids, NoOffer.KILLED) | self._for(books, running, to) for to in recipients
            ]  # fmt: skip

    def coupon(self, block: MailBlock, now: datetime) -> Coupon | None:
        """The coupon that was issued for a block; None: nobody asked yet, or in vain."""
        with reading(self.engine) as connection:
            return coupon_of_decision(Books(connection, self.secret(), now), _decision_of(block))

    def claim(self, block: MailBlock, promised: Promised, by: Author, *, is_allowed: bool) -> Coupon | NoOffer:
        """Issue the coupon of a block and count the contact, in one transaction; once it answers, it is on disk.

        Asked again, it answers with the same coupon.

        Args:
            is_allowed: whether the reader may still be written to, as this worker knows; a no that it has not heard of
                is found here. Then only what they have is answered.
        """
        holder = _holder_of(block.user_id)
        with self.ledger.writing(by) as books:
            person = person_in(books, holder)
            lock_person(books.connection, person)
            known = coupon_of_decision(books, _decision_of(block))
            if known is not None:
                return known
            hold_changes(books.connection)
            if not is_allowed or read_refusing(books.connection, [block.user_id], books.secret, books.now):
                return NoOffer.NO_CONSENT
            campaign = self._running(promised.campaign_id, books.now)
            if campaign is None:
                return NoOffer.KILLED
            if self._is_capped(read_contacts(books.connection, person, books.now), campaign, books.now):
                return NoOffer.FREQUENCY_CAP
            coupon = issue(books, _request(block, promised, campaign, books.now))
            if isinstance(coupon, Refusal):
                return NoOffer(coupon.value)
            if coupon.version != campaign.version:
                raise StoreUnavailable("The campaign was changed this moment.", remedy="Ask again.")
            new = NewContact(contact_id=coupon.decision_id, about=_about(campaign), coupon_id=coupon.coupon_id)
            write_contact(books, person, new)
            return coupon

    def _for(self, books: Books, running: dict[str, Campaign], to: Recipient) -> dict[str, Campaign | NoOffer]:
        holder = _holder_of(to.user_id)
        wanted = {name: one.most_discount for name, one in running.items()}
        room = room_for(books, wanted, holder, None, to.store_id) if wanted else {}
        contacts = read_contacts(books.connection, person_in(books, holder), books.now)
        found = dict[str, Campaign | NoOffer]()
        for name, one in running.items():
            refused = room[name]
            if to.store_id is not None and one.stores is not None and to.store_id not in one.stores:
                found[name] = NoOffer.NOT_ELIGIBLE
            elif refused is not None:
                found[name] = NoOffer(refused.value)
            elif is_held_out("\n".join(holder), name, one.holdout):
                found[name] = NoOffer.HOLDOUT
            else:
                found[name] = NoOffer.FREQUENCY_CAP if self._is_capped(contacts, one, books.now) else one
        return found

    def _running(self, campaign_id: str, now: datetime) -> Campaign | None:
        campaign = self.find(campaign_id)
        if campaign is None or campaign.sensitive or campaign.codes != "unique":
            return None
        return campaign if campaign.is_valid_at(now) else None

    def _is_capped(self, contacts: Sequence[Contact], campaign: Campaign, now: datetime) -> bool:
        asked = contacts, _about(campaign), now, ZoneInfo(campaign.timezone)
        return bool(contact_caps(self.rules, *asked) or campaign_caps(self.rules, *asked))


def _request(block: MailBlock, promised: Promised, campaign: Campaign, now: datetime) -> IssueRequest:
    store_id, stores = block.chosen.store_id, tuple(sorted(campaign.stores or ()))
    if store_id is not None and campaign.budget.per_store != NO_LIMIT:
        stores = (store_id,)  # whose budget pays
    return IssueRequest(
        campaign_id=campaign.campaign_id, decision_id=_decision_of(block), holder=_holder_of(block.user_id),
        store_id=store_id, stores=stores, most_discount=campaign.most_discount, valid_from=now,
        valid_until=min(now + timedelta(days=promised.days), campaign.ends_at()),
    )  # fmt: skip


def _about(campaign: Campaign) -> About:
    return About(channel=CHANNEL, campaign_id=campaign.campaign_id, topic=campaign.topic)


def _decision_of(block: MailBlock) -> str:
    """What the ledger and the contact budget call the offer of a block: the same however often it is asked for."""
    return f"mail_{block.block_ref}"


def _holder_of(user_id: str) -> Identifier:
    return USER_ID, user_id
