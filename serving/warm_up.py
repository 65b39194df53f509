"""A few decisions and whole answers before the first request, so that it is as fast as the hundredth."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice, product

import orjson

from features.online.live_state import NO_LIVE_EVENTS
from features.shopper import assemble
from recommender.decide import decide
from recommender.ids import AnonymousId
from recommender.placements import Placement
from recommender.query import Query
from recommender.shopper import STRANGER
from serving.clock import Clock
from serving.current import Serving
from serving.recommendations.questions import Caller, Question
from serving.recommendations.replies import ItemFragments, reply_of
from serving.recommendations.use_cases import Recommend

SHOPPERS = 5
REHEARSALS = 2  # of each placement


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


async def rehearse(
    recommend: Recommend, placements: Sequence[Placement], fragments: ItemFragments, clock: Clock
) -> None:
    """Answer from what answers now as requests are answered, up to the bytes; nothing of it is counted or recorded."""
    if recommend.current.artifact_id is None:
        return
    serving = recommend.current.get()
    popular = [serving.catalogue.items.item_id(int(row)) for row in serving.model.popularity.ranking[:3]]
    callers = [
        Caller(anonymous_id=AnonymousId("nobody"), cart=popular),
        *(Caller(user_id=user) for user in islice(serving.model.histories.position_of, SHOPPERS)),
    ]
    for caller, placement in islice(cycle(product(callers, placements)), REHEARSALS * len(placements)):
        question = Question(placement=placement.placement_id, item_id=popular[0] if popular else None)
        orjson.dumps(reply_of(await recommend.rehearse(caller, question, clock()), fragments))
