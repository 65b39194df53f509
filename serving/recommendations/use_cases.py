"""Recommend: gather what is known, decide, record what was served."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

import numpy as np

from features.online.live_state import NO_LIVE_EVENTS, LiveEvents
from recommender.arrays import EMPTY_ROWS, Rows
from recommender.decide import decide_all
from recommender.derived import derived
from recommender.errors import RecommenderError, StoreUnavailable
from recommender.ids import PlacementId, RecommendationId, UserId
from recommender.lockstep import Work, finished
from recommender.placements import Placement
from recommender.query import Decision
from recommender.rules.compiled import Rule
from recommender.shopper import Shopper
from recommender.situation import Situation
from recommender.value import value
from serving.clock import day_of
from serving.current import Current, Serving
from serving.metrics import Metrics
from serving.micro_batch import MicroBatch
from serving.recommendations.answers import Answer, new_recommendation_id, trace_document
from serving.recommendations.exposures import Exposures
from serving.recommendations.live_reader import LiveReader
from serving.recommendations.questions import Caller, Question, rows_of_groups, translate
from serving.shoppers import shopper_of

STAGES = ("gather", "decide")
MOST_TOGETHER = 16  # callers whose lists are decided together: more than come in one turn of the loop, as a rule
Known = tuple[Caller, LiveEvents, tuple[str, ...]]  # a caller as they may be known, and what is degraded
UNKNOWN = "session", "consent"  # what an answer says is degraded when live state could not be read
TRACE = "trace"  # what an answer says is degraded when its trace could not be kept


@value(slots=True)
class Ask:
    """One list for one caller, as `gather_all` gives them.

    `taken`: rows whose groups it leaves out. `ledger_at`: as in `Answer`.
    """

    caller: Caller
    question: Question
    taken: Rows
    shopper: Shopper
    degraded: tuple[str, ...]
    ledger_at: int = 0


@dataclass(frozen=True, kw_only=True)
class Recommend:
    """Answers the questions of one caller: one list, or all lists of a page.

    Attributes:
        find_placement: raises UnknownPlacement.
        permits: whether this caller may be answered personally; raises InvalidInput for a market that is none.
        ledger_at: the change number up to which `permits` knows the ledger of consents.
        parted_since: whether a user's person lost an identifier after a change number.
        keep_trace: keeps the JSON of a trace; raises StoreUnavailable.
        trace_sample: share of the answers whose trace is kept without being asked for.
        compiled: the rule of a filter; raises InvalidRule.
    """

    current: Current
    find_placement: Callable[[PlacementId], Placement]
    permits: Callable[[Caller], bool]
    ledger_at: Callable[[], int]
    parted_since: Callable[[UserId, int], bool]
    live: LiveReader
    exposures: Exposures
    keep_trace: Callable[[RecommendationId, bytes], Awaitable[None]]
    metrics: Metrics
    trace_sample: float
    compiled: Callable[[str], Rule]

    async def __call__(self, caller: Caller, questions: Sequence[Question], now: datetime) -> list[Answer]:
        """Answer each question; what one list shows, with all of its groups, the later ones leave out.

        Raises:
            NoArtifact, UnknownPlacement, UnknownItem (the item in view), InvalidInput (limit, market), InvalidRule
            (filter).
        """
        started = perf_counter()
        self.current.get()  # without an artifact there is nothing to read for
        ledger_at = self.ledger_at()
        known = await self._gather(caller, ledger_at)
        caller, gathered = known[0], perf_counter()
        answers = await self._batch.begin(self._decide_page(known, questions, ledger_at, now))
        self.metrics.stages_timed(STAGES, (gathered - started, perf_counter() - gathered))
        for position, question in enumerate(questions):
            answers[position] = await self.record(caller, question, answers[position], now)
        return answers

    async def rehearse(self, caller: Caller, question: Question, now: datetime) -> Answer:
        """Answer as a call does, for nobody: what it answers is not counted, recorded or kept."""
        ledger_at = self.ledger_at()
        [answer] = finished(self._decide_page(await self._gather(caller, ledger_at), [question], ledger_at, now))
        return answer

    @derived
    def _batch(self) -> MicroBatch:
        return MicroBatch(MOST_TOGETHER)

    async def _gather(self, caller: Caller, ledger_at: int) -> Known:
        """What may be known of the caller, and what is degraded: one round trip.

        Where nothing personal may be read or written, or nobody can tell, the caller comes back without identifiers.
        """
        if self.permits(caller):
            return _known(caller, await self.live.read(caller), ledger_at)
        return _nameless(caller), NO_LIVE_EVENTS, ()

    async def gather_all(self, callers: Sequence[Caller]) -> list[Known]:
        """The same of many callers, in round trips that they share."""
        ledger_at = self.ledger_at()
        permitted = {place: caller for place, caller in enumerate(callers) if self.permits(caller)}
        read = dict(zip(permitted, await self.live.read_all(list(permitted.values())), strict=True))
        return [
            _known(caller, read[place], ledger_at) if place in read else (_nameless(caller), NO_LIVE_EVENTS, ())
            for place, caller in enumerate(callers)
        ]

    def _decide_page(
        self, known: Known, questions: Sequence[Question], ledger_at: int, now: datetime
    ) -> Work[list[Answer]]:
        # Nothing awaits in here, so that one model, its catalogue and rows of it are what the whole page sees.
        (caller, live, degraded), serving = known, self.current.get()
        shopper = self.shopper_of(caller, live, serving, now)
        answers: list[Answer] = []
        taken: Rows = EMPTY_ROWS
        for question in questions:
            try:
                asked = [Ask(caller, question, taken, shopper, degraded, ledger_at)]
                [answer] = yield from self.decide_all(asked, serving, now)
            except RecommenderError as error:
                error.field = None if error.field is None else question.within + error.field
                raise
            answers.append(answer)
            if len(questions) > 1:
                taken = np.concatenate([taken, rows_of_groups(answer.decision.rows, serving.catalogue)])
        return answers

    def shopper_of(self, caller: Caller, live: LiveEvents, serving: Serving, now: datetime) -> Shopper:
        """All that is known of a caller as `gather_all` gives them."""
        return shopper_of(caller.user_id, live, serving, now, self.parted_since)

    def decide_all(self, asks: Sequence[Ask], serving: Serving, now: datetime) -> Work[list[Answer]]:
        """Decide lists together, each as it would be alone, with pauses; raises as a call does."""
        situations = [self._situation(ask, serving, now) for ask in asks]
        yield
        decisions = yield from decide_all(situations)
        return [
            self._answer(ask, situation, decision, now)
            for ask, situation, decision in zip(asks, situations, decisions, strict=True)
        ]

    def _situation(self, ask: Ask, serving: Serving, now: datetime) -> Situation:
        question, catalogue, now_day = ask.question, serving.catalogue, day_of(now)
        placement = self.find_placement(question.placement)
        trace = question.explain or (self.trace_sample > 0 and random.random() < self.trace_sample)  # noqa: S311 - which is sampled is no secret
        query = translate(
            question, ask.caller, placement, catalogue, compiled=self.compiled, day=int(now_day), trace=trace
        )
        if len(ask.taken):
            query = replace(query, exclude=np.concatenate([query.exclude, ask.taken]))
        return Situation(query, placement, ask.shopper, catalogue, serving.model, now_day)

    def _answer(self, ask: Ask, situation: Situation, decision: Decision, now: datetime) -> Answer:
        return Answer(
            recommendation_id=new_recommendation_id(now),
            model_version=situation.model.version,
            query=situation.query,
            decision=decision,
            degraded=ask.degraded,
            catalogue=situation.catalogue,
            shown_before=ask.shopper.shown if situation.placement.rotation > 0 else None,
            ledger_at=ask.ledger_at,
        )

    async def record(self, caller: Caller, question: Question, answer: Answer, now: datetime) -> Answer:
        """Count and queue the served list; keep its trace, before the answer goes out if it was asked for."""
        decision = answer.decision
        self.metrics.list_served(answer.query.placement, decision.fallback, personalised=decision.personalised)
        self.exposures.put(caller, answer, now)
        trace = decision.trace
        if trace is None:
            return answer
        document = trace_document(answer, trace, question, caller, now)
        if not question.explain:
            self.exposures.put_trace(answer.recommendation_id, document)
            return answer
        try:
            await self.keep_trace(answer.recommendation_id, document)
        except StoreUnavailable:
            return replace(answer, degraded=(*answer.degraded, TRACE))
        return answer


def _known(caller: Caller, live: LiveEvents | None, ledger_at: int) -> Known:
    if live is not None and live.emptied_at <= ledger_at:
        return caller, live, ()
    # Without live state nobody can tell; else another worker has just written down a withdrawal.
    return _nameless(caller), NO_LIVE_EVENTS, UNKNOWN if live is None else ()


def _nameless(caller: Caller) -> Caller:
    return replace(caller, may_personalise=False, user_id=None, anonymous_id=None, session_id=None)
