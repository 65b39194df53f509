"""What a redeemed coupon earns."""

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from recommender.arrays import Rows
from recommender.catalogue import Catalogue
from recommender.offers.campaign import Campaign
from recommender.offers.terms import Amount, BuyXGetY, Percent

Share = Annotated[float, Meta(ge=0, le=1)]


class Earnings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a redemption earns, as far as a catalogue without costs can tell.

    Attributes:
        margin: share of the price that stays with the shop.
        funded: share of the discount that somebody else pays.
        usual_rate: chance of a redemption by somebody of whom nothing is known, as long as no model is trained.
    """

    margin: Share
    funded: Share
    usual_rate: Annotated[float, Meta(gt=0, lt=1)]

    def of(self, campaign: Campaign, rows: Rows, catalogue: Catalogue) -> float:
        """Margin after the discount of one redemption, in minor units; below 0: it costs money. `rows`: its items."""
        prices = catalogue.number["price"][rows]
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
