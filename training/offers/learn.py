"""Learns the response to coupons, if there is enough of it and the model is worth more than the fallback."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recommender.arrays import Mask
from recommender.catalogue import Catalogue
from recommender.offers.response import contributions, fallback_terms, response_probability
from recommender.offers.response_model import ResponseModel
from training.assortment import learnable_items
from training.config import TrainingConfig
from training.offers.examples import Bench, Examples, join
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
    """Fit on all coupons that had come to their end by `cut_day`, after a check on the last of them.

    The check is split by time: fitted on what had ended before the first of the checked sendings began. The model
    ships if it puts the coupons of a sending, or of a day of issues, in no worse order than the fallback does. Where
    the ledger issued coupons, the height is that of their response, which is what requests ask for.
    """
    sendings = data.coupons.sendings
    ended = [place for place, one in enumerate(sendings) if one.ends_day <= cut_day]
    if not ended and data.coupons.decided(cut_day).is_empty():
        return Learnt(None, "No coupons that were sent or issued have come to their end.", {})
    bench = open_bench(data, config)
    mailed, issued = bench.make(ended), bench.make_issued(cut_day)
    examples, in_aisle = join([mailed, issued]), np.arange(len(mailed) + len(issued)) >= len(mailed)
    redeemed = int(examples.redeemed.sum())
    counts = _counts(mailed, issued)
    if redeemed < config.response.min_redemptions:
        return Learnt(None, f"Only {redeemed} redemptions, {config.response.min_redemptions} are needed.", counts)
    starts = [sendings[place].starts_day for place in ended] or np.unique(np.floor(issued.starts_day)).tolist()
    first = starts[int(len(starts) * (1.0 - config.response.check_share))]  # the first of the last share, by number
    before, after = examples.ends_day <= first, examples.starts_day >= first
    earlier, later = examples.of(before), examples.of(after)
    if not _has_both(earlier) or not _has_both(later):
        return Learnt(None, "Too few redemptions before or in the sendings that a model is checked on.", counts)
    checked = _fit(earlier, in_aisle[before], config)
    ours = auc_within(later, response_probability(checked, later.features))
    theirs = auc_within(later, fallback_terms(later.features).sum(axis=1))
    if np.isnan(ours):
        return Learnt(
            None, "No sending that a model is checked on has coupons of both kinds: redeemed and not.", counts
        )
    figures = {"auc": round(ours, 6), "auc_of_fallback": round(theirs, 6), "redemptions": redeemed} | counts
    compared = f"AUC within a sending is {ours:.3f}, of the fallback {theirs:.3f}"
    if ours < theirs:
        return Learnt(None, f"{compared}: no model ships, the fallback answers.", figures)
    return Learnt(_fit(examples, in_aisle, config), f"{compared}.", figures)


def _fit(examples: Examples, in_aisle: Mask, config: TrainingConfig) -> ResponseModel:
    """Fit; that a coupon was issued in the aisle moves the height alone, and what comes out answers for the aisle."""
    if not in_aisle.any():
        return fit_response(examples.features, examples.redeemed, config.response.ridge)
    kind = np.column_stack([examples.features, in_aisle.astype(np.float32)])
    model = fit_response(kind, examples.redeemed, config.response.ridge)
    in_the_aisle = np.append(model.means[:-1], np.float32(1.0))[None, :]
    return ResponseModel(
        intercept=model.intercept + float(contributions(model, in_the_aisle)[0, -1]),
        weights=model.weights[:-1],
        means=model.means[:-1],
        spreads=model.spreads[:-1],
    )


def _counts(mailed: Examples, issued: Examples) -> dict[str, int]:
    """How many cases of each kind there were, and how many of them were redeemed."""
    return {
        "mailed": len(mailed),
        "mailed_redeemed": int(mailed.redeemed.sum()),
        "in_aisle": len(issued),
        "in_aisle_redeemed": int(issued.redeemed.sum()),
    }


def auc_within(examples: Examples, scores: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    """AUC of each sending, averaged by its redemptions: how common redemptions are in one does not count.

    NaN where no sending has both coupons that were redeemed and others.
    """
    figures, weights = list[float](), list[int]()
    for sending in np.unique(examples.sending):
        part = examples.sending == sending
        figure = Ranked(scores[part], examples.redeemed[part]).auc()
        if not np.isnan(figure):
            figures.append(figure)
            weights.append(int(examples.redeemed[part].sum()))
    return float(np.average(figures, weights=weights)) if figures else float("nan")


def _has_both(examples: Examples) -> bool:
    return bool(examples.redeemed.any()) and not bool(examples.redeemed.all())
