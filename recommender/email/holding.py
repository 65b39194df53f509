"""Why somebody who may be written to gets no message now: what they wish, and how much they hear from the shop."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from enum import StrEnum

from recommender.offers.fatigue import About, Contact, ContactCap
from recommender.offers.layers import OfferRules, contact_caps
from recommender.preferences import Frequency, Wishes

CHANNEL = "email"
MESSAGE = About(channel=CHANNEL, campaign_id="")  # a message as such; the coupons of its offers name their campaigns
CAP_OF = {
    Frequency.DAILY: ContactCap(most=1, per="day"), Frequency.WEEKLY: ContactCap(most=1, per="week"),
    Frequency.MONTHLY: ContactCap(most=1, per="month"),
}  # fmt: skip


class Held(StrEnum):
    """Why a message is not sent."""

    PAUSED = "paused"  # they asked for a pause
    FREQUENCY = "frequency"  # they want mails less often, or never
    CAPPED = "frequency_cap"  # the shop's caps on contacts are reached


def why_held(
    wishes: Wishes, contacts: Sequence[Contact], rules: OfferRules, now: datetime, zone: tzinfo, *, is_new: bool
) -> Held | None:
    """Why somebody gets no message of a send; None: they get it.

    Args:
        contacts: of the person, over all channels.
        zone: whose calendar days, weeks and months count.
        is_new: whether none of its blocks was decided before; one that was is counted already.
    """
    if wishes.paused_until(CHANNEL, now) is not None:
        return Held.PAUSED
    often = wishes.frequency(CHANNEL)
    if often is Frequency.NEVER:
        return Held.FREQUENCY
    if not is_new:
        return None
    messages = [one for one in contacts if one.about == MESSAGE]
    if often in CAP_OF and CAP_OF[often].free_at(messages, MESSAGE, now, zone) is not None:
        return Held.FREQUENCY
    return None if contact_caps(rules, contacts, MESSAGE, now, zone) is None else Held.CAPPED
