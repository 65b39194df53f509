"""Training the rankers on the very candidates and features that requests get."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from features.progress import ProgressReport
from recommender.arrays import Matrix
from recommender.decide import propose
from recommender.ids import PlacementId
from recommender.placements import Placement
from recommender.ranking.candidate_features import FEATURES
from recommender.ranking.trees import Trees
from recommender.ranking.weighing import OF_CLICKS
from training.config import RankerConfig, TrainingConfig
from training.encounters import Encounter, encounters, lookers
from training.evaluate.measure import query_at_cut
from training.evaluate.metrics import Relevant
from training.models.ranker import LaidOut, fit_ranker, lay_out
from training.past import Past

# Which placement's candidates a ranker learns to order.
TAUGHT_BY = {"any": PlacementId("home"), "discovery": PlacementId("discover"), OF_CLICKS: PlacementId("home")}


@dataclass(frozen=True, slots=True)
class Lessons:
    """Candidates of those who bought (looked at) at least one of them; (n, f), (n,) and (n_lessons,)."""

    features: Matrix
    right: NDArray[np.bool_]
    group_sizes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rankers:
    """What was learnt, and from how much.

    Attributes:
        trees: by ranker name; one that had too little to learn from is missing.
        gains: by ranker name, each feature's share of the gain, largest first.
        shoppers: by ranker name, lessons that it learnt from: one of each shopper, more of some.
    """

    trees: Mapping[str, Trees]
    gains: Mapping[str, Mapping[str, float]]
    shoppers: Mapping[str, int]


Learnt = tuple[Trees, dict[str, float]]  # and each feature's share of the gain
NO_RANKERS = Rankers(trees={}, gains={}, shoppers={})


def train_rankers(
    pasts: Sequence[Past], placements: Mapping[PlacementId, Placement], config: TrainingConfig, progress: ProgressReport
) -> Rankers:
    """Learn one ranker per entry of TAUGHT_BY from the windows after the pasts (oldest first): `taught_after`.

    Each is trained in a thread, while the candidates for the next are proposed. Those for it are put into bins before,
    which take a quarter of their memory.
    """
    learnt, shoppers = dict[str, Future[Learnt]](), dict[str, int]()
    with ThreadPoolExecutor(len(TAUGHT_BY)) as lanes:
        for name, placement_id in TAUGHT_BY.items():
            taught = taught_after(name, pasts, config.ranker)
            with progress.step(f"Propose candidates for the ranker {name}", len(taught)) as step:
                lessons = list[Lessons]()
                for past in taught:
                    lessons.append(collect_lessons(name, past, placements[placement_id], config))
                    step.advance()
            shoppers[name] = sum(len(lesson.group_sizes) for lesson in lessons)
            if shoppers[name] >= config.ranker.min_shoppers:
                learnt[name] = lanes.submit(fit_ranker, _lay_out(lessons, config), config.ranker, config.seed)
        with progress.step("Train the rankers"):
            done = {name: ranker.result() for name, ranker in learnt.items()}
    return Rankers(
        trees={name: trees for name, (trees, _) in done.items()},
        gains={name: gains for name, (_, gains) in done.items()},
        shoppers=shoppers,
    )


def taught_after(name: str, pasts: Sequence[Past], config: RankerConfig) -> Sequence[Past]:
    """Of the pasts, oldest first, those whose windows teach a ranker: the latest for "any", all for the others."""
    return pasts[-config.any_windows :] if name == "any" else pasts


def _lay_out(lessons: list[Lessons], config: TrainingConfig) -> LaidOut:
    """All of them in bins; the list is empty afterwards."""
    right = np.concatenate([lesson.right for lesson in lessons])
    sizes = np.concatenate([lesson.group_sizes for lesson in lessons])
    features = [lesson.features for lesson in lessons]
    lessons.clear()
    return lay_out(features, right, sizes, FEATURES, config.ranker, config.seed)


def collect_lessons(name: str, past: Past, placement: Placement, config: TrainingConfig) -> Lessons:
    """Candidates of everybody whom the ranker meets at the cut, and which of them were right afterwards.

    Right is what was bought; for the ranker of clicks, what was viewed or put into the cart.
    """
    if name == OF_CLICKS:
        return _lessons(past, placement, lookers(past, config.ranker, config.seed), past.touched.items)
    return _lessons(past, placement, encounters(past, config.ranker, config.seed), past.held_out.bought)


def _lessons(past: Past, placement: Placement, those_met: Iterable[Encounter], right: Relevant) -> Lessons:
    features, hits = [np.empty((0, len(FEATURES)), np.float32)], [np.empty(0, np.bool_)]
    for met in those_met:
        query = replace(query_at_cut(placement, placement.limit, met.number), exclude=met.seen)
        candidates = propose(query, placement, met.shopper, past.catalogue, past.model, past.cut_day)
        hit = np.isin(candidates.rows, right.of(met.number))
        if hit.any():
            features.append(candidates.features)
            hits.append(hit)
    sizes = np.array([len(part) for part in hits[1:]], dtype=np.int64)
    return Lessons(np.concatenate(features), np.concatenate(hits), sizes)
