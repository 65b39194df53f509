"""Saying how a list came about: scores, sources and reasons of each slot, and the trace for people who ask why."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from recommender.arrays import Floats, Mask, Rows, Scores
from recommender.candidates import Candidates
from recommender.hard_rules import removed
from recommender.placements import SourceName
from recommender.query import Trace
from recommender.ranking.candidate_features import FEATURES, candidate_features
from recommender.reasons import reason
from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation
from recommender.slots import Fillers

PERSONAL: AbstractSet[SourceName] = frozenset({"embedding", "neighbours", "buy_again", "newcomers"})


@dataclass(frozen=True, slots=True)
class Slots:
    """Per slot the score, the source and the reason, as in `Decision`."""

    scores: Scores
    sources: tuple[str, ...]
    reasons: tuple[str, ...]


def explain(
    situation: Situation, candidates: Candidates, scores: Scores, rows: Rows, pinned: AbstractSet[int], fill_up: Fillers
) -> Slots:
    """Explain what is shown.

    Args:
        scores: of the candidates. What fills up gets scores below all of those shown, falling from slot to slot.
        rows: (n,) what is shown.
        pinned: those of them that a pin put there.
    """
    place, is_candidate = places(candidates, rows)
    shown_scores = np.where(is_candidate, scores[place] if len(scores) else 0.0, 0.0).astype(np.float32)
    lowest = shown_scores[is_candidate].min(initial=1.0)
    shown_scores[~is_candidate] = lowest / np.arange(2, 2 + np.count_nonzero(~is_candidate))
    sources = _sources(candidates, rows, place, is_candidate, pinned, fill_up)
    reasons = (reason(situation, row, *source) for row, source in zip(rows.tolist(), sources, strict=True))
    return Slots(shown_scores, tuple(source for source, _ in sources), tuple(reasons))


def is_personal(situation: Situation, proposals: Mapping[SourceName, Proposal]) -> bool:
    """Whether anything of the shopper went into the list: a personal source, a learned order, or what they bought."""
    placement, shopper = situation.placement, situation.shopper
    if not shopper.known:
        return False
    learned = placement.ranker != "fused" and len(shopper.purchases) > 0
    return bool(learned or placement.exclude & {"bought", "viewed"} or _spoke(proposals))


def name_fallback(situation: Situation, proposals: Mapping[SourceName, Proposal], fill_up: Fillers) -> str:
    """How far down the ladder the list had to go; see `Decision.fallback`."""
    if len(fill_up.others):
        return "catalogue"
    if len(fill_up.popular):
        return "popular"
    asks_personal = any(source in PERSONAL for source in proposals)
    return "contextual" if asks_personal and not (situation.shopper.known and _spoke(proposals)) else "none"


def trace(situation: Situation, proposals: Mapping[SourceName, Proposal], candidates: Candidates, rows: Rows) -> Trace:
    """How the list came about, with the features of what is shown, also where no ranker looked at them."""
    place, is_candidate = places(candidates, rows)
    shown_ranks: dict[SourceName, Floats] = {
        source: np.where(is_candidate, ranks[place] if len(ranks) else 0.0, 0.0).astype(np.float32)
        for source, ranks in candidates.ranks_of().items()
    }
    proposed = np.unique(np.concatenate([proposal.rows for proposal in proposals.values()]))
    return Trace(
        candidates={source: proposal.rows for source, proposal in proposals.items()},
        removed=removed(situation, proposed),
        feature_names=FEATURES,
        features=candidate_features(situation, rows, shown_ranks),
    )


def places(candidates: Candidates, rows: Rows) -> tuple[Rows, Mask]:
    """Where each row stands among the candidates (any place if nowhere), and whether it does."""
    if not len(candidates.rows):
        return np.zeros(len(rows), dtype=np.int32), np.zeros(len(rows), dtype=np.bool_)
    place = np.minimum(np.searchsorted(candidates.rows, rows), len(candidates.rows) - 1).astype(np.int32)
    return place, candidates.rows[place] == rows


def _sources(
    candidates: Candidates, rows: Rows, place: Rows, found: Mask, pinned: AbstractSet[int], fill_up: Fillers
) -> list[tuple[str, int]]:
    """Per slot the source that ranked it best (the earlier one of the placement where equal), and its seed or -1."""
    if not len(candidates.rows):
        return [(_filler_source(row, fill_up), -1) for row in rows.tolist()]
    best = candidates.ranks[:, place].argmax(axis=0)
    seeds = candidates.because[best, place].tolist()
    named = [candidates.sources[source] for source in best.tolist()]
    return [
        ("pinned", -1) if row in pinned else (source, seed) if is_candidate else (_filler_source(row, fill_up), -1)
        for row, source, seed, is_candidate in zip(rows.tolist(), named, seeds, found.tolist(), strict=True)
    ]


def _filler_source(row: int, fill_up: Fillers) -> str:
    return "popular" if row in fill_up.popular else "catalogue"


def _spoke(proposals: Mapping[SourceName, Proposal]) -> bool:
    return any(len(proposal.rows) for source, proposal in proposals.items() if source in PERSONAL)
