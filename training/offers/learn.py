"""Learns the response to coupons, if there is enough of it and the model is worth more than the fallback."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recommender.catalogue import Catalogue
from recommender.offers.response import fallback_terms, response_probability
from recommender.offers.response_model import ResponseModel
from training.assortment import learnable_items
from training.config import TrainingConfig
from training.offers.examples import Bench, Examples
from training.offers.logistic import fit_response
from training.offers.metrics import Ranked
from training.read import TrainingData


@dataclass(frozen=True, slots=True)
class Learnt:
    """The model, None where none is to ship; why, in words; and the figures of the check."""

    model: ResponseModel | None
    reason: str
    figures: Mapping[str, float]


def open_bench(data: TrainingData, config: TrainingConfig) -> Bench:
    """Where examples of the data's coupons are made."""
    learnable = learnable_items(data.catalogue, config.data.left_out_departments)
    return Bench(data.interactions.purchases, Catalogue.of(data.catalogue, spare=0), learnable, data.coupons)


def learn_response(data: TrainingData, cut_day: float, config: TrainingConfig) -> Learnt:
    """Fit on all sendings that ended before `cut_day`, after a check on the last of them.

    The check is split by time: fitted on what had ended before the first of the checked sendings began. The model
    ships if it puts the coupons of a sending in no worse order than the fallback does.
    """
    sendings = data.coupons.sendings
    ended = [place for place, one in enumerate(sendings) if one.ends_day <= cut_day]
    if not ended:
        return Learnt(None, "No coupons that were sent have come to their end.", {})
    examples = open_bench(data, config).make(ended)
    redeemed = int(examples.redeemed.sum())
    if redeemed < config.response.min_redemptions:
        return Learnt(None, f"Only {redeemed} redemptions, {config.response.min_redemptions} are needed.", {})
    first = sendings[ended[int(len(ended) * (1.0 - config.response.check_share))]].starts_day
    ends = np.array([one.ends_day for one in sendings])[examples.sending]
    starts = np.array([one.starts_day for one in sendings])[examples.sending]
    earlier, later = examples.of(ends <= first), examples.of(starts >= first)
    if not _has_both(earlier) or not _has_both(later):
        return Learnt(None, "Too few redemptions before or in the sendings that a model is checked on.", {})
    checked = fit_response(earlier.features, earlier.redeemed, config.response.ridge)
    ours = auc_within(later, response_probability(checked, later.features))
    theirs = auc_within(later, fallback_terms(later.features).sum(axis=1))
    figures = {"auc": round(ours, 6), "auc_of_fallback": round(theirs, 6), "redemptions": redeemed}
    compared = f"AUC within a sending is {ours:.3f}, of the fallback {theirs:.3f}"
    if ours < theirs:
        return Learnt(None, f"{compared}: no model ships, the fallback answers.", figures)
    return Learnt(fit_response(examples.features, examples.redeemed, config.response.ridge), f"{compared}.", figures)


def auc_within(examples: Examples, scores: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    """AUC of each sending, averaged by its redemptions: how common redemptions are in one does not count."""
    figures, weights = list[float](), list[int]()
    for sending in np.unique(examples.sending):
        part = examples.sending == sending
        figure = Ranked(scores[part], examples.redeemed[part]).auc()
        if not np.isnan(figure):
            figures.append(figure)
            weights.append(int(examples.redeemed[part].sum()))
    return float(np.average(figures, weights=weights))


def _has_both(examples: Examples) -> bool:
    return bool(examples.redeemed.any()) and not bool(examples.redeemed.all())
