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
LaidOut = lightgbm.Dataset
BINNING = {"max_bin": 127, "num_threads": LANE_THREADS}


def lay_out(
    features: Sequence[Matrix],
    right: NDArray[np.bool_],
    group_sizes: NDArray[np.int64],
    feature_names: Sequence[str],
    config: RankerConfig,
    seed: int,
) -> LaidOut:
    """Put candidates into bins, a byte for each feature of each: what they came in is needed no more.

    Args:
        features: (n, f) float32 in parts, the candidates of one shopper after those of the other.
        right: (n,) whether the shopper bought the candidate afterwards.
        group_sizes: (n_shoppers,) how many candidates each shopper has; sums to n.
    """
    data = lightgbm.Dataset(
        list(features), label=right.astype(np.float32), group=group_sizes, feature_name=list(feature_names),
        free_raw_data=True, params=_settings(config, seed),
    )  # fmt: skip
    return data.construct()


def fit_ranker(
    lessons: LaidOut, config: RankerConfig, seed: int, objective: str = LISTWISE
) -> tuple[Trees, dict[str, float]]:
    """Learn to put what was right first.

    Args:
        lessons: as laid out with the same `config` and `seed`.
        objective: LISTWISE or FIRST_RIGHT.

    Returns:
        The trees, and each feature's share of the total gain, largest first.

    Source: Bruch, "An Alternative Cross Entropy Loss for Learning-to-Rank", WWW 2021, arXiv:1911.09798.
    """
    booster = lightgbm.train({"objective": objective, **_settings(config, seed)}, lessons, num_boost_round=config.trees)
    gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    shares = gains / max(float(gains.sum()), 1e-12)
    by_gain = sorted(zip(booster.feature_name(), shares.tolist(), strict=True), key=lambda entry: -entry[1])
    return trees_from_lightgbm(booster.dump_model()), dict(by_gain)


def _settings(config: RankerConfig, seed: int) -> dict[str, object]:
    return {
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
