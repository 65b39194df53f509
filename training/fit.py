"""One fit: all models on what had happened before a cut."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from features.offline.histories import build_histories, with_aliases
from recommender.arrays import Matrix
from recommender.model import FoldIn, Model
from recommender.retrieval.fold_in import fold_in
from recommender.retrieval.index import IndexReport, build_index
from training.assortment import Assortment
from training.config import TrainingConfig
from training.evidence import evidence_before, weigh, weigh_latest
from training.freed import give_back
from training.interactions import Interactions
from training.models.als import fit_embeddings
from training.models.bought_together import fit_bought_together
from training.models.followers import fit_followers
from training.models.item_neighbours import fit_neighbours
from training.models.popularity import count_buyers, fit_popularity
from training.models.rhythm import fit_rhythm

INDEX_QUERIES = 60  # shoppers whose vectors the index is measured with


@dataclass(frozen=True, slots=True)
class Fitted:
    """All models but the rankers, and how the index was measured."""

    model: Model
    index: IndexReport


def fit(
    interactions: Interactions, assortment: Assortment, cut_day: float, config: TrainingConfig, version: str = ""
) -> Fitted:
    """Learn everything but the rankers from what precedes `cut_day`; the embeddings beside the rest, in a thread."""
    give_back()  # what the steps before have freed
    evidence = evidence_before(interactions, assortment, cut_day)
    weights = weigh(evidence, config.weights, config.weights.half_life_days)
    with ThreadPoolExecutor(1) as lane, threadpool_limits(1, "blas"):
        embedded = lane.submit(fit_embeddings, weights, config.embedding, config.seed)
        bought = evidence.purchases.lazy().rename({"order": "order_id"})
        histories = with_aliases(build_histories(bought, cut_day), interactions.aliases)
        latest = weigh_latest(evidence, config.weights, config.neighbours.half_life_days)
        learnable = evidence.learnable_purchases("user", "order", "item_row", "store_id", "day")
        n_items = evidence.n_items
        del evidence, bought  # as large as all purchases
        neighbours = fit_neighbours(latest, count_buyers(learnable, n_items), config.neighbours)
        del latest
        bought_together = fit_bought_together(learnable, n_items, config.bought_together)
        followers = fit_followers(learnable, n_items)
        rhythm = fit_rhythm(learnable, assortment.items)
        popularity = fit_popularity(learnable, assortment.items, cut_day)
        del learnable
        embeddings, fold = embedded.result()
    # After the rest, since kinds of index are timed.
    index, report = build_index(embeddings, shopper_vectors(weights, embeddings, fold, config.seed))
    model = Model(
        version=version,
        cut_day=cut_day,
        embeddings=embeddings,
        index=index,
        fold_in=fold,
        neighbours=neighbours,
        bought_together=bought_together,
        rhythm=rhythm,
        popularity=popularity,
        histories=histories,
        rankers={},
        followers=followers,
    )
    return Fitted(model, report)


def shopper_vectors(weights: csr_matrix, embeddings: Matrix, fold: FoldIn, seed: int) -> Matrix:
    """(m, d) embeddings of a sample of shoppers, to measure the index with."""
    rng = np.random.default_rng(seed)
    with_weights = np.flatnonzero(np.diff(weights.indptr))
    sample = rng.permutation(with_weights)[:INDEX_QUERIES]
    rows = [weights[user] for user in np.sort(sample)]
    return np.stack([fold_in(embeddings, fold, row.indices.astype(np.int32), row.data) for row in rows])
