"""One contact budget of a person over all channels: caps, pauses after a refusal, and how tired of us they must be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from math import exp
from typing import Annotated, Literal

from msgspec import Meta, Struct

Feedback = Literal["", "shown", "saved", "dismissed", "less_like_this"]
Period = Literal["day", "week", "month"]
REFUSALS: tuple[Feedback, ...] = ("dismissed", "less_like_this")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a message is about: what caps and pauses go by.

    Attributes:
        channel: in_aisle, push, email or web.
        topic: of the campaign; "" for none.
        categories: of the items it is for, the largest ones.
    """

    channel: str
    campaign_id: str
    topic: str = ""
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A message that a person got, or an offer that was made to them; times are aware.

    Attributes:
        feedback: the latest word on it, "" for none; at `feedback_at`.
    """

    about: About
    made_at: datetime
    feedback: Feedback = ""
    feedback_at: datetime | None = None

    @property
    def refused_at(self) -> datetime | None:
        """When the person waved it away; None: they did not."""
        return self.feedback_at if self.feedback in REFUSALS else None


class ContactCap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most so many contacts in a calendar period (weeks begin on Monday), or within rolling hours.

    Attributes:
        of: all: every contact counts. Else those of the same channel, campaign or topic.
        name: of the only channel or topic that it holds for; None: for each.
        per, hours: exactly one of them.
    """

    most: Annotated[int, Meta(ge=1)]
    of: Literal["all", "channel", "campaign", "topic"] = "all"
    name: str | None = None
    per: Period | None = None
    hours: Annotated[float, Meta(gt=0, le=2400)] | None = None  # of 100 days, for which contacts are kept

    def __post_init__(self) -> None:
        """Raises ValueError unless one of `per` and `hours` is there."""
        if (self.per is None) == (self.hours is None):
            raise ValueError("a cap needs `per` (day, week or month) or `hours`, not both")

    def free_at(self, contacts: Iterable[Contact], about: About, now: datetime, zone: tzinfo) -> datetime | None:
        """When one more contact fits under the cap; None: it fits now. `zone` is whose calendar counts."""
        if self.of != "all" and self.name is not None and self.name != self._of(about):
            return None
        if self.of == "topic" and not about.topic:
            return None
        since = self._since(now, zone)
        times = sorted(
            one.made_at
            for one in contacts
            if one.made_at > since and (self.of == "all" or self._of(one.about) == self._of(about))
        )
        if len(times) < self.most:
            return None
        if self.hours is not None:
            return times[-self.most] + timedelta(hours=self.hours)
        return self._next(now, zone)

    def _of(self, about: About) -> str:
        return {"channel": about.channel, "campaign": about.campaign_id, "topic": about.topic}.get(self.of, "")

    def _since(self, now: datetime, zone: tzinfo) -> datetime:
        """Contacts after this moment count; of a calendar period its first moment counts too."""
        if self.hours is not None:
            return now - timedelta(hours=self.hours)
        midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.per == "week":
            midnight -= timedelta(days=midnight.weekday())
        elif self.per == "month":
            midnight = midnight.replace(day=1)
        return midnight - timedelta(microseconds=1)

    def _next(self, now: datetime, zone: tzinfo) -> datetime:
        start = (self._since(now, zone) + timedelta(microseconds=1)).astimezone(zone)
        if self.per == "month":
            return (start + timedelta(days=32)).replace(day=1)
        return start + timedelta(days=7 if self.per == "week" else 1)


class Pauses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long nothing is offered after a refusal; each further one doubles it, up to `longest`.

    Attributes:
        after_refusal: nothing at all in any channel.
        same_campaign: not the campaign that was dismissed.
        same_category: nothing that shares a category with what they want less of.
        after_purchase: nothing of which every category was just bought from.
        remembered: refusals older than this count no more.
    """

    after_refusal: timedelta
    same_campaign: timedelta
    same_category: timedelta
    after_purchase: timedelta
    longest: timedelta
    remembered: timedelta

    def ends_at(self, contacts: Sequence[Contact], now: datetime) -> datetime | None:
        """When the pause after the latest refusal of anything is over; None: it is."""
        return self._end(list(_refusals(contacts)), self.after_refusal, now)

    def ends_for(self, contacts: Sequence[Contact], about: About, now: datetime) -> datetime | None:
        """The same for what one message is about."""
        refusals = list(_refusals(contacts))
        same = [one for one in refusals if one.about.campaign_id == about.campaign_id]
        less = [one for one in refusals if one.feedback == "less_like_this" and one.about.categories & about.categories]
        ends = [self._end(same, self.same_campaign, now), self._end(less, self.same_category, now)]
        return max((end for end in ends if end is not None), default=None)

    def _end(self, refusals: Sequence[Contact], first: timedelta, now: datetime) -> datetime | None:
        times = [one.refused_at for one in refusals if one.refused_at and one.refused_at > now - self.remembered]
        if not times:
            return None
        end = max(times) + min(first * 2 ** min(len(times) - 1, 20), self.longest)
        return end if end > now else None


class Tiredness(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How contacts add up to a score in [0, 1): 0 for nobody heard from us, near 1 for somebody who is fed up.

    Attributes:
        half_life: of what a contact weighs.
        refused, less, saved: what a refusal, "less like this" and a saved offer add to the 1 that each contact weighs.
        scale: weights that come to a score of 1 - 1/e.
        most: from this score on nothing is offered.
    """

    half_life: timedelta
    refused: Annotated[float, Meta(ge=0)]
    less: Annotated[float, Meta(ge=0)]
    saved: Annotated[float, Meta(ge=-1, le=0)]
    scale: Annotated[float, Meta(gt=0)]
    most: Annotated[float, Meta(gt=0, le=1)]

    def score(self, contacts: Iterable[Contact], now: datetime) -> float:
        """The score of a person; order does not matter."""
        added = {"dismissed": self.refused, "less_like_this": self.less, "saved": self.saved}
        weights = sorted(
            (1 + added.get(one.feedback, 0.0)) * 2 ** -(max(now - one.made_at, timedelta()) / self.half_life)
            for one in contacts
        )
        return 1 - exp(-max(sum(weights), 0.0) / self.scale)


def _refusals(contacts: Iterable[Contact]) -> Iterable[Contact]:
    return (one for one in contacts if one.refused_at is not None)
