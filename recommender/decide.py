"""The whole decision: which items a placement shows to one shopper, in which order, and why."""

from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from recommender.arrays import EMPTY_ROWS, Rows, Scores
from recommender.candidates import Candidates, merge
from recommender.catalogue import Catalogue
from recommender.explain import explain, is_personal, name_fallback, trace
from recommender.fusion import fuse
from recommender.list_making import choose
from recommender.lockstep import Work, finished, in_step
from recommender.model import Model
from recommender.placements import Placement, SourceName
from recommender.query import Decision, Query
from recommender.ranking.by_session import is_kin, lift_by_session, show_by_session, squash
from recommender.ranking.kin import judge_newcomers
from recommender.ranking.looks import OF_SESSIONS, features_of, learned_ranker
from recommender.ranking.trees import Trees
from recommender.ranking.weighing import click_ranker, objective_parts, weigh
from recommender.retrieval.bought_together import bought_together
from recommender.retrieval.buy_again import buy_again
from recommender.retrieval.embedding import by_embedding
from recommender.retrieval.followers import followers
from recommender.retrieval.item_to_item import like_the_item_in_view
from recommender.retrieval.neighbours import by_neighbours
from recommender.retrieval.new_arrivals import new_arrivals
from recommender.retrieval.newcomers import newcomers
from recommender.retrieval.popular import popular
from recommender.retrieval.proposal import Proposal
from recommender.retrieval.sessions import by_sessions
from recommender.retrieval.trending import trending
from recommender.shopper import Shopper
from recommender.sink import sink
from recommender.situation import Situation
from recommender.slots import boost, fill_slots, fillers, pinned_rows

SOURCES: Mapping[SourceName, Callable[[Situation], Proposal]] = {
    "embedding": by_embedding,
    "neighbours": by_neighbours,
    "followers": followers,
    "sessions": by_sessions,
    "item_to_item": like_the_item_in_view,
    "bought_together": bought_together,
    "buy_again": buy_again,
    "trending": trending,
    "new_arrivals": new_arrivals,
    "newcomers": newcomers,
    "popular": popular,
}
KEPT: Mapping[SourceName, int] = {  # allowed candidates of each source, at most
    "embedding": 100, "neighbours": 100, "followers": 50, "sessions": 160, "item_to_item": 100, "bought_together": 100,
    "buy_again": 120, "trending": 50, "new_arrivals": 100, "newcomers": 2, "popular": 60,
}  # fmt: skip


def decide(
    query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue, model: Model, now_day: float
) -> Decision:
    """Choose, order and explain the items of one placement: the same question in the same state, the same answer.

    Args:
        query: its limit may be more than the placement's; rows are below `catalogue.n`.
        shopper: as of `now_day`; STRANGER if nothing personal is known or may be used.
        now_day: days since 1970-01-01 UTC.

    Returns:
        Exactly `query.limit` items where that many products are allowed, else all of them; none of them twice.
    """
    return finished(_steps(Situation(query, placement, shopper, catalogue, model, now_day)))


def decide_all(situations: Iterable[Situation]) -> Work[list[Decision]]:
    """Decide for each as `decide` does, all of them step by step together; no catalogue may change meanwhile.

    So the code and the arrays that a step needs stay in the processor's caches: sixteen take four fifths of the time
    that they take one after the other.
    """
    return in_step([_steps(situation) for situation in situations])


def _steps(situation: Situation) -> Work[Decision]:
    """The whole decision; it pauses where those for others may take the same step."""
    query = situation.query
    pins = pinned_rows(situation)
    pinned = as_rows(pins.values())
    proposals = yield from retrieve(situation)
    candidates, trees = merge(situation, proposals, KEPT, pinned), learned_ranker(situation)
    yield
    clicks = click_ranker(situation)
    if trees is not None or clicks is not None:
        candidates = with_features(situation, candidates)
        yield
    bought = rank(situation, candidates, trees)
    parts = objective_parts(situation, candidates, bought, clicks)
    scores = judge_newcomers(situation, candidates, weigh(situation, bought, parts))
    scores = boost(situation, candidates.rows, scores)
    scores = sink(situation, candidates.rows, scores)
    yield
    chosen = choose(situation, candidates, scores, pinned)
    fill_up = fillers(situation, chosen.rows, pinned, query.limit)
    rows = fill_slots(chosen.rows, fill_up, pins, query.limit)
    yield
    given = dict.fromkeys(pins.values(), "pinned") | dict.fromkeys(chosen.explored, "exploration")
    slots = explain(situation, candidates, scores, rows, given, fill_up)
    return Decision(
        rows=rows,
        scores=slots.scores,
        sources=slots.sources,
        reasons=slots.reasons,
        personalised=is_personal(situation, proposals),
        fallback=name_fallback(situation, proposals, fill_up),
        short=len(rows) < query.limit,
        propensities=tuple(chosen.chances.get(row, 1.0) for row in rows.tolist()) if chosen.chances else None,
        trace=trace(situation, proposals, candidates, parts, rows) if query.trace else None,
    )


def propose(
    query: Query, placement: Placement, shopper: Shopper, catalogue: Catalogue, model: Model, now_day: float
) -> Candidates:
    """The first half of `decide`: allowed candidates with the features that a ranker is trained on."""
    situation = Situation(query, placement, shopper, catalogue, model, now_day)
    return with_features(situation, merge(situation, finished(retrieve(situation)), KEPT, EMPTY_ROWS))


def retrieve(situation: Situation) -> Work[dict[SourceName, Proposal]]:
    """Ask every source of the placement, with a pause after each."""
    proposals: dict[SourceName, Proposal] = {}
    for source in situation.placement.sources:
        proposals[source] = SOURCES[source](situation)
        yield
    return proposals


def with_features(situation: Situation, candidates: Candidates) -> Candidates:
    """Add the features that a learned ranker looks at."""
    _, features = features_of(situation, candidates.rows, candidates.ranks_of())
    return Candidates(candidates.rows, candidates.sources, candidates.ranks, candidates.because, features)


def rank(situation: Situation, candidates: Candidates, trees: Trees | None) -> Scores:
    """Score the candidates above 0: the learned ranker squashed into (0, 1) and changed by the session, else fusion.

    A pin that no source proposed has the score 0 in a fusion.
    """
    if trees is None:
        return fuse(candidates.ranks)
    learned = squash(trees.score(candidates.features))
    if trees is situation.model.rankers.get(OF_SESSIONS):  # which have learnt from what is at hand, and nothing else
        return learned
    if len(situation.shopper.purchases):
        return lift_by_session(situation, candidates.rows, learned)
    return show_by_session(learned, is_kin(situation, candidates.rows))


def as_rows(rows: Collection[int]) -> Rows:
    """An array of rows."""
    return np.fromiter(rows, dtype=np.int32) if rows else EMPTY_ROWS
