"""Unsubscribing with one click (RFC 8058): whoever has the link of a mail may withdraw, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from msgspec import DecodeError, json

from features.audit import Author
from features.email_links import Purpose, unseal
from features.identity import USER_ID, Identifier
from features.sql.consent_states import ConsentStates
from recommender.consent import MARKETING_EMAIL, WHOLE, Entry, Standing, State
from recommender.errors import LinkInvalid, StoreUnavailable

REFUSING = {State.DENIED, State.WITHDRAWN}


@dataclass(frozen=True, kw_only=True)
class Unsubscribe:
    """Writes down that somebody wants no mails any more.

    Attributes:
        record: writes consents down, in SQL and wherever they count; raises StoreUnavailable.
        is_erased: whether nothing may be written down of somebody, who then gets no mail anyway.
    """

    secret: Callable[[], bytes]
    record: Callable[[Sequence[Entry], Author], Awaitable[int]]
    states: ConsentStates
    is_erased: Callable[[Identifier], bool]

    def read(self, token: str, now: datetime) -> tuple[str, str]:
        """Who, and of which send; raises LinkInvalid."""
        try:
            return json.decode(unseal(self.secret(), Purpose.UNSUBSCRIBE, token, now), type=tuple[str, str])
        except DecodeError:
            raise LinkInvalid("This link is not complete, or not one of ours.", field="token") from None

    async def __call__(self, user_id: str, send_id: str, by: Author, now: datetime) -> bool:
        """Withdraw; once this returns, no call renders a mail for them. Returns whether it was news.

        Raises StoreUnavailable: it is perhaps not written down, or does not hold; the same call may be made again.
        """
        subject = (USER_ID, user_id)
        if self.is_erased(subject):
            return False
        standing = await asyncio.to_thread(self._standing, subject)
        if _refuses(standing, now):
            return False
        if standing is not None:  # what was taken down by a clock ahead of ours must not win
            now = max(now, standing.entry.occurred_at + timedelta(microseconds=1))
        entry = Entry(
            entry_id=f"mail_{uuid4().hex}", subject=subject, purpose=MARKETING_EMAIL, state=State.WITHDRAWN,
            occurred_at=now, received_at=now, channel="email", system="recommender", form="unsubscribe",
            proof=f"the unsubscribe link of send {send_id}",
        )  # fmt: skip
        await self.record([entry], by)
        if not _refuses(await asyncio.to_thread(self._standing, subject), now):
            raise StoreUnavailable("Another word on mails is newer than this one.", remedy="Send it again.")
        return True

    def _standing(self, subject: Identifier) -> Standing | None:
        [standings] = [one.standings for one in self.states.of([subject]) if one.identifier == subject]
        return standings.get((MARKETING_EMAIL, WHOLE))


def _refuses(standing: Standing | None, now: datetime) -> bool:
    return standing is not None and standing.at(now) in REFUSING
