"""The layers that an offer has to pass, one after another; each is a pure question with its own reason for a no."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from hashlib import blake2b
from typing import Annotated, TypeVar

import numpy as np
from msgspec import Meta, Struct

from recommender.arrays import Mask, Rows
from recommender.catalogue import Catalogue
from recommender.ids import StoreId
from recommender.offers.choose import Policy
from recommender.offers.fatigue import About, Contact, ContactCap, Pauses, Tiredness
from recommender.offers.reasons import NoOffer
from recommender.offers.worth import Earnings
from recommender.shopper import Purchases

Arm = TypeVar("Arm")
UNKNOWN = -1  # code of no category
LARGEST_CATEGORIES = 5  # of a campaign, that "less like this" goes by
PER_ARM = frozenset({"campaign", "topic"})  # caps that are judged for each campaign


class QuietHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Local times from `begins` to `ends`, over midnight if need be; the end is not included. Equal: none."""

    begins: time
    ends: time

    def end_after(self, now: datetime, zone: tzinfo) -> datetime | None:
        """When they are over, aware; None: they are not on now."""
        local = now.astimezone(zone)
        over_midnight = self.begins > self.ends
        clock = local.time()
        inside = clock >= self.begins or clock < self.ends if over_midnight else self.begins <= clock < self.ends
        if not inside:
            return None
        days = 1 if over_midnight and clock >= self.begins else 0
        return _at(local.date() + timedelta(days=days), self.ends, zone)


class Annoyance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What disturbing somebody costs, in minor units: `contact`, and `tired` for a score of tiredness of 1."""

    contact: Annotated[float, Meta(ge=0)]
    tired: Annotated[float, Meta(ge=0)]

    def cost(self, score: float) -> float:
        """Minor units, for somebody of a score of tiredness in [0, 1)."""
        return self.contact + self.tired * score


class OfferRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What offers.toml says."""

    quiet_hours: QuietHours
    caps: tuple[ContactCap, ...]
    pauses: Pauses
    tiredness: Tiredness
    earnings: Earnings
    annoyance: Annoyance
    policy: Policy


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not, and from when on it may be different, aware; None: nobody knows."""

    reason: NoOffer
    until: datetime | None = None


def quiet_hours(rules: OfferRules, now: datetime, zone: tzinfo) -> Refused | None:
    """Nobody is disturbed at night."""
    end = rules.quiet_hours.end_after(now, zone)
    return None if end is None else Refused(NoOffer.QUIET_HOURS, end)


def contact_caps(
    rules: OfferRules, contacts: Sequence[Contact], about: About, now: datetime, zone: tzinfo
) -> Refused | None:
    """Caps on all contacts, then on those of the channel."""
    return _capped([cap for cap in rules.caps if cap.of not in PER_ARM], contacts, about, now, zone)


def campaign_caps(
    rules: OfferRules, contacts: Sequence[Contact], about: About, now: datetime, zone: tzinfo
) -> Refused | None:
    """Caps on contacts of one campaign, then of its topic."""
    return _capped([cap for cap in rules.caps if cap.of in PER_ARM], contacts, about, now, zone)


def after_refusal(rules: OfferRules, contacts: Sequence[Contact], now: datetime) -> Refused | None:
    """A pause from everything, after a refusal of anything."""
    end = rules.pauses.ends_at(contacts, now)
    return None if end is None else Refused(NoOffer.COOLDOWN, end)


def after_refusal_of(
    rules: OfferRules, contacts: Sequence[Contact], about: About, now: datetime
) -> Refused | None:  # fmt: skip
    """A longer pause from what was refused."""
    end = rules.pauses.ends_for(contacts, about, now)
    return None if end is None else Refused(NoOffer.COOLDOWN, end)


def fatigue(rules: OfferRules, score: float) -> Refused | None:
    """Somebody who heard too much from us, or did not like it, is left alone."""
    return Refused(NoOffer.FATIGUE) if score >= rules.tiredness.most else None


def bought_lately(rules: OfferRules, purchases: Purchases, catalogue: Catalogue, now_day: float) -> frozenset[int]:
    """Codes of the categories that somebody bought from within the pause."""
    if not len(purchases):
        return frozenset()
    since = now_day - rules.pauses.after_purchase / timedelta(days=1)
    rows = purchases.rows[purchases.last_day >= since]
    return frozenset(catalogue.text["category"].codes[rows].tolist()) - {UNKNOWN}


def recently_bought(wanted: frozenset[int], bought: frozenset[int]) -> bool:
    """Whether every category of an offer was just bought from: there is nothing left to come back for."""
    return bool(wanted) and wanted <= bought


def sellable(catalogue: Catalogue, store_id: StoreId, age: int | None) -> Mask:
    """Items that this store has and that somebody of this age (None: not stated) may buy; (catalogue.n,)."""
    mask = _sold_at_all(slice(catalogue.n), catalogue, age)
    if (store := catalogue.store_stock.get(store_id)) is not None:
        mask[store.rows] = False
    return mask


def sellable_among(rows: Rows, catalogue: Catalogue, store_id: StoreId, age: int | None) -> Rows:
    """Those of some rows, no repeats, in their order; for who would look at few of many items."""
    can_be = _sold_at_all(rows, catalogue, age)
    if (store := catalogue.store_stock.get(store_id)) is not None:
        can_be &= ~np.isin(rows, store.rows, assume_unique=True)
    return rows[can_be]


def _sold_at_all(rows: Rows | slice, catalogue: Catalogue, age: int | None) -> Mask:
    return catalogue.visible[rows] & catalogue.in_stock[rows] & (catalogue.number["min_age"][rows] <= (age or 0))


def largest_categories(rows: Rows, catalogue: Catalogue) -> frozenset[str]:
    """The categories that most of a campaign's items are of; "less like this" goes by them."""
    column = catalogue.text["category"]
    counted = Counter[int](column.codes[rows].tolist())
    largest = [code for code, _ in counted.most_common() if code != UNKNOWN][:LARGEST_CATEGORIES]
    return frozenset(column.words[code] for code in largest)


def is_held_out(shopper: str, campaign_id: str, share: float) -> bool:
    """Whether this shopper is of the share who never get the campaign: always the same ones."""
    digest = blake2b(f"holdout\0{campaign_id}\0{shopper}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def sift(
    arms: Sequence[Arm], layers: Sequence[tuple[NoOffer, Callable[[Arm], bool]]]
) -> tuple[list[Arm], list[NoOffer]]:
    """Pass arms through layers, in order.

    Returns the arms that pass all of them, and why none does: first the layer that left nothing, then each later one
    that would have let none pass either. If some pass, there is no reason.
    """
    left, reasons = list(arms), list[NoOffer]()
    for reason, passes in layers if arms else ():
        if left:
            left = [arm for arm in left if passes(arm)]
            empty = not left
        else:
            empty = not any(passes(arm) for arm in arms)
        if empty and reason not in reasons:
            reasons.append(reason)
    return left, reasons


def _capped(
    caps: Sequence[ContactCap], contacts: Sequence[Contact], about: About, now: datetime, zone: tzinfo
) -> Refused | None:
    if not contacts:
        return None  # as of most people: every cap has room for one
    times = [time for cap in caps if (time := cap.free_at(contacts, about, now, zone)) is not None]
    return Refused(NoOffer.FREQUENCY_CAP, max(times)) if times else None


def _at(day: date, clock: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, clock, zone)
