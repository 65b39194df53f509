"""Learning the order of candidates: the only place that imports lightgbm."""

from collections.abc import Sequence

import lightgbm
import numpy as np
from numpy.typing import NDArray

from recommender.arrays import Matrix
from recommender.ranking.trees import Trees, trees_from_lightgbm
from training.config import RankerConfig
from training.lanes import LANE_THREADS

LISTWISE, FIRST_RIGHT = "rank_xendcg", "lambdarank"  # the latter is better where each list has one right item
BINNING = {"max_bin": 127, "num_threads": LANE_THREADS}


def fit_ranker(
    features: Matrix,
    bought: NDArray[np.bool_],
    group_sizes: NDArray[np.int64],
    feature_names: Sequence[str],
    config: RankerConfig,
    seed: int,
    objective: str = LISTWISE,
) -> tuple[Trees, dict[str, float]]:
    """Learn to put what was bought first.

    Args:
        features: (n, f) float32, the candidates of one shopper after those of the other.
        bought: (n,) whether the shopper bought the candidate afterwards.
        group_sizes: (n_shoppers,) how many candidates each shopper has; sums to n.
        objective: LISTWISE or FIRST_RIGHT.

    Returns:
        The trees, and each feature's share of the total gain, largest first.

    Source: Bruch, "An Alternative Cross Entropy Loss for Learning-to-Rank", WWW 2021, arXiv:1911.09798.
    """
    data = lightgbm.Dataset(
        features, label=bought.astype(np.float32), group=group_sizes, feature_name=list(feature_names),
        free_raw_data=True, params={"verbose": -1, **BINNING},
    )  # fmt: skip
    settings = {
        "objective": objective,
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_rows_in_leaf,
        "feature_fraction": config.feature_share,
        **BINNING,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    booster = lightgbm.train(settings, data, num_boost_round=config.trees)
    gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    shares = gains / max(float(gains.sum()), 1e-12)
    by_gain = sorted(zip(feature_names, shares.tolist(), strict=True), key=lambda entry: -entry[1])
    return trees_from_lightgbm(booster.dump_model()), dict(by_gain)
