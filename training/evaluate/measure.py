"""The served pipeline, asked about every held-out shopper: the very functions that answer a request."""

from dataclasses import dataclass, replace
from time import perf_counter_ns
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.online.live_state import NO_LIVE_EVENTS
from features.progress import ProgressReport
from features.shopper import assemble
from recommender.catalogue import Catalogue
from recommender.decide import decide
from recommender.model import Model
from recommender.placements import Placement
from recommender.query import Query
from recommender.shown import join, shown_on
from training.evaluate.held_out import HeldOut
from training.evaluate.metrics import NO_ITEM, Lists

# Shoppers with a history are holders of the shop's card, and adults. Without their age the rule on it fails closed, and
# the lists would lack what the shoppers buy and the baselines, which know no rules, propose.
VOUCHED_AGE = 21
STRANGERS = 50  # who all get the same list, asked to time it


@dataclass(frozen=True, slots=True)
class Measured:
    """What the pipeline answered.

    Attributes:
        lists: (n_shoppers, limit), in the order of `HeldOut.user_ids`.
        scores: (n_shoppers, limit) of what is shown, as the ranker gives them; NaN where a list ran out.
        microseconds: (n_asked,) of one query: shopper assembled and list decided.
    """

    lists: Lists
    scores: NDArray[np.float32]
    microseconds: NDArray[np.float64]


def measure_pipeline(
    model: Model,
    catalogue: Catalogue,
    placement: Placement,
    held_out: HeldOut,
    *,
    now_day: float,
    limit: int,
    progress: ProgressReport,
    permitted: bool = True,
    visits: int = 1,
) -> Measured:
    """Ask one placement once for each held-out shopper, at `now_day`, without a store and with nothing in live state.

    `model` and `catalogue` must know nothing later than `now_day` (days since 1970-01-01 UTC). Without being
    `permitted` to know the shoppers, it asks as the service does once it has dropped who asks: a few times, since all
    get the same list.

    With several `visits` a shopper asks on the first of them, the next one on the second, and so on: each has asked on
    the days before, and touched nothing.
    """
    user_ids = held_out.user_ids if permitted else held_out.user_ids[:STRANGERS]
    lists = np.full((len(user_ids), limit), NO_ITEM, dtype=np.int32)
    scores = np.full((len(user_ids), limit), np.nan, dtype=np.float32)
    microseconds = np.zeros(len(user_ids))
    # More threads than one slow down calls as small as these, many times over.
    asking = progress.step(f"Ask {placement.placement_id} for {len(user_ids)} shoppers", len(user_ids))
    with threadpool_limits(1), asking as step:
        for number, user_id in enumerate(user_ids):
            started = perf_counter_ns()
            shopper = assemble(
                user_id=user_id if permitted else None,
                live=NO_LIVE_EVENTS,
                histories=model.histories,
                catalogue=catalogue,
                now_day=now_day,
            )
            query = query_at_cut(placement, limit, number if permitted else 0)
            for days_before in range(number % visits, 0, -1):
                day = now_day - days_before
                earlier = decide(on_day(query, day), placement, shopper, catalogue, model, day).rows.tolist()
                numbers = catalogue.items.numbers[earlier].tolist()
                listed = shown_on(placement.placement_id, numbers, int(day))
                shopper = replace(shopper, shown=join(shopper.shown, listed))
                started = perf_counter_ns()
            decision = decide(query, placement, shopper, catalogue, model, now_day)
            microseconds[number] = (perf_counter_ns() - started) / 1000
            lists[number, : len(decision.rows)] = decision.rows
            scores[number, : len(decision.rows)] = decision.scores
            step.advance()
    if not permitted:
        lists, scores = np.repeat(lists[:1], len(held_out), axis=0), np.repeat(scores[:1], len(held_out), axis=0)
    return Measured(lists, scores, microseconds)


def query_at_cut(placement: Placement, limit: int, number: int) -> Query:
    """The question of the `number`-th shopper, the same for measuring as for the ranker's lessons."""
    return Query(placement=placement.placement_id, limit=limit, age=VOUCHED_AGE, seed=number)


def on_day(query: Query, day: float) -> Query:
    """The same question on an earlier day: as in the service, each day explores something else."""
    return replace(query, seed=crc32(f"{query.seed}\0{int(day)}".encode()))
