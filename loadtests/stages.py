"""Microseconds of each stage of a decision, on a synthetic shop as large as the demo's.

Processor time of the one thread that decides, so that what else the machine does counts little.
"""

import sys
from collections.abc import Callable
from time import thread_time
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from features.settings import Settings
from loadtests.synthetic import NOW_DAY, synthetic_catalogue, synthetic_model, synthetic_sessions, synthetic_shopper
from recommender.candidates import merge
from recommender.catalogue import Catalogue
from recommender.decide import KEPT, SOURCES, decide, learned_ranker, rank, retrieve, with_features
from recommender.ids import PlacementId
from recommender.list_making import choose
from recommender.lockstep import finished
from recommender.model import Model
from recommender.placements import Placement
from recommender.query import Query
from recommender.retrieval.session_neighbours import tally_sessions
from recommender.retrieval.sessions import PROPOSED
from recommender.shopper import Shopper
from recommender.situation import Situation
from training.config import read_training_config
from training.models.sessions import fit_sessions
from training.visits import beginnings_of

HOME = Placement(
    placement_id=PlacementId("home"),
    title="For you",
    sources=("buy_again", "embedding", "neighbours", "trending", "popular"),
    exclude=frozenset({"cart"}),
    max_share_per_category=0.4,
)
N_ITEMS = 92_000
N_SHOPPERS = 50
N_SESSIONS, N_BEGINNINGS = 100_000, 300
T = TypeVar("T")
NO_ROWS = np.empty(0, dtype=np.int32)


def measure_stages(n_items: int = N_ITEMS, rounds: int = 6) -> dict[str, float]:
    """Median microseconds over shoppers of each stage, and of the whole decision ("decide")."""
    rng = np.random.default_rng(7)
    model, catalogue = synthetic_model(rng, n_items), synthetic_catalogue(rng, n_items)
    shoppers = [synthetic_shopper(rng, n_items) for _ in range(N_SHOPPERS)]
    query = Query(placement=HOME.placement_id, limit=12)
    with threadpool_limits(1):
        timings = [_time(query, shopper, catalogue, model) for _ in range(rounds) for shopper in shoppers]
    return {stage: 1e6 * float(np.median([timing[stage] for timing in timings])) for stage in timings[0]}


def measure_sessions(n_sessions: int = N_SESSIONS, n_items: int = N_ITEMS) -> dict[str, float]:
    """Median microseconds in which the index of so many sessions says what comes next, a beginning after the other."""
    rng, config = np.random.default_rng(9), read_training_config(Settings(), None)
    sessions = synthetic_sessions(rng, n_sessions, n_items)
    index = fit_sessions(sessions, n_items, config.sessions, config.seed)
    asked = beginnings_of(synthetic_sessions(rng, N_BEGINNINGS, n_items))
    seconds = np.empty(len(asked))
    with threadpool_limits(1):
        for number in range(len(asked)):
            newest_first = np.ascontiguousarray(asked.of(number)[::-1])
            started = thread_time()
            tally_sessions(index, newest_first).best(PROPOSED, index.facts)
            seconds[number] = thread_time() - started
    return {f"index of {n_sessions:,} sessions": 1e6 * float(np.median(seconds))}


def _time(query: Query, shopper: Shopper, catalogue: Catalogue, model: Model) -> dict[str, float]:
    seconds: dict[str, float] = {}

    def timed(stage: str, call: Callable[[], T]) -> T:
        started = thread_time()
        result = call()
        seconds[stage] = thread_time() - started
        return result

    timed("decide", lambda: decide(query, HOME, shopper, catalogue, model, NOW_DAY))
    situation = Situation(query, HOME, shopper, catalogue, model, NOW_DAY)
    timed("fold in", lambda: situation.vector)
    timed("neighbours", lambda: (situation.near_purchases.sums, situation.near_session.sums))
    for source in HOME.sources:
        timed(f"source {source}", lambda source=source: SOURCES[source](situation))
    proposals = finished(retrieve(situation))
    merged = timed("hard rules, merge", lambda: merge(situation, proposals, KEPT, NO_ROWS))
    candidates = timed("features", lambda: with_features(situation, merged))
    trees = learned_ranker(situation)
    scores = timed("rank", lambda: rank(situation, candidates, trees))
    timed("diversify", lambda: choose(situation, candidates, scores, NO_ROWS))
    return seconds


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else N_ITEMS
    for stage, microseconds in (measure_stages(size) | measure_sessions(n_items=size)).items():
        print(f"{stage:24s}{microseconds:8.0f} µs")
