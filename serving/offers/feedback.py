"""What shoppers say to offers: it counts for the contact budget at once, and is logged."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from features.audit import Author
from features.contacts import Known, find_contact, note_feedback, person_in, return_contact
from features.events.schema import OFFER_DISMISSED, OFFER_NOT_SHOWN, OFFER_SAVED, OFFER_SHOWN
from features.events.stream import EventRow, EventStream
from features.identity import Identifier
from features.ledger.ledger import Ledger
from features.ledger.voiding import void
from recommender.errors import UnknownOffer
from recommender.offers.fatigue import Feedback
from serving.offers.asks import Subject
from serving.offers.schemas import FeedbackKind

RETURNED_WITHIN = timedelta(hours=1)
EVENTS: dict[FeedbackKind, str] = {
    "shown": OFFER_SHOWN, "saved": OFFER_SAVED, "dismissed": OFFER_DISMISSED, "less_like_this": OFFER_DISMISSED,
    "not_shown": OFFER_NOT_SHOWN,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TakeFeedback:
    """Takes feedback in.

    Attributes:
        may_log: whether what these identifiers do may be logged.
    """

    ledger: Ledger
    stream: EventStream
    may_log: Callable[[Sequence[Identifier]], bool]

    async def __call__(
        self, offer_id: str, subject: Subject | None, kind: FeedbackKind, by: Author, now: datetime
    ) -> bool:
        """Take in one word on an offer; returns whether it changed anything. Repeated, it changes nothing.

        `subject` None: a caller that the shop trusts, who need not say whose offer it is.

        Raises:
            UnknownOffer: there is none, or it is somebody else's.
            StoreUnavailable: nothing is known of what became of it; the same call may be sent again.
        """
        recorded, known = await asyncio.to_thread(self._record, offer_id, subject, kind, by)
        if subject is not None and self.may_log(subject.identifiers):
            await self.stream.append_once([[_event(offer_id, known, subject, kind, now)]])
        return recorded

    def _record(self, offer_id: str, subject: Subject | None, kind: FeedbackKind, by: Author) -> tuple[bool, Known]:
        with self.ledger.writing(by) as books:
            known = find_contact(books.connection, offer_id)
            if known is not None and subject is not None:
                person = person_in(books, subject.holder)
                known = known if known.shopper in person.digests else None
            if known is None:
                raise UnknownOffer(
                    "There is no such offer of this shopper.",
                    field="offer_id",
                    remedy="Send the offer_id of the answer.",
                )
            if kind != "not_shown":
                changes = not known.is_returned and _is_news(known.feedback, kind)
                if changes:
                    note_feedback(books, offer_id, kind)
                return changes, known
            changes = not known.is_returned and known.feedback == "" and books.now - known.made_at < RETURNED_WITHIN
            # Who still has the coupon was reached: what is given back must be gone.
            if changes and (known.coupon_id == "" or void(books, known.coupon_id)):
                return_contact(books, offer_id)
                return True, known
            return False, known


def _is_news(before: Feedback, kind: Feedback) -> bool:
    """Whether a word says more than the one before: that it was shown says less than any other."""
    return before != kind and (before == "" or kind != "shown")


def _event(offer_id: str, known: Known, subject: Subject, kind: FeedbackKind, now: datetime) -> EventRow:
    about = {"offer_id": offer_id, "campaign_id": known.campaign_id, "kind": kind}
    return {
        "event_id": f"{offer_id}:{kind}", "line": 0, "event": EVENTS[kind], "user_id": subject.user_id,
        "anonymous_id": subject.anonymous_id, "channel": "app", "synthetic": False, "occurred_at": now,
        "received_at": now, "properties": orjson.dumps(about).decode(),
    }  # fmt: skip
