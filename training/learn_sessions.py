"""Learning from sessions: the index of all of them, and the trees that order what comes next."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.progress import ProgressReport
from recommender.arrays import Floats, Matrix
from recommender.catalogue import Catalogue
from recommender.decide import propose
from recommender.model import Model
from recommender.query import Query
from recommender.ranking.looks import OF_SESSIONS
from recommender.ranking.session_features import SESSION_FEATURES
from recommender.ranking.trees import Trees
from recommender.retrieval.session_index import SessionIndex
from training.assortment import Assortment
from training.config import TrainingConfig
from training.interactions import Interactions
from training.models.ranker import FIRST_RIGHT, fit_ranker, lay_out
from training.models.sessions import Sessions, fit_sessions, sessions_of, starts
from training.visits import SHOWN_AGAIN, Beginnings, beginnings_of, visitor

T = TypeVar("T")

CHECKED = 0.2  # of the lessons, the latest: the trees must not be worse on them than the source
MIN_LESSONS = 100  # with what came next among their candidates; fewer: no trees


@dataclass(frozen=True, slots=True)
class Lessons:
    """Candidates of beginnings whose next item was among them.

    Attributes:
        features, came_next, ranks: (n, f), (n,) and (n,) of the candidates; `ranks` are 1 / rank in the source.
        sizes: (n_lessons,) how many candidates each lesson has.
        reached: share of all beginnings that are lessons.
    """

    features: Matrix
    came_next: NDArray[np.bool_]
    ranks: Floats
    sizes: NDArray[np.int64]
    reached: float

    def __len__(self) -> int:
        return len(self.sizes)

    def part(self, start: int, end: int) -> "Lessons":
        """Lessons start .. end - 1."""
        ends = starts(self.sizes)
        rows = slice(int(ends[start]), int(ends[end]))
        return Lessons(self.features[rows], self.came_next[rows], self.ranks[rows], self.sizes[start:end], self.reached)

    def places(self, scores: Floats) -> NDArray[np.int64]:
        """(n_lessons,) the place of what came next when ordered by score, from 1; the last among equals."""
        of_lesson = np.repeat(np.arange(len(self)), self.sizes)
        right = np.full(len(self), -np.inf, dtype=np.float32)
        np.maximum.at(right, of_lesson[self.came_next], scores[self.came_next])
        return np.bincount(of_lesson[scores >= right[of_lesson]], minlength=len(self))


@dataclass(frozen=True, slots=True)
class LearntSessions:
    """What sessions taught; nothing where there were too few.

    Attributes:
        trees: None: too few lessons, or no better than the order in which the source proposes.
        gains: each feature's share of the gain, largest first.
        lessons: how many the trees learnt from.
        check: on the latest lessons, from which the trees did not learn: HR@20 and MRR@20 in their order and in that
            of the source, among the lessons whose next item was a candidate, and the share of those.
    """

    index: SessionIndex | None = None
    trees: Trees | None = None
    gains: Mapping[str, float] = field(default_factory=dict[str, float])
    lessons: int = 0
    check: Mapping[str, float] = field(default_factory=dict[str, float])

    def as_dict(self) -> dict[str, object]:
        """The check, for the manifest; nothing where there was none."""
        return {"sessions": dict(self.check)} if self.check else {}


def with_sessions(by_ranker: Mapping[str, T], of_sessions: T | None) -> dict[str, T]:
    """The same by name of ranker, and what is of that of sessions, if it is."""
    return dict(by_ranker) if of_sessions is None else {**by_ranker, OF_SESSIONS: of_sessions}


def sessions_before(interactions: Interactions, assortment: Assortment, cut_day: float) -> Sessions:
    """What may be learnt from of what shoppers looked at before `cut_day`, by item row."""
    touches = interactions.touches.filter(pl.col("day") < cut_day)
    rows = assortment.row_of_position[touches["item"].to_numpy()]
    kept = (rows >= 0) & assortment.learnable[rows]
    return sessions_of(touches.select("user_id", "day", item_row=pl.Series(rows, dtype=pl.Int32())).filter(kept))


def learn_sessions(
    sessions: Sessions, model: Model, catalogue: Catalogue, config: TrainingConfig, progress: ProgressReport
) -> LearntSessions:
    """Learn from sessions, the oldest first.

    The trees learn how the latest sessions went on, from candidates and features that the earlier ones give: what is
    looked up never holds the session that asks, nor a later one. Then the index is made anew of all of them.

    Args:
        model: all else that has been learnt; not changed.
        catalogue: row r is that of the model and of the sessions.
    """
    settings = config.sessions
    if len(sessions) < settings.min_sessions:
        return LearntSessions()
    cut = len(sessions) - max(int(settings.lesson_share * len(sessions)), 1)
    with progress.step("Look up earlier sessions for the latest"):
        earlier = fit_sessions(sessions.part(0, cut), catalogue.n, settings, config.seed)
        lessons = beginnings_of(sessions.part(cut, len(sessions)), settings.lessons, config.seed)
    lessons_found = collect_lessons(lessons, replace(model, sessions=earlier), catalogue, progress)
    n_taught = int((1 - CHECKED) * len(lessons_found))
    learnt = LearntSessions()
    if n_taught >= MIN_LESSONS:
        with progress.step("Train the ranker of sessions"):
            learnt = _train(lessons_found.part(0, n_taught), lessons_found.part(n_taught, len(lessons_found)), config)
    with progress.step("Lay out all sessions"):
        return replace(learnt, index=fit_sessions(sessions, catalogue.n, settings, config.seed))


def _train(taught: Lessons, checked: Lessons, config: TrainingConfig) -> LearntSessions:
    # One item a lesson is right, so that fewer rows of a leaf say as much; and fewer features leave none to spare.
    ranker = replace(config.ranker, min_rows_in_leaf=config.sessions.min_rows_in_leaf, feature_share=1.0)
    laid_out = lay_out([taught.features], taught.came_next, taught.sizes, SESSION_FEATURES, ranker, config.seed)
    trees, gains = fit_ranker(laid_out, ranker, config.seed, FIRST_RIGHT)
    learnt_places, source_places = checked.places(trees.score(checked.features)), checked.places(checked.ranks)
    check = {
        "lessons": float(len(checked)),
        "reached": checked.reached,
        **_figures("trees", learnt_places),
        **_figures("source", source_places),
    }
    better = check["trees_mrr@20"] >= check["source_mrr@20"]
    return LearntSessions(None, trees if better else None, gains, len(taught), check)


def _figures(order: str, places: NDArray[np.int64]) -> dict[str, float]:
    among = places <= 20
    return {
        f"{order}_hit_rate@20": float(among.mean()),
        f"{order}_mrr@20": float(np.where(among, 1.0 / places, 0.0).mean()),
    }


def collect_lessons(lessons: Beginnings, model: Model, catalogue: Catalogue, progress: ProgressReport) -> Lessons:
    """Ask for the candidates of each, by the very functions that answer requests."""
    features, came_next = [np.empty((0, len(SESSION_FEATURES)), np.float32)], [np.empty(0, np.bool_)]
    ranks = [np.empty(0, np.float32)]
    query = Query(placement=SHOWN_AGAIN.placement_id, limit=SHOWN_AGAIN.limit)
    with progress.step("Propose candidates for the ranker of sessions", len(lessons)) as step:
        for number in range(len(lessons)):
            shopper = visitor(lessons.of(number), model, catalogue, model.cut_day)
            candidates = propose(query, SHOWN_AGAIN, shopper, catalogue, model, model.cut_day)
            right = candidates.rows == lessons.targets[number]
            if right.any():
                features.append(candidates.features)
                came_next.append(right)
                ranks.append(candidates.ranks[0])
            step.advance()
    sizes = np.array([len(part) for part in came_next[1:]], dtype=np.int64)
    reached = len(sizes) / max(len(lessons), 1)
    return Lessons(np.concatenate(features), np.concatenate(came_next), np.concatenate(ranks), sizes, reached)
