"""A shop with a store whose aisles have beacons, campaigns for what is sold there, and a clock that can be turned."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import func, select

from features.contacts import Known, find_contact
from features.identity import read_secret
from features.ledger.ledger import Ledger
from features.sql.campaign_store import CampaignStore
from features.sql.place_store import Placed, PlaceStore
from features.sql.tables.contacts import contacts
from features.sql.tables.ledger import coupons
from recommender.places.zone import CategoryWeight
from serving.app import create_app
from tests.integration.serving.shop import NOW, Client
from tests.integration.serving.test_access import GuardedShop
from tests.places import AISLES, BERLIN, PARIS, UUID, beacons_of, zones_of

AGREED = {"personalisation": True, "in_store_location": True}
CATEGORY_OF = {"bread": "category 0", "milk": "category 1", "wine": "category 2"}
CAMPAIGN: dict[str, Any] = {
    "title": "A tenth off", "currency": "EUR", "timezone": "Europe/Berlin", "topic": "staples",
    "discount": {"kind": "percent", "percent": 10, "max_discount": 40},
    "valid_from": "1970-01-02T00:00:00", "valid_until": "2099-01-01T00:00:00",
}  # fmt: skip
# A shop that is keen on offers, and draws the best one but for a chance of one in a million.
KEEN = {"margin = 0.3": "margin = 0.9", "usual_rate = 0.01": "usual_rate = 0.5",
        "epsilon = 0.1": "epsilon = 0.000001"}  # fmt: skip
SHIPPED = Path(__file__).parents[3] / "recommender/config/offers.toml"


class Aisle(GuardedShop):
    """Bread, milk and wine of Berlin and Paris; a campaign "bread" and a campaign "milk" for their categories."""

    def __init__(self, data_dir: Path, rules: dict[str, str] | None = None, **settings: Any) -> None:
        config = data_dir / "config"
        config.mkdir(parents=True)
        text = SHIPPED.read_text()
        for before, after in (KEEN | (rules or {})).items():
            assert before in text
            text = text.replace(before, after)
        (config / "offers.toml").write_text(text)
        usual = {"secret": "s" * 32, "config_dir": config, "subject_per_minute": 100_000}
        super().__init__(data_dir, **(usual | settings))
        self.now = NOW
        self.ledger = Ledger(self.engine, lambda: read_secret(self.settings), lambda: self.now)
        places = PlaceStore(self.engine)
        places.put_stores([replace(BERLIN, market="default"), replace(PARIS, market="default")])
        for store in (BERLIN, PARIS):
            zones = zones_of(store)
            named = [CATEGORY_OF.get(zone.name) for zone in zones]
            places.put_zones(
                [
                    replace(zone, categories=() if name is None else (CategoryWeight(name, 1.0),))
                    for zone, name in zip(zones, named, strict=True)
                ]
            )
            places.put_beacons([Placed(one.beacon_id, one.key, one.last_zone) for one in beacons_of(store)], NOW)
        for name in ("bread", "milk"):
            self.campaign(name)

    def campaign(self, name: str, **changed: Any) -> None:
        """Make a campaign active; "bread" and "milk" are for their aisles unless `changed` says otherwise."""
        products = {"products": f"item.category == '{CATEGORY_OF[name]}'"} if name in CATEGORY_OF else {}
        store = CampaignStore(self.engine)
        store.create(name, CAMPAIGN | products | changed)
        store.move(name, "activate")

    def app(self) -> FastAPI:
        return create_app(self.settings, clock=lambda: self.now)

    def later(self, **passed: float) -> datetime:
        self.now += timedelta(**passed)
        return self.now

    def n_coupons(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(coupons)).scalar_one()

    def n_contacts(self) -> int:
        counted = select(func.count()).select_from(contacts).where(contacts.c.state == "counted")
        with self.engine.connect() as connection:
            return connection.execute(counted).scalar_one()

    def contact(self, offer_id: str) -> Known | None:
        with self.engine.begin() as connection:
            return find_contact(connection, offer_id)

    def sighting(self, name: str, ago: float = 0, rssi: float = -60, major: int = 1) -> dict[str, Any]:
        minor = [*AISLES, "pharmacy", "spare"].index(name)
        seen = (self.now - timedelta(seconds=ago)).isoformat()
        return {
            "type": "ibeacon", "uuid": UUID, "major": major, "minor": minor, "rssi_avg": rssi, "samples": 5,
            "last_seen": seen,
        }  # fmt: skip

    def body(self, *heard: dict[str, Any], who: str = "phone", **changed: Any) -> dict[str, Any]:
        subject = {"anonymous_id": who, "device_id": f"device-{who}"}
        return {"subject": subject, "sightings": list(heard), "consent": AGREED} | changed

    async def ask(
        self, client: Client, *heard: dict[str, Any], key: str | None = None, who: str = "phone", **changed: Any
    ) -> dict[str, Any]:
        """Ask as a phone that agrees to all; the key is of the moment unless it is given."""
        headers = {"Idempotency-Key": key or f"{who} {self.now.isoformat()}"} | self.secret_headers()
        reply = await client.post("/v1/offers/request", json=self.body(*heard, who=who, **changed), headers=headers)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def arrive(self, client: Client, name: str = "bread", who: str = "phone", **changed: Any) -> dict[str, Any]:
        """Walk into an aisle, stay for long enough, and ask."""
        first = await self.ask(client, self.sighting(name), who=who, **changed)
        assert first["reason_codes"] == ["dwell_not_met"], first
        self.later(seconds=8)
        return await self.ask(client, self.sighting(name), who=who, **changed)

    def secret_headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret_text}"}
