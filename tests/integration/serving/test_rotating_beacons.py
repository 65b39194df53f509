"""A beacon with rotating identifiers over HTTP: set up, heard while it sends what it has to, and never told."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from features.online.embedded import socket_path
from features.sql.tables.places import beacons
from recommender.places.ephemeral import DRIFT, Enrolment, identifiers
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import Client

KEY, EXPONENT = "0102030405060708090a111213141516", 4


def eid(began_at: datetime, at: datetime) -> str:
    enrolment = Enrolment(EXPONENT, began_at, "")
    return [*identifiers(bytes.fromhex(KEY), enrolment, at - DRIFT, at - DRIFT)][-1]


def test_it_is_heard_while_it_sends_what_it_has_to(valkey_data_dir: Path, tmp_path: Path) -> None:
    aisle = Aisle(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    aisle.publish("a1")
    began_at = aisle.now - timedelta(days=40)
    stated = {"type": "eddystone_eid", "rotation_exponent": EXPONENT, "counter_began_at": began_at.isoformat()}

    def heard(at: datetime) -> dict[str, Any]:
        sent = {"type": "eddystone_eid", "eid": eid(began_at, at)}
        return sent | {"rssi_avg": -60.0, "samples": 5, "last_seen": aisle.now.isoformat()}

    async def ask(client: Client, at: datetime, key: str) -> list[str]:
        return (await aisle.ask(client, heard(at), key=key))["reason_codes"]

    async def use(client: Client) -> None:
        headers = aisle.secret_headers()
        body = {"frame": stated | {"identity_key": KEY}, "zone_id": "berlin-bread"}
        for _ in range(2):
            made = await client.put("/v1/beacons/rotating", json=body, headers=headers)
            assert made.status_code == 200, made.text
            assert KEY not in made.text
            assert datetime.fromisoformat(made.json()["frame"]["counter_began_at"]) == began_at
        row = {"beacon_id": "rotating", "eid_key": KEY, "rotation_exponent": EXPONENT,
               "counter_began_at": began_at.isoformat(), "zone_id": "berlin-bread"}  # fmt: skip
        again = await client.post("/v1/beacons/import", json={"rows": [row]}, headers=headers)
        assert again.json() == {"rows": 1, "changed": 0}, again.text
        with aisle.engine.connect() as connection:
            assert KEY not in repr(connection.execute(select(beacons)).all())
        listed = await client.get("/v1/places/manifest", params={"store_id": "berlin"}, headers=headers)
        assert {"type": "eddystone_eid"} in [
            {name: value for name, value in one.items() if value is not None} for one in listed.json()["regions"]
        ]
        number = 0
        async with asyncio.timeout(30):
            while await ask(client, aisle.now, f"look {number}") == ["unknown_beacon"]:
                number += 1
                await asyncio.sleep(0.1)
        aisle.later(seconds=8)
        assert await ask(client, aisle.now - timedelta(hours=1), "recorded") == ["unknown_beacon"]
        assert await ask(client, aisle.now + timedelta(seconds=20), "a clock that is fast") == []
        wrong = body | {"frame": body["frame"] | {"identity_key": "secret"}}
        refused = await client.put("/v1/beacons/rotating", json=wrong, headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/frame/identity_key")
        assert "secret" not in refused.text

    aisle.run(use)
