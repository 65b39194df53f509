"""A model of the past with the catalogue of then, and what was bought in the window after it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from features.offline.histories import of_users
from recommender.catalogue import Catalogue
from recommender.model import Model
from recommender.ranking.trees import Trees
from training.assortment import assortment_at, catalogue_of_then, learnable_items
from training.config import TrainingConfig
from training.evaluate.held_out import HeldOut, PastPurchases, split_purchases
from training.fit import fit
from training.read import TrainingData
from training.touched import Touched, touched_between


@dataclass(frozen=True, slots=True)
class Past:
    """What was known at a cut, and what came after it.

    Attributes:
        model: has seen nothing at or after `cut_day`; with the histories of those alone who are held out or touched
            something then.
        catalogue: items and prices as of the cut; row r is that of the model.
        purchases: before the cut, of the departments that are learnt from.
        held_out: bought in the window after the cut, of the same departments.
        touched: viewed, or put into the cart, in the window after the cut.
    """

    cut_day: float
    model: Model
    catalogue: Catalogue
    purchases: PastPurchases
    held_out: HeldOut
    touched: Touched

    def of_asked(self) -> "Past":
        """The same with no purchases but of those who are asked about: all that lessons need."""
        return replace(self, purchases=self.purchases.of_asked())

    def with_rankers(self, rankers: Mapping[str, Trees]) -> "Past":
        """The same with rankers, which must have been trained on earlier windows."""
        return replace(self, model=replace(self.model, rankers=rankers))


def look_back(data: TrainingData, cut_day: float, window_days: float, config: TrainingConfig) -> Past:
    """Fit on what precedes `cut_day` and hold out the window after it."""
    left_out = config.data.left_out_departments
    assortment = assortment_at(data.catalogue, data.interactions, left_out, cut_day)
    catalogue = catalogue_of_then(assortment, data.past_prices(cut_day))
    model = fit(data.interactions, assortment, cut_day, config).model
    past, held_out = split_purchases(
        learnable_purchases(data, config),
        assortment.row_of_position,
        catalogue,
        cut_day=cut_day,
        end_day=cut_day + window_days,
        most_shoppers=config.windows.most_shoppers,
        seed=config.seed,
    )
    touched = touched_between(
        data.interactions,
        assortment,
        model.histories,
        cut_day=cut_day,
        end_day=cut_day + window_days,
        most_shoppers=config.windows.most_shoppers,
        seed=config.seed,
    )
    met = of_users(model.histories, {*held_out.user_ids, *touched.user_ids})
    return Past(cut_day, replace(model, histories=met), catalogue, past, held_out, touched)


def learnable_purchases(data: TrainingData, config: TrainingConfig) -> pl.DataFrame:
    """Purchases of the departments that are learnt from, as `split_purchases` takes them."""
    learnable = learnable_items(data.catalogue, config.data.left_out_departments)
    purchases = data.interactions.purchases.select("user_id", "item", "day", "taken_back_day")
    return purchases.filter(learnable[purchases["item"].to_numpy()])
