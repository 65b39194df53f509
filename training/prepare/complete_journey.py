"""Prepares the demo: The Complete Journey, a year of a grocery chain, in the product's own formats."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from features.audit import CLI
from features.events.log import write_events
from features.identity import USER_ID
from features.progress import ProgressReport
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_store import ConsentStore
from features.sql.engine import opened
from features.sql.place_store import PlaceStore
from features.sql.stock_store import StockLine, StockStore
from recommender.consent import Entry, State
from recommender.ids import ItemId, StoreId
from recommender.places.store import Store
from training.offers.campaign_types import write_types
from training.prepare.campaigns import import_journey_campaigns, journey_types
from training.prepare.facts import write_facts
from training.prepare.items import catalogue_facts, catalogue_items
from training.prepare.orders import CONSENT, order_events, read_lines
from training.prepare.places import somewhere, write_floors
from training.prepare.redemptions import redemption_events
from training.prepare.shift import WEEK, read_shift, whole_weeks, write_shift
from training.prepare.simulator import simulate_sessions
from training.prepare.source import Source, open_source
from training.prepare.stock import chain_stock, store_stock

MARKET = "default"
TIMEZONE = "America/New_York"  # the data set does not say; its days break at 05:00 UTC
CONSENT_SOURCE = "complete-journey"
NOTICE_VERSION = "demo-1"
ORDERS_FILE = "complete-journey"
REDEMPTIONS_FILE = "complete-journey-redemptions"
SESSIONS_FILE = "simulated-sessions"  # of its own, so that `remove_events` can drop it
_VERSION = 4  # of what `prepare` makes; a data folder of another one is prepared anew


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareReport:
    """What the data folder holds after `prepare`. Instants are RFC 3339 texts, shifted by `shift_weeks`."""

    households: int
    orders: int
    order_lines: int
    items: int
    visible_items: int
    stores: int
    simulated_events: int
    first_at: str
    last_at: str
    shift_weeks: int


def prepare(
    settings: Settings, progress: ProgressReport, *, source: Source | None = None, now: datetime | None = None
) -> PrepareReport:
    """Fill the data folder: event log, dated facts, catalogue, stores, stock, consents, campaigns, simulated sessions.

    A folder that is prepared already is left as it is. One that was interrupted is completed, with the same shift.

    Args:
        settings: names the data folder and the database.
        progress: where the steps show.
        source: the data set; None: the installed package.
        now: the moment before which the shifted data ends; None: this machine's clock.

    Raises:
        InvalidInput: the package is not installed.
    """
    with opened(settings) as engine:
        done = _read_report(settings, engine)
        return done or _prepare(settings, engine, progress, source or open_source(), now or datetime.now(UTC))


def _prepare(
    settings: Settings, engine: Engine, progress: ProgressReport, source: Source, now: datetime
) -> PrepareReport:
    shift = _fix_shift(settings, source, now)
    with progress.step("Reading the purchases"):
        lines = read_lines(source.transactions, source.products, shift).collect()
        facts = catalogue_facts(source.products.collect(), lines)
    with progress.step("Writing the event log"):
        write_events(settings, redemption_events(source.redemptions, shift, MARKET), REDEMPTIONS_FILE)
        write_events(settings, order_events(lines, MARKET), ORDERS_FILE)
    with progress.step("Simulating browse sessions"):
        sessions = simulate_sessions(lines, facts, MARKET)
        write_events(settings, sessions, SESSIONS_FILE)
    # The dated facts are Polars' work, the database Python's: they fit beside each other.
    with ThreadPoolExecutor(1) as lane:
        dated = lane.submit(write_facts, settings.facts_dir, lines, source.promotions, shift)
        _write_catalogue(engine, facts, lines, progress)
        with progress.step("Writing zones and beacons"):
            write_floors(engine, facts, lines, now)
        with progress.step("Writing consents"):
            _grant_consents(ConsentStore(engine), lines)
        with progress.step("Writing campaigns"):
            import_journey_campaigns(engine, source, TIMEZONE, shift, now)
            write_types(settings, journey_types(source))
        with progress.step("Writing prices, assortments and displays"):
            dated.result()
    report = _report(lines, facts, len(sessions), shift)
    _report_file(settings).write_text(json.dumps({"version": _VERSION, **asdict(report)}, indent=2) + "\n")
    return report


def _fix_shift(settings: Settings, source: Source, now: datetime) -> timedelta:
    """The shift of this folder, made on the first run and kept from then on."""
    file = settings.facts_dir / "shift.json"
    shift = read_shift(file)
    if shift is None:
        last_at = source.transactions.select(pl.col("transaction_timestamp").max()).collect().item()
        last_at = last_at.replace(tzinfo=UTC)
        shift = whole_weeks(last_at, now)
        write_shift(file, shift, last_at)
    return shift


def _write_catalogue(engine: Engine, facts: pl.DataFrame, lines: pl.DataFrame, progress: ProgressReport) -> None:
    stocked = facts.with_columns(chain_stock(facts["item_id"], lines))
    CatalogueStore(engine).upsert_many(list(catalogue_items(stocked)), progress=progress, by=CLI)
    stores = [
        Store(store_id=StoreId(store_id), name=f"Store {store_id}", timezone=TIMEZONE, market=MARKET)
        for store_id in lines["store_id"].unique().sort()
    ]
    PlaceStore(engine).put_stores(somewhere(stores), by=CLI)
    examples = [
        StockLine(item_id=ItemId(item_id), quantity=quantity, store_id=StoreId(store_id))
        for store_id, item_id, quantity in store_stock(lines).iter_rows()
    ]
    StockStore(engine).set_many(examples, synthetic=True, progress=progress, by=CLI)


def _grant_consents(consents: ConsentStore, lines: pl.DataFrame) -> None:
    """Import grants of all purposes of CONSENT, by every household with its first purchase; they overrule no answer."""
    first = lines.group_by("household_id").agg(pl.col("occurred_at").min()).sort("household_id")
    consents.append(
        [
            Entry(
                entry_id=f"{CONSENT_SOURCE}:{user_id}:{purpose}",
                subject=(USER_ID, user_id),
                purpose=purpose,
                state=State.GRANTED,
                system=CONSENT_SOURCE,
                imported=True,
                notice_version=NOTICE_VERSION,
                occurred_at=first_at,
                received_at=first_at,
            )
            for user_id, first_at in first.iter_rows()
            for purpose in CONSENT
        ]
    )


def _report(lines: pl.DataFrame, facts: pl.DataFrame, simulated_events: int, shift: timedelta) -> PrepareReport:
    households, orders, stores, first_at, last_at = lines.select(
        pl.col("household_id").n_unique(),
        pl.col("basket_id").n_unique(),
        pl.col("store_id").n_unique(),
        first_at=pl.col("occurred_at").min(),
        last_at=pl.col("occurred_at").max(),
    ).row(0)
    return PrepareReport(
        households=households,
        orders=orders,
        order_lines=lines.height,
        items=facts.height,
        visible_items=facts.filter(~pl.col("hidden") & pl.col("price").is_not_null()).height,
        stores=stores,
        simulated_events=simulated_events,
        first_at=first_at.isoformat(),
        last_at=last_at.isoformat(),
        shift_weeks=shift // WEEK,
    )


def _read_report(settings: Settings, engine: Engine) -> PrepareReport | None:
    """What an earlier run recorded, if its event log and its catalogue are still there."""
    file = _report_file(settings)
    is_there = file.exists() and any(settings.events_dir.glob(f"received=*/{ORDERS_FILE}.parquet"))
    if not is_there or CatalogueStore(engine).change_number() == 0:
        return None
    recorded = json.loads(file.read_text())
    return PrepareReport(**recorded) if recorded.pop("version") == _VERSION else None


def _report_file(settings: Settings) -> Path:
    return settings.facts_dir / "prepared.json"
