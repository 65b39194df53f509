"""What a redeemed coupon earns, and how likely it is redeemed as long as no model has learnt it."""

from math import exp
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from recommender.arrays import Floats, Rows
from recommender.catalogue import Catalogue
from recommender.offers.campaign import Campaign
from recommender.offers.terms import Amount, BuyXGetY, Percent
from recommender.shopper import Purchases

Share = Annotated[float, Meta(ge=0, le=1)]


class Earnings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a redemption earns, as far as a catalogue without costs can tell.

    Attributes:
        margin: share of the price that stays with the shop.
        funded: share of the discount that somebody else pays.
        unmatched, matched: chance of a redemption by somebody who never bought the items, and by their keenest buyer.
    """

    margin: Share
    funded: Share
    unmatched: Share
    matched: Share

    def of(self, campaign: Campaign, shown: Rows, catalogue: Catalogue) -> float:
        """Margin after the discount of one redemption, in minor units; below 0: it costs money. `shown`: its items."""
        prices = catalogue.number["price"][shown]
        price = float(np.nanmedian(prices)) if len(prices) and not np.isnan(prices).all() else 0.0
        discount, basket = campaign.discount, campaign.basket
        pieces = float(discount.buy + discount.get) if isinstance(discount, BuyXGetY) else 1.0
        spent = max(price * max(pieces, basket.minimum_quantity), float(basket.minimum_amount))
        match discount:
            case Percent(percent=percent):
                taken = spent * percent / 100
            case Amount(amount=amount):
                taken = float(amount)
            case BuyXGetY(get=get, percent=percent):
                taken = price * get * percent / 100
            case _:
                taken = 0.0  # points
        taken = min(taken, spent, float(discount.max_discount))
        return self.margin * spent - (1 - self.funded) * taken

    def chance(self, bought: float) -> float:
        """Chance of a redemption, by the sum of `decayed_purchases` of the items: without a model only these tell."""
        return self.unmatched + (self.matched - self.unmatched) * (1 - exp(-bought))


def decayed_purchases(purchases: Purchases, n_items: int) -> Floats:
    """By item row how much of it was bought lately and long ago; (n_items,)."""
    weights = np.zeros(n_items, dtype=np.float32)
    weights[purchases.rows] = purchases.decayed_short + purchases.decayed_long
    return weights
