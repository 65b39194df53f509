"""One answered question, and what is written of it: the served list, and the trace for people who ask why."""

import os
from collections.abc import Iterable
from datetime import datetime

import numpy as np
import orjson

from recommender.catalogue import Catalogue
from recommender.ids import RecommendationId
from recommender.query import Decision, Query, Trace
from recommender.shown import Shown
from recommender.value import value
from serving.recommendations.questions import Caller, Question

TRACED_CANDIDATES = 100  # of each source; a whole list of several hundred would say no more


@value(slots=True, kw_only=True)
class Answer:
    """One list, with what is needed to show, record and explain it.

    Attributes:
        catalogue: the one whose rows `query` and `decision` speak of.
        degraded: what was missing when it was decided.
        shown_before: what the shopper was shown before, where that is to be kept up; None: the placement does not
            rotate, or nothing may be kept.
        ledger_at: the change number of the ledger of consents as of which something may be kept of the shopper.
    """

    recommendation_id: RecommendationId
    model_version: str
    query: Query
    decision: Decision
    degraded: tuple[str, ...]
    catalogue: Catalogue
    shown_before: Shown | None = None
    ledger_at: int = 0


def new_recommendation_id(now: datetime) -> RecommendationId:
    """An id that no other list has; ids sort by time, as a version 7 UUID does."""
    return RecommendationId(f"{int(now.timestamp() * 1000):012x}{os.urandom(10).hex()}")


def trace_document(answer: Answer, trace: Trace, question: Question, caller: Caller, now: datetime) -> bytes:
    """JSON of how a list came about. It names no shopper."""
    decision, catalogue = answer.decision, answer.catalogue
    return orjson.dumps(
        {
            "recommendation_id": answer.recommendation_id,
            "decided_at": now,
            "model_version": answer.model_version,
            "catalogue_version": catalogue.version,
            "query": _query_part(answer.query, question, caller, catalogue),
            "personalised": decision.personalised,
            "fallback": decision.fallback,
            "degraded": answer.degraded,
            "candidates": {
                source: {"count": len(rows), "item_ids": catalogue.items.item_ids(rows[:TRACED_CANDIDATES])}
                for source, rows in trace.candidates.items()
            },
            "removed": trace.removed,
            "items": list(_shown(decision, trace, catalogue)),
        },
        option=orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY,
    )


def _query_part(query: Query, question: Question, caller: Caller, catalogue: Catalogue) -> dict[str, object]:
    return {
        "placement": query.placement,
        "limit": query.limit,
        "item_id": question.item_id,
        "category": query.category,
        "filter": question.filter,
        "cart": catalogue.items.item_ids(query.cart),
        "exclude": catalogue.items.item_ids(query.exclude),
        "store_id": query.store_id,
        "seed": query.seed,
        "within_consent": caller.may_personalise,
    }


def _shown(decision: Decision, trace: Trace, catalogue: Catalogue) -> Iterable[dict[str, object]]:
    values = np.round(np.asarray(trace.features, dtype=np.float64), 6).tolist()
    parts = {name: np.round(part.astype(np.float64), 6).tolist() for name, part in trace.objectives.items()}
    for position, row in enumerate(decision.rows.tolist()):
        yield {
            "item_id": catalogue.items.item_id(row),
            "position": position + 1,
            "score": float(decision.scores[position]),
            "source": decision.sources[position],
            "reason": decision.reasons[position],
            "propensity": 1.0 if decision.propensities is None else decision.propensities[position],
            "objectives": {name: part[position] for name, part in parts.items()},
            "features": dict(zip(trace.feature_names, values[position], strict=True)),
        }
