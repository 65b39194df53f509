"""A few decisions before the first request, so that it is as fast as the hundredth."""

from collections.abc import Iterator, Sequence
from itertools import islice

from features.online.live_state import NO_LIVE_EVENTS
from features.shopper import assemble
from recommender.decide import decide
from recommender.placements import Placement
from recommender.query import Query
from recommender.shopper import STRANGER
from serving.current import Serving

SHOPPERS = 5


def warm_up(serving: Serving, placements: Sequence[Placement], now_day: float) -> Iterator[None]:
    """Decide for each placement, for a stranger and a few known shoppers: compiles, maps files, fills what is kept.

    Each step of the iterator is one decision.
    """
    model, catalogue = serving.model, serving.catalogue
    known = [
        assemble(user_id=user_id, live=NO_LIVE_EVENTS, histories=model.histories, catalogue=catalogue, now_day=now_day)
        for user_id in islice(model.histories.position_of, SHOPPERS)
    ]
    popular = model.popularity.ranking[:3]
    context_item = int(popular[0]) if len(popular) else None
    category = None if context_item is None else catalogue.text["category"].word(context_item)
    for placement in placements:
        for shopper in (STRANGER, *known):
            query = Query(
                placement=placement.placement_id,
                limit=placement.limit,
                context_item=context_item,
                category=category,
                cart=popular,
                trace=shopper is STRANGER,
            )
            decide(query, placement, shopper, catalogue, model, now_day)
            yield
