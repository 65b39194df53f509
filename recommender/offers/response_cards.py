"""What the response to a coupon depends on in the coupon itself, worked out once and kept."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recommender.arrays import EMPTY_ROWS, Codes, Floats, Rows
from recommender.catalogue import Catalogue
from recommender.model import Model

DECKS_KEPT = 32  # who stands in one place is offered the same


@dataclass(frozen=True, slots=True, eq=False)
class CouponCard:
    """One coupon.

    Attributes:
        rows: item rows of its products, no repeats.
        types: codes of the types that its products are of, ascending.
        buyers: of its products in the last 28 days before the artifact's cut, summed over them.
        usual_share: these as a share of the buyers of everything, in (0, 1].
    """

    rows: Rows
    types: Codes
    buyers: float
    usual_share: float


def make_card(rows: Rows, catalogue: Catalogue, recent_buyers: Floats) -> CouponCard:
    """Work out a card.

    Args:
        recent_buyers: (n,) by item row, of the last 28 days; later rows have none.
    """
    types = np.unique(catalogue.text["type"].codes[rows])
    buyers = float(recent_buyers[rows[rows < len(recent_buyers)]].sum())
    return CouponCard(
        rows=rows,
        types=types[types >= 0],
        buyers=buyers,
        usual_share=(buyers + 1.0) / (float(recent_buyers.sum()) + 1.0),
    )


@dataclass(frozen=True, slots=True)
class Owned:
    """Numbers that the cards of a deck have, ascending, and the place of the card that each is of."""

    numbers: Codes
    owners: NDArray[np.int32]

    @classmethod
    def of(cls, lists: Sequence[Codes]) -> "Owned":
        """Put the numbers of all cards in order."""
        numbers = np.concatenate([*lists, EMPTY_ROWS])
        order = np.argsort(numbers, kind="stable")
        return cls(numbers[order], np.repeat(np.arange(len(lists), dtype=np.int32), [len(one) for one in lists])[order])

    def sums(self, numbers: Codes, weights: Floats, n: int) -> Floats:
        """(n,) by card, the sum of the weights of those of `numbers` (repeats allowed) that the card has."""
        first = np.searchsorted(self.numbers, numbers, side="left")
        found = np.searchsorted(self.numbers, numbers, side="right") - first
        skipped = np.repeat(first - np.cumsum(found) + found, found)
        owners = self.owners[skipped + np.arange(len(skipped))]
        return np.bincount(owners, np.repeat(weights, found), minlength=n).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Deck:
    """Several cards, put together so that one shopper is compared with all of them at once.

    Attributes:
        products, types: of all cards.
        buyers, usual_share: (n,) float32.
    """

    products: Owned
    types: Owned
    buyers: Floats
    usual_share: Floats

    def __len__(self) -> int:
        return len(self.buyers)


@lru_cache(DECKS_KEPT)
def make_deck(cards: tuple[CouponCard, ...]) -> Deck:
    """Put cards together, in this order."""
    return Deck(
        products=Owned.of([card.rows for card in cards]),
        types=Owned.of([card.types for card in cards]),
        buyers=np.array([card.buyers for card in cards], dtype=np.float32),
        usual_share=np.array([card.usual_share for card in cards], dtype=np.float32),
    )


class CouponCards:
    """Cards by key, kept until there is another artifact, a new item, or another array of products.

    That an item changes its type meanwhile is not looked at.
    """

    def __init__(self) -> None:
        self._of: tuple[str, int] = ("", 0)
        self._cards: dict[Hashable, CouponCard] = {}

    def of(self, key: Hashable, rows: Rows, catalogue: Catalogue, model: Model) -> CouponCard:
        """The card of the coupon that `key` stands for, made anew when `rows` is another array."""
        if self._of != (model.version, catalogue.n):
            self._of, self._cards = (model.version, catalogue.n), {}
        card = self._cards.get(key)
        if card is None or card.rows is not rows:
            card = self._cards[key] = make_card(rows, catalogue, model.popularity.recent)
        return card
