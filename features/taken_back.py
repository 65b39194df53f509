"""Which orders were refunded or cancelled: those that live state saw, and those that only a history sums up."""

from collections import defaultdict
from dataclasses import dataclass
from math import inf

import numpy as np

from features.definitions import TAKES_BACK, WHOLE_SHARE
from features.online.live_events import LiveEvents
from recommender.arrays import Mask, Rows
from recommender.shopper import EventKind

_ORDERED, _TAKES_BACK = int(EventKind.ORDERED), frozenset(map(int, TAKES_BACK))
_WHOLE_ORDER = -1


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What no longer counts as bought.

    Attributes:
        events: (n,) True for live orders of an item all of which was taken back.
        rows_before: item rows that lose a basket of the history each, repeats possible.
        orders_before: how many orders of the history were taken back whole.
    """

    events: Mask
    rows_before: Rows
    orders_before: int


def taken_back(live: LiveEvents, rows: Rows, cut_day: float) -> TakenBack:
    """Settle orders and what takes them back, in whichever order they came.

    A history up to `cut_day` knows what was taken back before it. What was taken back since, of an order before it,
    lowers the history: by the lines of that order where live state still has them, else by the items that the refund
    names, each as if all of it came back. A whole order that live state no longer has only lowers their number: its
    items count until the next training.
    """
    refunds, lines = _refunds(live), _lines(live)
    gone = np.zeros(len(live), dtype=np.bool_)
    rows_before, orders_before = list[int](), 0
    for order, refund in refunds.items():
        bought = lines.get(order)
        if bought is None:
            rows_before += [int(rows[at]) for at in refund.since(cut_day)]
            orders_before += cut_day <= refund.whole_day < inf
            continue
        back_days = dict[int, float]()
        for number, positions in bought.items():
            back_day = refund.day_of(number, sum(float(live.quantities[at]) for at in positions))
            back_days[number] = back_day
            if back_day == inf:
                continue
            gone[positions] = True
            if back_day >= cut_day > min(float(live.days[at]) for at in positions):
                rows_before.append(int(rows[positions[0]]))
        all_back, ordered_day = (
            max(back_days.values()),
            min(float(live.days[at]) for of in bought.values() for at in of),
        )
        orders_before += ordered_day < cut_day <= all_back < inf
    found = np.array([row for row in rows_before if row >= 0], dtype=np.int32)
    return TakenBack(events=gone, rows_before=found, orders_before=orders_before)


@dataclass(slots=True)
class _Refund:
    """All that was said about taking back one order: when as a whole, and of single items (day, quantity, position)."""

    whole_day: float
    items: dict[int, list[tuple[float, float, int]]]

    def day_of(self, number: int, quantity: float) -> float:
        """When all of an item, bought in this quantity, had been taken back; infinite: it was not."""
        back = 0.0
        for day, part, _ in sorted(self.items.get(number, [])):
            back += part
            if back >= quantity * WHOLE_SHARE:
                return min(day, self.whole_day)
        return self.whole_day

    def since(self, cut_day: float) -> list[int]:
        """Positions of an event on each item that something was taken back of since the cut."""
        latest = [max(parts) for parts in self.items.values()]
        return [at for day, _, at in latest if day >= cut_day]


def _refunds(live: LiveEvents) -> dict[int, _Refund]:
    """By order."""
    refunds = dict[int, _Refund]()
    for at in np.flatnonzero(np.isin(live.kinds, list(_TAKES_BACK))).tolist():
        refund = refunds.setdefault(int(live.orders[at]), _Refund(inf, defaultdict(list)))
        number, day = int(live.numbers[at]), float(live.days[at])
        if number == _WHOLE_ORDER:
            refund.whole_day = min(refund.whole_day, day)
        else:
            refund.items[number].append((day, float(live.quantities[at]), at))
    return refunds


def _lines(live: LiveEvents) -> dict[int, dict[int, list[int]]]:
    """By order and item number the positions of its live events."""
    lines = dict[int, dict[int, list[int]]]()
    for at in np.flatnonzero(live.kinds == _ORDERED).tolist():
        lines.setdefault(int(live.orders[at]), {}).setdefault(int(live.numbers[at]), []).append(at)
    return lines
