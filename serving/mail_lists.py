"""How emails come to their lists: by the same decision as every other recommendation, for many recipients at once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from features.sql.catalogue_store import CatalogueStore
from recommender.arrays import EMPTY_ROWS, Rows
from recommender.catalogue import Catalogue
from recommender.facts import facts_of
from recommender.ids import PlacementId, StoreId, UserId
from recommender.lockstep import Work
from recommender.offers.campaign import Campaign
from recommender.offers.layers import largest_categories, sellable_among
from recommender.offers.reasons import NoOffer
from recommender.query import Query
from recommender.unlearned import unlearned_model
from serving.campaigns.registry import Campaigns
from serving.clock import day_of
from serving.current import Serving
from serving.email.orders import Known, MailList, Recipient, Wanted
from serving.recommendations.answers import Answer
from serving.recommendations.questions import Caller, Question
from serving.recommendations.use_cases import Ask, Recommend
from serving.recommendations.use_cases import Known as Gathered

EMAIL = PlacementId("email")  # what rules over `context.` know of the place
NO_MODEL = "model"  # what a list says is degraded while no artifact answers


class MailLists:
    """Gathers what may be known of recipients, and decides for each.

    While no artifact answers, it decides on the catalogue as SQL has it, with a model that has learnt nothing.

    Args:
        segments_of: all segments of the person who has a user id.
    """

    def __init__(
        self,
        recommend: Recommend,
        catalogue: CatalogueStore,
        campaigns: Campaigns,
        segments_of: Callable[[UserId], frozenset[str]],
    ) -> None:
        self._recommend, self._store = recommend, catalogue
        self._campaigns, self._segments_of = campaigns, segments_of
        self._unlearned: Serving | None = None

    async def __call__(self, recipients: Sequence[Recipient], now: datetime) -> Known:
        """What may be known of them; raises InvalidInput for a market that is none, and StoreUnavailable."""
        if self._recommend.current.artifact_id is None:
            await self._read_catalogue()
        callers = [
            Caller(user_id=one.user_id, market=one.market, store_id=one.store_id, age=one.age) for one in recipients
        ]
        users = [str(one.user_id) for one in recipients]
        gathered = dict(zip(users, await self._recommend.gather_all(callers), strict=True))
        unsure = frozenset(user for user, (_, _, degraded) in gathered.items() if degraded)
        nameless = frozenset(user for user, (caller, _, _) in gathered.items() if not caller.may_personalise)
        return Known(
            refused=nameless - unsure,
            unsure=unsure,
            decide_all=lambda wanted: self._decide_all(gathered, wanted, now),
            why_not=lambda user, campaign: self._why_not(gathered[user], campaign, now),
            categories_of=lambda campaign: self._categories_of(campaign, now),
        )

    def _decide_all(
        self, gathered: Mapping[str, Gathered], wanted: Mapping[str, Wanted], now: datetime
    ) -> Work[dict[str, MailList]]:
        serving, asks = self._serving(), dict[str, Ask]()
        serving.catalogue.held += 1
        try:
            for user, one in wanted.items():
                asks[user] = self._ask(gathered[user], one, serving, now)
                yield
            answers = yield from self._recommend.decide_all([*asks.values()], serving, now)
        finally:
            serving.catalogue.held -= 1
        lists = dict[str, MailList]()
        for (user, ask), answer in zip(asks.items(), answers, strict=True):
            lists[user] = self._list_of(ask, answer, now)
            yield
        return lists

    def _ask(self, gathered: Gathered, wanted: Wanted, serving: Serving, now: datetime) -> Ask:
        caller, live, degraded = gathered
        most = self._recommend.find_placement(wanted.placement).max_limit
        question = Question(
            placement=wanted.placement, limit=min(wanted.limit, most), category=wanted.category,
            filter=wanted.filter, pictured=wanted.pictured,
        )  # fmt: skip
        shopper = self._recommend.shopper_of(caller, live, serving, now)
        missing = (*degraded, NO_MODEL) if serving is self._unlearned else degraded
        return Ask(caller, question, _rows_of(wanted.exclude, serving.catalogue), shopper, missing)

    def _why_not(self, gathered: Gathered, campaign: Campaign, now: datetime) -> NoOffer | None:
        """Without personalisation the rule is asked of a stranger."""
        (caller, live, _), serving = gathered, self._serving()
        shopper, catalogue = self._recommend.shopper_of(caller, live, serving, now), serving.catalogue
        if (rule := campaign.eligibility) is not None:
            user_id = caller.user_id if caller.may_personalise else None
            segments = frozenset[str]() if user_id is None else self._segments_of(user_id)
            known = replace(shopper, segments=segments, age=caller.age, store_id=caller.store_id)
            query = Query(placement=EMAIL, limit=1, store_id=caller.store_id)
            facts = facts_of(query, known, shopper.cart, caller.age, catalogue, day_of(now))
            if rule.evaluate({}, facts, catalogue) is not True:
                return NoOffer.NOT_ELIGIBLE
        rows = self._campaigns.products_of(campaign, catalogue, now)
        can_buy = sellable_among(rows, catalogue, caller.store_id or StoreId(""), caller.age)
        return None if len(can_buy) else NoOffer.OUT_OF_STOCK

    def _categories_of(self, campaign: Campaign, now: datetime) -> frozenset[str]:
        catalogue = self._serving().catalogue
        return largest_categories(self._campaigns.products_of(campaign, catalogue, now), catalogue)

    def _list_of(self, ask: Ask, answer: Answer, now: datetime) -> MailList:
        decision = answer.decision
        items = tuple(answer.catalogue.items[row] for row in decision.rows.tolist())

        async def record(shown: Sequence[str]) -> None:
            places = [place for place, item in enumerate(items) if item.item_id in shown]
            chances = decision.propensities
            part = replace(
                decision, rows=decision.rows[places], scores=decision.scores[places], trace=None,
                sources=tuple(decision.sources[place] for place in places),
                reasons=tuple(decision.reasons[place] for place in places),
                propensities=None if chances is None else tuple(chances[place] for place in places),
            )  # fmt: skip
            await self._recommend.record(ask.caller, ask.question, replace(answer, decision=part), now)

        return MailList(
            recommendation_id=answer.recommendation_id, model_version=answer.model_version, items=items,
            sources=decision.sources, personalised=decision.personalised, fallback=decision.fallback,
            degraded=answer.degraded, record=record,
        )  # fmt: skip

    def _serving(self) -> Serving:
        current = self._recommend.current
        if current.artifact_id is not None or self._unlearned is None:
            return current.get()
        return self._unlearned

    async def _read_catalogue(self) -> None:
        """Read all items, unless nothing in SQL changed since."""
        change_number = await asyncio.to_thread(self._store.change_number)
        if self._unlearned is not None and self._unlearned.change_number == change_number:
            return
        items, change_number = await asyncio.to_thread(self._store.read_snapshot)
        catalogue = await asyncio.to_thread(Catalogue.of, items)
        self._unlearned = Serving(unlearned_model(), catalogue, change_number)


def _rows_of(item_ids: Sequence[str], catalogue: Catalogue) -> Rows:
    rows = [row for item_id in item_ids if (row := catalogue.row_of(item_id)) >= 0]
    return np.array(rows, dtype=np.int32) if rows else EMPTY_ROWS
