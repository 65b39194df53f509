"""The data set's campaigns become ours: one for each coupon, with what the redemptions tell of its worth."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from features.sql.campaign_store import CampaignStore
from features.sql.engine import engine_of
from features.sql.segment_store import SegmentStore
from recommender.offers.campaign import Limit
from recommender.offers.terms import Amount
from tests.databases import new_sqlite
from tests.small_journey import MILK, RAMEN, WINE, source
from training.prepare.campaigns import import_journey_campaigns

WEEKS = timedelta(weeks=400)
NOW = datetime(2018, 1, 3, tzinfo=UTC) + WEEKS
JOURNEY = source(
    [{"coupon_disc": 0.75}, {"coupon_disc": 9.0, "household_id": 2}, {"coupon_disc": 9.0, "product_id": WINE}]
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = engine_of(new_sqlite(tmp_path))
    yield engine
    engine.dispose()


def test_each_coupon_becomes_a_campaign_once(engine: Engine) -> None:
    assert import_journey_campaigns(engine, JOURNEY, "America/New_York", WEEKS, NOW) == 3
    assert import_journey_campaigns(engine, JOURNEY, "America/New_York", WEEKS, NOW) == 0
    stored = {one.campaign_id: one for one in CampaignStore(engine).read_all()}
    assert {name: one.state for name, one in stored.items()} == {
        "cj-1-70": "ended", "cj-2-70": "active", "cj-2-71": "active",
    }  # fmt: skip
    milk, other = stored["cj-2-70"].parse(), stored["cj-2-71"].parse()
    assert (milk.discount, milk.items, milk.group) == (Amount(75), {str(MILK)}, "cj-2")
    assert (other.discount, other.items) == (Amount(100), {str(WINE), str(RAMEN)})
    assert "from 1 redemptions" in milk.note
    assert "face value invented" in other.note
    assert milk.budget.money == 750
    assert milk.budget.per_day == Limit(count=10)
    assert milk.starts_at().isoformat() == "2025-08-01T00:00:00-04:00"
    assert milk.is_valid_at(NOW)
    assert not milk.is_valid_at(NOW + timedelta(days=60))
    assert str(milk.eligibility) == "'cj-2' in shopper.segments"
    segments = {one.segment_id: one.user_ids for one in SegmentStore(engine).read_all()}
    assert segments == {"cj-1": ("1", "2"), "cj-2": ("1", "2")}
