"""The shop of the drills: a small catalogue with an artifact, a shared coupon code, and a store with a beacon."""

import re
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from features.identity import read_secret
from features.ledger.ledger import Ledger
from features.ledger.values import Allowance, Limit, SharedCode
from features.sql.campaign_store import CampaignStore
from features.sql.place_store import Placed, PlaceStore
from recommender.cli.demo import offer_rules_at_any_hour
from recommender.ids import BeaconId, StoreId, ZoneId
from recommender.places.beacons import ibeacon_key
from recommender.places.store import Store
from recommender.places.zone import Zone
from tests.integration.serving.shop import Shop

UUID, STORE, CODE = "0f0f0f0f-0000-4000-8000-000000000001", "drill", "DRILL"
TERMS = {"title": "A fifth off", "discount": {"kind": "percent", "percent": 20, "max_discount": 90}}
CAMPAIGN = {
    "title": "A tenth off", "currency": "EUR", "timezone": "UTC", "budget": {"money": 10**9, "count": 10**7},
    "discount": {"kind": "percent", "percent": 10, "max_discount": 50},
    "valid_from": "2000-01-01T00:00:00", "valid_until": "2099-01-01T00:00:00",
}  # fmt: skip
# A store that is keen on offers, so that nearly every phone gets a coupon.
KEEN = {"temperature": 0.01, "contact": 0.0, "tired": 0.0, "margin": 0.9, "usual_rate": 0.5, "epsilon": 0.000001}


class DrillShop(Shop):
    """Data and settings of the service under drill."""

    def __init__(self, data_dir: Path, database_url: str | None = None) -> None:
        super().__init__(data_dir, database_url=database_url, config_dir=_configuration(data_dir))
        self.publish("a1")
        now = datetime.now(UTC)
        self.ledger = Ledger(self.engine, lambda: read_secret(self.settings), lambda: datetime.now(UTC))
        shared = SharedCode(
            code=CODE, most_discount=90, valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=1)
        )
        self.ledger.allow(
            Allowance(
                campaign_id="till", version=1, state="open", timezone="UTC", currency="EUR", terms=TERMS, shared=shared,
                budget=Limit(10**7, 10**9),
            )
        )  # fmt: skip
        places, store, zone = PlaceStore(self.engine), StoreId(STORE), ZoneId("drill-all")
        places.put_stores([Store(store_id=store, name="Drill", timezone="UTC", market="default")])
        places.put_zones([Zone(zone_id=zone, store_id=store, kind="aisle", name="All")])
        places.put_beacons([Placed(BeaconId("drill"), ibeacon_key(UUID, 1, 1), zone)], now)
        campaigns = CampaignStore(self.engine)
        campaigns.create("aisle", CAMPAIGN)
        campaigns.move("aisle", "activate")


def _configuration(data_dir: Path) -> Path:
    """Rules by which a phone is offered something at any hour, as soon as it is heard."""
    folder = data_dir / "config"
    folder.mkdir(parents=True)
    offers = offer_rules_at_any_hour()
    for name, value in KEEN.items():
        offers = re.sub(rf"(?m)^{name} = .*", f"{name} = {value}", offers)
    folder.joinpath("offers.toml").write_text(offers)
    places = resources.files("recommender").joinpath("config/places.toml").read_text(encoding="utf-8")
    folder.joinpath("places.toml").write_text(places.replace('dwell = "PT5S"', 'dwell = "PT0S"'))
    return folder
