"""What was known of each shopper and coupon when it was sent, and whether it was redeemed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.offline.coupon_habits import coupon_habits, with_habits
from features.offline.histories import build_histories, purchases_before
from features.online.live_state import NO_LIVE_EVENTS
from features.shopper import assemble
from recommender.arrays import Floats, Mask, Matrix, Rows
from recommender.catalogue import Catalogue
from recommender.ids import UserId
from recommender.offers.response_cards import make_card, make_deck
from recommender.offers.response_features import RESPONSE_FEATURES, bought, response_features
from training.models.popularity import RECENT_DAYS
from training.offers.history import CouponHistory, Sending


@dataclass(frozen=True, slots=True)
class Examples:
    """Pairs of a shopper and a coupon.

    Attributes:
        features: (n, n_features) float32, as of the moment at which the coupon's sending began; of a coupon that the
            ledger issued, as of the start of that day (UTC), since nobody knows more of a shopper than the last
            training does.
        redeemed: (n,) by that shopper, in that campaign.
        sending: (n,) position in `CouponHistory.sendings`; beyond them, a number for each day of issues.
        starts_day, ends_day: (n,) of the time in which it could be redeemed.
        shopper: (n,) the same number for the same person in all examples.
        bought, redemptions: (n,) as of that moment: orders of the coupon's products, fading with a half-life of 120
            days; coupons redeemed by the shopper. For the baselines; `features` hold the like.
    """

    features: Matrix
    redeemed: Mask
    sending: NDArray[np.int32]
    starts_day: NDArray[np.float64]
    ends_day: NDArray[np.float64]
    shopper: NDArray[np.int32]
    bought: Floats
    redemptions: Floats

    def __len__(self) -> int:
        return len(self.redeemed)

    def of(self, chosen: Mask) -> "Examples":
        """Some of them."""
        return Examples(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class _Known:
    """Of one shopper beside n coupons: features (n, n_features), bought (n,), and what they redeemed before."""

    features: Matrix
    bought: Floats
    redemptions: float


class Bench:
    """Makes examples of sendings, from purchases and redemptions of all times, of which it takes the earlier."""

    def __init__(self, purchases: pl.DataFrame, catalogue: Catalogue, learnable: Mask, history: CouponHistory) -> None:
        """Args:
        purchases: as `Interactions.purchases`; `item` is the row of `catalogue`.
        learnable: (n_items,) whether the buyers of an item count.
        """
        self._purchases = purchases.select("user_id", "day", "taken_back_day", "order_id", item_row="item")
        self._catalogue, self._learnable = catalogue, learnable
        self._history, self._received = history, history.received()
        self._redemptions = history.redeemed()
        self._number_of = {user: number for number, user in enumerate(self._received["user_id"].unique().sort())}
        self._redeemed = set(history.redemptions.select("user_id", "campaign_id").iter_rows())

    def make(self, places: Sequence[int]) -> Examples:
        """Examples of some sendings, given as positions in the history; those before the first purchase have none."""
        return join(part for place in places if (part := self._of(place)) is not None)

    def make_issued(self, until_day: float) -> Examples:
        """Examples of the coupons that the ledger issued, and that were redeemed or not when `until_day` came."""
        days = self._history.decided(until_day).partition_by("date", maintain_order=True)
        places = range(len(self._history.sendings), len(self._history.sendings) + len(days))
        return join(
            part
            for place, issues in zip(places, days, strict=True)
            if (part := self._issued(place, issues)) is not None
        )

    def _of(self, place: int) -> Examples | None:
        sending = self._history.sendings[place]
        found = self._looked_up(sending.starts_day, sending.user_ids, sending.products)
        if found is None:
            return None
        n_coupons, n = len(sending.products), len(sending.products) * len(sending.user_ids)
        return Examples(
            features=np.concatenate([one.features for one in found]),
            redeemed=self._labels(sending),
            sending=np.full(n, place, dtype=np.int32),
            starts_day=np.full(n, sending.starts_day),
            ends_day=np.full(n, sending.ends_day),
            shopper=np.repeat([self._number_of[user] for user in sending.user_ids], n_coupons).astype(np.int32),
            bought=np.concatenate([one.bought for one in found]),
            redemptions=np.repeat([one.redemptions for one in found], n_coupons).astype(np.float32),
        )

    def _issued(self, place: int, issues: pl.DataFrame) -> Examples | None:
        users, campaigns = issues["user_id"].unique().sort(), issues["campaign_id"].unique().sort()
        products = [self._history.products[one] for one in campaigns]
        found = self._looked_up(issues["date"][0], users.to_list(), products)
        if found is None:
            return None
        rows = users.search_sorted(issues["user_id"]), campaigns.search_sorted(issues["campaign_id"])
        at = list(zip(*rows, strict=True))
        return Examples(
            features=np.array([found[user].features[coupon] for user, coupon in at]),
            redeemed=issues["redeemed"].to_numpy(),
            sending=np.full(len(issues), place, dtype=np.int32),
            starts_day=issues["issued_day"].to_numpy(),
            ends_day=issues["ends_day"].to_numpy(),
            shopper=np.array([self._number_of[user] for user in issues["user_id"]], dtype=np.int32),
            bought=np.array([found[user].bought[coupon] for user, coupon in at], dtype=np.float32),
            redemptions=np.array([found[user].redemptions for user, _ in at], dtype=np.float32),
        )

    def _looked_up(self, cut_day: float, users: Sequence[str], products: Sequence[Rows]) -> "list[_Known] | None":
        """What was known of each user beside each coupon; None before the first purchase."""
        before = purchases_before(self._purchases.lazy(), cut_day)
        recent = self._recent_buyers(before, cut_day)
        if not recent.any():
            return None
        theirs = before.filter(pl.col("user_id").is_in(users)).collect().lazy()
        habits = coupon_habits(self._received, self._redemptions, cut_day)
        histories = with_habits(build_histories(theirs, cut_day), habits)
        deck = make_deck(tuple(make_card(rows, self._catalogue, recent) for rows in products))
        found = list[_Known]()
        for user in users:
            shopper = assemble(
                user_id=UserId(user), live=NO_LIVE_EVENTS, histories=histories, catalogue=self._catalogue,
                now_day=cut_day,
            )  # fmt: skip
            features = response_features(shopper, deck, self._catalogue, cut_day)
            found.append(_Known(features, bought(shopper, deck), shopper.coupons_redeemed))
        return found

    def _labels(self, sending: Sending) -> Mask:
        pairs = ((user, coupon) in self._redeemed for user in sending.user_ids for coupon in sending.campaign_ids)
        return np.fromiter(pairs, dtype=np.bool_)

    def _recent_buyers(self, before: pl.LazyFrame, cut_day: float) -> Floats:
        recent = before.filter(pl.col("day") >= cut_day - RECENT_DAYS).select("user_id", "item_row").unique().collect()
        buyers = np.bincount(recent["item_row"].to_numpy(), minlength=self._catalogue.n).astype(np.float32)
        return np.where(self._learnable, buyers, np.float32(0.0))


_NONE = Examples(
    features=np.empty((0, len(RESPONSE_FEATURES)), dtype=np.float32),
    redeemed=np.empty(0, dtype=np.bool_),
    sending=np.empty(0, dtype=np.int32),
    starts_day=np.empty(0),
    ends_day=np.empty(0),
    shopper=np.empty(0, dtype=np.int32),
    bought=np.empty(0, dtype=np.float32),
    redemptions=np.empty(0, dtype=np.float32),
)


def join(parts: Iterable[Examples]) -> Examples:
    """All of them, in this order."""
    some = [*parts] or [_NONE]
    return Examples(*(np.concatenate([getattr(part, name) for part in some]) for name in Examples.__slots__))
