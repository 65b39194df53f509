"""Saying how a list came about: scores, sources and reasons of each slot, and the trace for people who ask why."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import numpy as np

from recommender.arrays import Floats, Mask, Matrix, Rows, Scores
from recommender.candidates import Candidates
from recommender.hard_rules import removed
from recommender.native import F32, I32, NOTHING, compiled, reads, writes
from recommender.placements import SourceName
from recommender.query import Trace
from recommender.ranking.looks import features_of
from recommender.ranking.weighing import Parts
from recommender.reasons import reason
from recommender.retrieval.proposal import Proposal
from recommender.situation import Situation
from recommender.slots import Fillers
from recommender.value import value

PERSONAL: AbstractSet[SourceName] = frozenset(
    {"embedding", "neighbours", "followers", "sessions", "buy_again", "newcomers"}
)


@value(slots=True)
class Slots:
    """Per slot the score, the source and the reason, as in `Decision`."""

    scores: Scores
    sources: tuple[str, ...]
    reasons: tuple[str, ...]


def explain(
    situation: Situation, candidates: Candidates, scores: Scores, rows: Rows, given: Mapping[int, str], fill_up: Fillers
) -> Slots:
    """Explain what is shown.

    Args:
        scores: of the candidates. What fills up gets scores below all of those shown, falling from slot to slot.
        rows: (n,) what is shown.
        given: the source of those of them that no ranking put there ("pinned", "exploration").
    """
    shown_scores = np.empty(len(rows), dtype=np.float32)
    best, seeds = np.empty(len(rows), dtype=np.int32), np.empty(len(rows), dtype=np.int32)
    _look_up(shown_scores, best, seeds, rows, candidates.rows, scores, candidates.ranks, candidates.because)
    sources: list[str] = []
    reasons: list[str] = []
    for row, ranked_best, seed in zip(rows.tolist(), best.tolist(), seeds.tolist(), strict=True):
        if row in given:
            source, because = given[row], -1
        elif ranked_best >= 0:
            source, because = candidates.sources[ranked_best], seed
        else:
            source, because = "popular" if row in fill_up.popular else "catalogue", -1
        sources.append(source)
        reasons.append(reason(situation, row, source, because))
    return Slots(shown_scores, tuple(sources), tuple(reasons))


@compiled(
    NOTHING, writes(F32), writes(I32), writes(I32), reads(I32), reads(I32), reads(F32), reads(F32, 2), reads(I32, 2)
)
def _look_up(
    shown_scores: Scores, best: Rows, seeds: Rows, rows: Rows, candidates: Rows, scores: Scores, ranks: Matrix,
    because: Rows,
) -> None:  # fmt: skip
    """Write per row the score, the source that ranked it best (the earlier one where equal; -1: none) and its seed."""
    lowest = np.float32(1.0)
    for i in range(len(rows)):
        best[i] = seeds[i] = -1
        place = np.searchsorted(candidates, rows[i])
        if place < len(candidates) and candidates[place] == rows[i]:
            shown_scores[i] = scores[place]
            lowest = min(lowest, scores[place])
            best[i] = np.argmax(ranks[:, place])
            seeds[i] = because[best[i], place]
    below = 1.0
    for i in range(len(rows)):
        if best[i] < 0:
            below += 1.0
            shown_scores[i] = lowest / below


def is_personal(situation: Situation, proposals: Mapping[SourceName, Proposal]) -> bool:
    """Whether anything of the shopper went into the list.

    That is: a personal source, a learned order, what they bought or viewed, or what this placement showed them before.
    """
    placement, shopper = situation.placement, situation.shopper
    rotated = placement.rotation > 0 and _was_shown(situation)
    if not shopper.known:
        return rotated
    ordered = placement.ranker != "fused" or placement.objectives.click > 0 or placement.calibration > 0
    learned = ordered and len(shopper.purchases) > 0
    return bool(learned or rotated or placement.exclude & {"bought", "viewed"} or _spoke(proposals))


def name_fallback(situation: Situation, proposals: Mapping[SourceName, Proposal], fill_up: Fillers) -> str:
    """How far down the ladder the list had to go; see `Decision.fallback`."""
    if len(fill_up.others):
        return "catalogue"
    if len(fill_up.popular):
        return "popular"
    asks_personal = not PERSONAL.isdisjoint(proposals)
    return "contextual" if asks_personal and not (situation.shopper.known and _spoke(proposals)) else "none"


def trace(
    situation: Situation, proposals: Mapping[SourceName, Proposal], candidates: Candidates, parts: Parts, rows: Rows
) -> Trace:
    """How the list came about, with the features of what is shown, also where no ranker looked at them."""
    place, is_candidate = _places(candidates, rows)
    shown_ranks: dict[SourceName, Floats] = {
        source: _of_shown(ranks, place, is_candidate) for source, ranks in candidates.ranks_of().items()
    }
    proposed = np.unique(np.concatenate([proposal.rows for proposal in proposals.values()]))
    names, features = features_of(situation, rows, shown_ranks)
    return Trace(
        candidates={source: proposal.rows for source, proposal in proposals.items()},
        removed=removed(situation, proposed),
        feature_names=names,
        features=features,
        objectives={name: _of_shown(part, place, is_candidate) for name, part in parts.items()},
    )


def _of_shown(values: Floats, place: Rows, is_candidate: Mask) -> Floats:
    """Of what is shown, the values that candidates have; 0 of what is none."""
    return np.where(is_candidate, values[place] if len(values) else 0.0, 0.0).astype(np.float32)


def _places(candidates: Candidates, rows: Rows) -> tuple[Rows, Mask]:
    """Where each row stands among the candidates (any place if nowhere), and whether it does."""
    if not len(candidates.rows):
        return np.zeros(len(rows), dtype=np.int32), np.zeros(len(rows), dtype=np.bool_)
    place = np.minimum(np.searchsorted(candidates.rows, rows), len(candidates.rows) - 1).astype(np.int32)
    return place, candidates.rows[place] == rows


def _was_shown(situation: Situation) -> bool:
    numbers, _ = situation.shopper.shown.days_before(situation.placement.placement_id, int(situation.now_day))
    return len(numbers) > 0


def _spoke(proposals: Mapping[SourceName, Proposal]) -> bool:
    return any(len(proposal.rows) for source, proposal in proposals.items() if source in PERSONAL)
