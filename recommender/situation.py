"""Everything that one decision stands on, and what several of its steps derive from it."""

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import EMPTY_ROWS, Floats, Mask, Rows
from recommender.catalogue import Catalogue
from recommender.derived import derived
from recommender.facts import facts_of
from recommender.model import Model
from recommender.native import F32, F64, I32, NOTHING, compiled, reads, writes
from recommender.placements import Placement
from recommender.query import Query
from recommender.ranking.rhythm import days_until_again
from recommender.retrieval.fold_in import fold_in, known_weights
from recommender.retrieval.session_neighbours import NO_SESSIONS, SessionTally, tally_sessions
from recommender.retrieval.tally import Tally
from recommender.rules.compiled import Facts, Rule
from recommender.shopper import EventKind, Shopper
from recommender.value import value

STRONGEST_PURCHASES = 64  # of a shopper, whose neighbours are added up
LATEST_PURCHASES = 12  # of a shopper, whose followers are added up
OFTEN = 3  # orders from which on an item counts as bought often
SEED_DECAY = 0.8  # from one item of the session or cart to the one before it


@value()
class Situation:
    """One question with all that is known at its moment. What is costly is worked out once, when first asked for."""

    query: Query
    placement: Placement
    shopper: Shopper
    catalogue: Catalogue
    model: Model
    now_day: float

    @derived
    def cart(self) -> Rows:
        """What the caller says is in the cart, then what live state knows of; no repeats."""
        if not len(self.query.cart):
            return self.shopper.cart
        return _distinct(self.query.cart, self.shopper.cart)

    @derived
    def in_cart(self) -> frozenset[int]:
        """The rows of the cart."""
        return frozenset(self.cart.tolist())

    @derived
    def looked_at(self) -> frozenset[int]:
        """Rows viewed of late, or touched in this session."""
        touches = self.shopper.touches
        viewed = touches.rows[touches.kinds == EventKind.VIEWED]
        return frozenset([*viewed.tolist(), *self.shopper.session.tolist()])

    @derived
    def at_hand(self) -> Rows:
        """The item in view, the cart and the session, in this order; no repeats."""
        in_view = EMPTY_ROWS if self.query.context_item is None else np.array([self.query.context_item], dtype=np.int32)
        return _distinct(in_view, self.cart, self.shopper.session)

    @derived
    def vector(self) -> Floats | None:
        """The shopper's embedding, (d,), from purchases and what is at hand; None: nothing to make it from."""
        rows, weights = known_weights(self.shopper.purchases, self.at_hand, self.model.n_items)
        return fold_in(self.model.embeddings, self.model.fold_in, rows, weights) if len(rows) else None

    @derived
    def at_hand_weights(self) -> Floats:
        """Of each item at hand: 1, then ever less."""
        return seed_weights(self.at_hand)

    @derived
    def gap_days(self) -> Floats:
        """Of each purchased item, the usual days until it is bought again."""
        return days_until_again(self.shopper.purchases, self.model.rhythm.gap_days)

    @derived
    def often_bought(self) -> frozenset[int]:
        """Rows that the shopper bought in OFTEN orders or more."""
        purchases = self.shopper.purchases
        return frozenset(purchases.rows[purchases.baskets >= OFTEN].tolist())

    @derived
    def best_of_store(self) -> frozenset[int]:
        """Rows that sell best in the store in question; empty without one."""
        rows = self.model.popularity.by_store.get(self.query.store_id) if self.query.store_id is not None else None
        return frozenset() if rows is None else frozenset(rows.tolist())

    @derived
    def near_purchases(self) -> Tally:
        """Neighbours of what the shopper buys most and latest."""
        purchases = self.shopper.purchases
        weights = purchases.decayed_short + purchases.decayed_long
        if len(weights) > STRONGEST_PURCHASES:
            strongest = np.argpartition(-weights, STRONGEST_PURCHASES)[:STRONGEST_PURCHASES]
            return Tally(self.model.neighbours, purchases.rows[strongest], weights[strongest])
        return Tally(self.model.neighbours, purchases.rows, weights)

    @derived
    def after_latest(self) -> Tally:
        """What follows the latest purchases; those of one order before the last count half, and so on."""
        purchases = self.shopper.purchases
        n = min(LATEST_PURCHASES, len(purchases))
        rows, weights = np.empty(n, dtype=np.int32), np.empty(n, dtype=np.float32)
        _find_latest(rows, weights, purchases.rows, purchases.last_day)
        return Tally(self.model.followers, rows, weights)

    @derived
    def near_session(self) -> Tally:
        """Neighbours of what is at hand."""
        return Tally(self.model.neighbours, self.at_hand, self.at_hand_weights)

    @derived
    def seen(self) -> Rows:
        """The item in view, then what was touched in the session, newest first, with repeats; else the cart."""
        seen, in_view = self.shopper.seen, self.query.context_item
        if in_view is not None and (not len(seen) or seen[0] != in_view):
            seen = np.concatenate([np.array([in_view], dtype=np.int32), seen])
        return seen if len(seen) else self.cart

    @derived
    def from_sessions(self) -> SessionTally:
        """What earlier sessions say of what was seen in this one."""
        sessions = self.model.sessions
        return NO_SESSIONS if sessions is None else tally_sessions(sessions, self.seen)

    @derived
    def together(self) -> Tally:
        """What is bought together with what is in the cart; without a cart, with what is at hand."""
        together = self.model.bought_together
        if not len(self.cart):
            return Tally(together, self.at_hand, self.at_hand_weights)
        return Tally(together, self.cart, seed_weights(self.cart))

    @derived
    def age(self) -> int | None:
        """Of the shopper, in years; what the caller vouches for comes first."""
        return self.shopper.age if self.query.age is None else self.query.age

    @derived
    def filters(self) -> tuple[Rule, ...]:
        """The placement's rule and the caller's."""
        return tuple(rule for rule in (self.placement.filter, self.query.filter) if rule is not None)

    @derived
    def facts(self) -> Facts:
        """What rules can see besides the item."""
        return facts_of(self.query, self.shopper, self.cart, self.age, self.catalogue, self.now_day)

    @derived
    def fitting(self) -> Mask | None:
        """(catalogue.n,) True where all filters are, and a picture if one is needed; None: anything fits."""
        masks = [self._fitting(rule) for rule in self.filters]
        if self.query.pictured:
            masks.append(self.catalogue.pictured[: self.catalogue.n])
        if not masks:
            return None
        return masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)

    @derived
    def fitting_rows(self) -> Rows | None:
        """Rows that can be shown at all and fit, ascending; None: anything fits."""
        fitting, catalogue = self.fitting, self.catalogue
        if fitting is None:
            return None
        shown = fitting & catalogue.visible[: catalogue.n] & catalogue.in_stock[: catalogue.n]
        return np.flatnonzero(shown).astype(np.int32)

    def _fitting(self, rule: Rule) -> Mask:
        if not rule.items_only:
            return rule.mask(self.catalogue, self.facts)
        key = ("filter", rule.source, int(self.now_day))
        return self.catalogue.kept.get(self.catalogue.version, key, lambda: rule.mask(self.catalogue, self.facts))


def seed_weights(seeds: Rows) -> Floats:
    """Weights of items in the order of their importance: 1, then ever less."""
    return SEED_DECAY ** np.arange(len(seeds), dtype=np.float32)


@compiled(NOTHING, writes(I32), writes(F32), reads(I32), reads(F64))
def _find_latest(rows: Rows, weights: Floats, bought: Rows, last_day: NDArray[np.float64]) -> None:
    """Write what was bought last, the latest first (the lower row where equal), and 1 / (1 + orders since)."""
    days = np.full(len(rows), -np.inf)
    for i in range(len(bought)):
        if last_day[i] <= days[-1]:
            continue
        place = len(rows) - 1
        while place > 0 and last_day[i] > days[place - 1]:
            days[place], rows[place] = days[place - 1], rows[place - 1]
            place -= 1
        days[place], rows[place] = last_day[i], bought[i]
    orders_ago = 0
    for place in range(len(rows)):
        orders_ago += place > 0 and days[place] != days[place - 1]
        weights[place] = 1.0 / (1 + orders_ago)


def _distinct(*parts: Rows) -> Rows:
    """The parts one after the other, each row where it comes first."""
    filled = [part for part in parts if len(part)]
    if len(filled) <= 1:
        return filled[0] if filled else EMPTY_ROWS
    return np.array(list(dict.fromkeys(np.concatenate(filled).tolist())), dtype=np.int32)
