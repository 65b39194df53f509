"""Everything a training run starts from, read once: events, catalogue, consents and past prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.events.log import scan_events
from features.privacy.cleaner import read_known_suppressions
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_states import ConsentStates
from features.sql.engine import migrate, open_engine, reading
from features.sql.persons import read_persons
from recommender.catalogue import CatalogueItem
from recommender.consent import PERSONALISATION
from recommender.errors import NotEnoughData
from recommender.ids import PlacementId, UserId
from recommender.placements import Placement, load_placements
from training.assortment import prices_at
from training.interactions import Interactions, read_interactions


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run may learn from.

    Attributes:
        catalogue: all items, ascending by item number.
        change_number: the change of the SQL store that the catalogue stands for.
        consenting: users whose personalisation consent is in force; of one person with several ids, all
            or none.
        prices: dated prices, as `training.assortment.prices_at` takes them; None: nobody kept them.
    """

    interactions: Interactions
    catalogue: Sequence[CatalogueItem]
    change_number: int
    consenting: frozenset[UserId]
    prices: pl.LazyFrame | None

    def consent_version(self) -> str:
        """Hash of who consents."""
        return sha256("\n".join(sorted(self.consenting)).encode()).hexdigest()[:16]

    def past_prices(self, cut_day: float) -> NDArray[np.float64]:
        """(n_catalogue,) prices as of `cut_day`, in minor units; NaN where not known."""
        if self.prices is None:
            return np.full(len(self.catalogue), np.nan)
        return prices_at(self.prices, self.catalogue, cut_day)


def read_training_data(settings: Settings, until: datetime | None) -> TrainingData:
    """Read the event log up to `until` (None: all of it) without synthetic rows, and what belongs to it.

    Raises:
        NotEnoughData: the catalogue is empty, or there is no purchase to learn from.
        InvalidInput: a file of the log is damaged.
    """
    engine = open_engine(settings)
    migrate(engine)
    catalogue, change_number = CatalogueStore(engine).read_snapshot()
    with reading(engine) as connection:
        persons = read_persons(connection)
    granted, _ = ConsentStates(engine).users(PERSONALISATION, datetime.now(UTC))
    suppressions = read_known_suppressions(settings)  # what is kept may yet not be used
    consenting = {user for user in granted if not suppressions.blocks(user, None)}
    engine.dispose()
    if not catalogue:
        raise NotEnoughData("The catalogue is empty.", remedy="Bring it with `recommender import catalogue FILE`.")
    until_day = None if until is None else until.astimezone(UTC).timestamp() / 86_400
    prices = settings.facts_dir / "prices.parquet"
    return TrainingData(
        interactions=read_interactions(scan_events(settings), catalogue, consenting, until_day, persons),
        catalogue=catalogue,
        change_number=change_number,
        consenting=frozenset(consenting),
        prices=pl.scan_parquet(prices) if prices.exists() else None,
    )


def read_placements(settings: Settings) -> Mapping[PlacementId, Placement]:
    """The placements of the configuration folder, else those that ship."""
    if settings.config_dir is not None and (file := settings.config_dir / "placements.toml").exists():
        return load_placements(file.read_text(encoding="utf-8"))
    shipped = resources.files("recommender").joinpath("config/placements.toml")
    return load_placements(shipped.read_text(encoding="utf-8"))
