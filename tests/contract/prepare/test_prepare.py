import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from features.events.log import scan_events
from features.events.schema import COUPON_REDEEMED
from features.progress import Silent
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.consent_states import ConsentStates
from features.sql.consent_store import ConsentStore
from features.sql.engine import open_engine
from features.sql.place_rows import STORES, ZONES
from features.sql.place_store import PlaceStore
from recommender.consent import State
from recommender.consent_answers import Answer
from tests.builders import said
from tests.small_journey import FUEL, MILK, MONDAY, NEVER_SOLD, RAMEN, WINE, source
from training.offers.campaign_types import read_types
from training.prepare.complete_journey import prepare

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOUSEHOLDS = [("user_id", household) for household in ("0", "1", "2")]
JOURNEY = source(
    [
        {"household_id": number % 3, "basket_id": number, "product_id": product, "store_id": 300 + number % 2,
         "transaction_timestamp": MONDAY - timedelta(days=number)}
        for number in range(40)
        for product in (FUEL, MILK, WINE, RAMEN)
    ]
)  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=None)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_data_folder_holds_all_that_training_and_serving_need(settings):
    report = prepare(settings, Silent(), source=JOURNEY, now=NOW)
    assert (report.households, report.orders, report.order_lines, report.items) == (3, 40, 160, 5)
    assert (report.visible_items, report.stores) == (3, 2)
    assert scan_events(settings).select(pl.len()).collect().item() == 161
    everything = scan_events(settings, synthetic=True).collect()
    assert everything.height == 161 + report.simulated_events
    assert NOW - timedelta(weeks=1) < everything["occurred_at"].max() <= NOW
    redeemed = everything.filter(pl.col("event") == COUPON_REDEEMED).row(0, named=True)
    assert (redeemed["user_id"], json.loads(redeemed["properties"])["campaign_id"]) == ("1", "cj-2-70")
    assert redeemed["occurred_at"] == MONDAY.replace(hour=17, tzinfo=UTC) + timedelta(weeks=report.shift_weeks)
    assert read_types(settings).of("cj-2") == "Type B"
    engine = open_engine(settings)
    items = {item.item_id: item for item in CatalogueStore(engine).read_all()}
    assert items[str(FUEL)].hidden
    assert items[str(NEVER_SOLD)].price is None
    assert items[str(WINE)].min_age == 21
    assert [store.store_id for store in PlaceStore(engine).read_all(STORES)] == ["300", "301"]
    assert {zone.store_id for zone in PlaceStore(engine).read_all(ZONES)} <= {"300", "301"}
    for purpose in ("personalisation", "analytics"):
        assert ConsentStates(engine).answers(purpose, NOW) == dict.fromkeys(HOUSEHOLDS, Answer.GRANTED)
    engine.dispose()
    for fact in ("prices", "assortment", "displays"):
        assert pl.read_parquet(settings.facts_dir / f"{fact}.parquet").height > 0
    shift = json.loads((settings.facts_dir / "shift.json").read_text())
    assert shift["weeks"] == report.shift_weeks
    assert shift["last_original_at"] == "2017-12-25T12:00:00+00:00"


def test_preparing_again_changes_nothing_also_weeks_later(settings):
    report = prepare(settings, Silent(), source=JOURNEY, now=NOW)
    before = contents(settings.data_dir)
    engine = open_engine(settings)
    change_number = CatalogueStore(engine).change_number()
    assert prepare(settings, Silent(), source=JOURNEY, now=NOW + timedelta(weeks=9)) == report
    assert contents(settings.data_dir) == before
    assert CatalogueStore(engine).change_number() == change_number
    engine.dispose()


def test_an_interrupted_preparation_is_completed_with_the_same_shift(settings):
    report = prepare(settings, Silent(), source=JOURNEY, now=NOW)
    before = contents(settings.data_dir)
    (settings.facts_dir / "prepared.json").unlink()
    next(settings.events_dir.rglob("*.parquet")).unlink()
    assert prepare(settings, Silent(), source=JOURNEY, now=NOW + timedelta(weeks=9)) == report
    assert contents(settings.data_dir).keys() == before.keys()
    assert scan_events(settings).select(pl.len()).collect().item() == 161


def test_a_shopper_who_withdrew_is_not_asked_again(settings):
    prepare(settings, Silent(), source=JOURNEY, now=NOW)
    engine = open_engine(settings)
    consents = ConsentStore(engine)
    consents.append([said("1", State.WITHDRAWN, NOW)])
    (settings.facts_dir / "prepared.json").unlink()
    prepare(settings, Silent(), source=JOURNEY, now=NOW)
    after = dict.fromkeys(HOUSEHOLDS, Answer.GRANTED) | {("user_id", "1"): Answer.REFUSED}
    assert ConsentStates(engine).answers("personalisation", NOW) == after
    engine.dispose()
