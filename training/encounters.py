"""Whom a ranker meets in its lessons: shoppers with all that is known of them, and some as if they had just come."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.online.live_events import NO_LIVE_EVENTS, NO_PLACES, LiveEvents
from features.shopper import assemble
from recommender.arrays import EMPTY_ROWS, Rows
from recommender.ids import UserId
from recommender.shopper import EventKind, Shopper
from training.config import RankerConfig
from training.past import Past
from training.visits import visitor

EVENTS = (1, 3, 10)  # purchases that are known of a beginner
MOST_SEEN = 3  # items that a visitor has looked at


@dataclass(frozen=True, slots=True)
class Encounter:
    """One shopper at the cut.

    Attributes:
        number: of the shopper among those whose later purchases are held out (of `lookers`, whose touches are).
        seen: rows that were drawn from these purchases for the shopper to look at, and are no longer to be foretold.
    """

    number: int
    shopper: Shopper
    seen: Rows


def encounters(past: Past, config: RankerConfig, seed: int) -> Iterator[Encounter]:
    """Held-out shoppers; then some of them as beginners, with their latest 1, 3 or 10 purchases, and as visitors.

    Of many shoppers only `config.most_shoppers` are met: what is remembered of each fills some hundred KiB.

    A visitor is a stranger who looks at one to three items that the shopper buys after the cut. Whoever met only long
    histories would put the one purchase of a beginner above all else, and know nothing to say to a visitor.
    """
    rng = np.random.default_rng(seed)
    met = _at_most(config.most_shoppers, len(past.held_out), rng)
    for number in met.tolist():
        yield Encounter(number, shopper_at_cut(past, past.held_out.user_ids[number]), EMPTY_ROWS)
    yield from _beginners(past, _some(met, config.beginner_share, rng))
    yield from _visitors(past, _some(met, config.visitor_share, rng), rng)


def lookers(past: Past, config: RankerConfig, seed: int) -> Iterator[Encounter]:
    """Shoppers who looked at something after the cut, with all their purchases; their numbers are of `past.touched`."""
    for number in _at_most(config.most_shoppers, len(past.touched), np.random.default_rng(seed)).tolist():
        yield Encounter(number, shopper_at_cut(past, past.touched.user_ids[number]), EMPTY_ROWS)


def shopper_at_cut(past: Past, user_id: UserId) -> Shopper:
    """The shopper as requests at the cut would have seen them."""
    return assemble(
        user_id=user_id,
        live=NO_LIVE_EVENTS,
        histories=past.model.histories,
        catalogue=past.catalogue,
        now_day=past.cut_day,
    )


def latest_purchases(past: Past, numbers: NDArray[np.int64]) -> list[tuple[Rows, NDArray[np.float64]]]:
    """Rows and days of what each of these shoppers had bought, the latest first, of one moment by row.

    Args:
        numbers: (n,) ascending.
    """
    bought = past.purchases.of_asked()
    order = np.lexsort((bought.row, -bought.day, bought.shopper))
    shopper = bought.shopper[order]
    starts, ends = (np.searchsorted(shopper, numbers, side=side) for side in ("left", "right"))
    parts = [order[start:end] for start, end in zip(starts, ends, strict=True)]
    return [(bought.row[part], bought.day[part]) for part in parts]


def newcomer(past: Past, rows: Rows, days: NDArray[np.float64]) -> Shopper:
    """A shopper whom training did not see, put together from orders in live state, newest first."""
    live = LiveEvents(
        numbers=past.catalogue.items.numbers[rows].astype(np.int32),
        kinds=np.full(len(rows), EventKind.ORDERED, dtype=np.uint8),
        days=days,
        quantities=np.ones(len(rows), dtype=np.float32),
        orders=np.unique(days, return_inverse=True)[1].astype(np.uint32),
        places=NO_PLACES,
    )
    return assemble(
        user_id=None, live=live, histories=past.model.histories, catalogue=past.catalogue, now_day=past.cut_day
    )


def _at_most(most: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers below `n`, ascending: all, or `most` of them, drawn."""
    return np.arange(n) if n <= most else np.sort(rng.choice(np.arange(n), most, replace=False))


def _some(met: NDArray[np.int64], share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of a drawn share of these shoppers, ascending."""
    return met[np.sort(rng.permutation(len(met))[: round(share * len(met))])]


def _beginners(past: Past, numbers: NDArray[np.int64]) -> Iterator[Encounter]:
    """With as many of their latest purchases as EVENTS says, in turn; who has fewer is left out."""
    for place, (number, (rows, days)) in enumerate(zip(numbers.tolist(), latest_purchases(past, numbers), strict=True)):
        n_known = EVENTS[place % len(EVENTS)]
        if len(rows) >= n_known:
            yield Encounter(number, newcomer(past, rows[:n_known], days[:n_known]), EMPTY_ROWS)


def _visitors(past: Past, numbers: NDArray[np.int64], rng: np.random.Generator) -> Iterator[Encounter]:
    """Who buys more after the cut than a visitor looks at."""
    for number in numbers.tolist():
        bought = past.held_out.bought.of(number)
        there = bought[bought < past.catalogue.n]
        if len(there) > 1:
            most = min(MOST_SEEN, len(there) - 1)
            seen = rng.choice(there, int(rng.integers(1, most + 1)), replace=False).astype(np.int32)
            yield Encounter(number, visitor(seen, past.model, past.catalogue, past.cut_day), seen)
