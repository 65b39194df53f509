"""Which of several campaigns have room for one more coupon of a shopper: a look before the choice, without a lock."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from features.ledger.accounts import Place, Used, judge_by, read_budgets
from features.ledger.books import Allowed, look_at_campaigns
from recommender.offers.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Room:
    """What campaigns had room for at one moment, for coupons that are issued in one store; only `issue` makes sure.

    Attributes:
        store_id: "" for nowhere in particular.
        allowed: those that there are, and the day of each.
        used: of their budgets.
    """

    store_id: str
    allowed: Mapping[str, tuple[Allowed, str]]
    used: Used
    _of_strangers: dict[tuple[tuple[tuple[str, int], ...], bool], Mapping[str, Refusal]] = field(default_factory=dict)

    def refused(self, wanted: Mapping[str, int], shopper: str, device: str, own: Used) -> dict[str, Refusal]:
        """The campaigns that have no room for one more coupon, and why.

        Args:
            wanted: by campaign id the largest discount, in minor units.
            shopper, device: digests; device is "" for none.
            own: what they have used, as `read_own` tells.
        """
        asked = tuple(wanted.items()), bool(device)  # whoever has used nothing yet gets the same answer
        if asked not in self._of_strangers:
            self._of_strangers[asked] = self._judge(wanted, shopper, device, {})
        mine = {name: money for name, money in wanted.items() if name in own} if own else {}
        if not mine:
            return dict(self._of_strangers[asked])
        others = {name: no for name, no in self._of_strangers[asked].items() if name not in mine}
        return others | self._judge(mine, shopper, device, own)

    def _judge(self, wanted: Mapping[str, int], shopper: str, device: str, own: Used) -> dict[str, Refusal]:
        found = {name: self._refusal(name, money, shopper, device, own) for name, money in wanted.items()}
        return {name: no for name, no in found.items() if no is not None}

    def _refusal(self, campaign_id: str, money: int, shopper: str, device: str, own: Used) -> Refusal | None:
        allowed, day = self.allowed.get(campaign_id, (None, ""))
        if allowed is None or allowed.state != "open":
            return Refusal.KILLED
        used, place = self.used.get(campaign_id, {}), Place(campaign_id, day, self.store_id, shopper, device)
        return judge_by({**used, **own.get(campaign_id, {})}, allowed, place, money)


def look_at_room(connection: Connection, campaigns: Collection[str], store_id: str | None, now: datetime) -> Room:
    """Look at several campaigns at once."""
    allowed = {name: (one, one.day(now)) for name, one in look_at_campaigns(connection, campaigns).items()}
    days = {name: day for name, (_, day) in allowed.items()}
    return Room(store_id or "", allowed, read_budgets(connection, days, store_id or ""))
