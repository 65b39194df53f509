"""Everything a training run starts from, read once: events, catalogue, consents and past prices."""

import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.events.log import scan_events
from features.identity import USER_ID, Identifier, read_secret
from features.ledger.outcomes import read_outcomes
from features.markets import read_markets
from features.placements_file import read_placements_text
from features.privacy.cleaner import read_known_suppressions
from features.settings import Settings
from features.sql.campaign_store import CampaignStore
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_states import ConsentStates
from features.sql.engine import opened, reading
from features.sql.persons import read_persons
from features.sql.place_rows import STORES
from features.sql.place_store import PlaceStore
from features.sql.placement_store import PlacementStore
from features.sql.segment_store import SegmentStore
from recommender.catalogue import CatalogueItem
from recommender.consent import PERSONALISATION
from recommender.consent_answers import Answer
from recommender.errors import NotEnoughData, RecommenderError
from recommender.ids import PlacementId
from recommender.placements import Placement, load_placements, parse_placement
from recommender.places.store import Store
from training.assortment import prices_at
from training.interactions import Interactions, read_interactions
from training.offers.history import CouponHistory, coupon_history, read_redemptions
from training.offers.in_aisle import NO_ISSUES, holders, permitted_issues
from training.permitted import Permissions, table

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run may learn from.

    Attributes:
        catalogue: all items, ascending by item number.
        change_number: the change of the SQL store that the catalogue stands for.
        consents: hash of what users answered on personalisation.
        coupons: what was sent to whom, and redeemed.
        prices: dated prices, as `training.assortment.prices_at` takes them; None: nobody kept them.
    """

    interactions: Interactions
    catalogue: Sequence[CatalogueItem]
    change_number: int
    consents: str
    coupons: CouponHistory
    prices: pl.LazyFrame | None

    def past_prices(self, cut_day: float) -> NDArray[np.float64]:
        """(n_catalogue,) prices as of `cut_day`, in minor units; NaN where not known."""
        if self.prices is None:
            return np.full(len(self.catalogue), np.nan)
        return prices_at(self.prices, self.catalogue, cut_day)


def read_training_data(settings: Settings, until: datetime | None) -> TrainingData:
    """Read the event log up to `until` (None: all of it) without synthetic rows, and what belongs to it.

    Raises:
        NotEnoughData: the catalogue is empty, or there is no purchase to learn from.
        InvalidInput: a file of the log is damaged, or the laws or markets are not as they should be.
    """
    markets = read_markets(settings)
    with opened(settings) as engine:
        catalogue, change_number = CatalogueStore(engine).read_snapshot()
        with reading(engine) as connection:
            persons, outcomes = read_persons(connection), read_outcomes(connection)
        answers = ConsentStates(engine).answers(PERSONALISATION, datetime.now(UTC))
        stores = PlaceStore(engine).read_all(STORES)
        campaigns, segments = CampaignStore(engine).read_all(), SegmentStore(engine).read_all()
    if not catalogue:
        raise NotEnoughData("The catalogue is empty.", remedy="Bring it with `recommender import catalogue FILE`.")
    until_day = None if until is None else until.astimezone(UTC).timestamp() / 86_400
    prices = settings.facts_dir / "prices.parquet"
    events = with_markets(scan_events(settings), stores)
    permissions = Permissions(answers, markets, read_known_suppressions(settings).is_blocked)
    interactions = read_interactions(events, catalogue, permissions, until_day, persons)
    redemptions = read_redemptions(events, permissions, persons, until_day)
    known, issues = interactions.purchases["user_id"].unique().sort(), NO_ISSUES
    if len(outcomes):
        named = outcomes.join(holders(read_secret(settings), known, persons), on="shopper")
        of_market = with_markets(named.lazy().with_columns(market=pl.lit(None, dtype=pl.String())), stores)
        issues = permitted_issues(of_market, permissions, persons, known, until_day)
    return TrainingData(
        interactions=interactions,
        catalogue=catalogue,
        change_number=change_number,
        consents=consent_version(answers),
        coupons=coupon_history(campaigns, segments, redemptions, catalogue, persons, known, issues),
        prices=pl.scan_parquet(prices) if prices.exists() else None,
    )


def consent_version(answers: Mapping[Identifier, Answer]) -> str:
    """Hash of what users answered; it stands for the answers, which are as large as much that is learnt from them."""
    said = sorted(f"{answer} {value}" for (kind, value), answer in answers.items() if kind == USER_ID)
    return sha256("\n".join(said).encode()).hexdigest()[:16]


def with_markets(events: pl.LazyFrame, stores: Sequence[Store]) -> pl.LazyFrame:
    """Name the market of the store where a row names none."""
    of_store = [(str(store.store_id), store.market) for store in stores]
    named = table(of_store, store_id=pl.String(), _market_of_store=pl.String())
    found = events.join(named, on="store_id", how="left")
    return found.with_columns(market=pl.coalesce("market", "_market_of_store")).drop("_market_of_store")


def read_placements(settings: Settings) -> Mapping[PlacementId, Placement]:
    """The placements that the service answers with: those that were saved in place of those of the configuration."""
    return {name: parse_placement(name, table) for name, table in read_definitions(settings).items()}


def read_definitions(settings: Settings) -> dict[PlacementId, Mapping[str, Any]]:
    """The same as they are written; what was saved and does not hold (any more) is logged and left out.

    Raises:
        InvalidPlacement, InvalidRule: one of the configuration does not hold.
    """
    text = read_placements_text(settings)
    load_placements(text)  # so that what is wrong is named with its place in the file
    definitions: dict[PlacementId, Mapping[str, Any]] = {
        PlacementId(name): table for name, table in tomllib.loads(text).items()
    }
    with opened(settings) as engine:
        saved = PlacementStore(engine).read_all()
    for name, definition in saved.items():
        try:
            parse_placement(name, definition)
        except RecommenderError as error:
            log.warning("the saved placement %s is not used: %s", name, error)
            continue
        definitions[name] = definition
    return definitions
