"""`make bench-offers`: the in-aisle call at 100 requests a second, with a coupon that is on disk when it is answered.

Two workers (`OFFER_WORKERS`; `OFFER_RATE` for another rate) over the artifact, database and campaigns of the data
folder (`make demo`), and forty campaigns for everybody beside them; a store with one zone that sells everything.
Beside it what costs less: a phone whose shopper allows nothing, and beacons that nobody knows. Latency counts from
when a request should have been sent.
"""

import os
import re
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from features.settings import Settings
from features.sql.campaign_store import CampaignStore
from features.sql.engine import migrate, open_engine
from features.sql.place_store import Placed, PlaceStore
from loadtests.bench import copy_of, free_port, running
from loadtests.generator import Outcome, at_rate, post, saturate
from recommender.cli.demo import offer_rules_at_any_hour
from recommender.ids import BeaconId, StoreId, ZoneId
from recommender.places.beacons import ibeacon_key
from recommender.places.store import Store
from recommender.places.zone import Zone

RATE, WORKERS = float(os.environ.get("OFFER_RATE", "100")), int(os.environ.get("OFFER_WORKERS", "2"))
SECONDS, ROUNDS, CAMPAIGNS = 8.0, 3, 40
DWELL_SECONDS = 8.0
UUID = "0f0f0f0f-0000-4000-8000-000000000001"
CAMPAIGN = {
    "currency": "USD", "timezone": "UTC", "discount": {"kind": "percent", "percent": 10, "max_discount": 50},
    "budget": {"money": 10**9, "count": 10**7, "per_day": {"count": 10**7}},
    "caps": [{"most": 1, "per": "campaign"}, {"most": 3, "per": "day", "of": "device"}],
    "valid_from": "2000-01-01T00:00:00", "valid_until": "2099-01-01T00:00:00",
}  # fmt: skip
ALWAYS = {"temperature = ": "temperature = 0.01 # ", "contact = ": "contact = 0.0 # ", "tired = ": "tired = 0.0 # "}
KINDS: dict[str, dict[str, Any]] = {"offer": {}, "no consent": {"agrees": False}, "unknown beacon": {"minor": 9}}


def set_up(apart: Path) -> None:
    """Put the store, its zone and the campaigns into a data folder of its own."""
    engine = open_engine(Settings(data_dir=apart))
    migrate(engine)
    places = PlaceStore(engine)
    store, zone = StoreId("bench"), ZoneId("bench-all")
    places.put_stores([Store(store_id=store, name="Bench", timezone="UTC", market="default")])
    places.put_zones([Zone(zone_id=zone, store_id=store, kind="aisle", name="All")])
    places.put_beacons([Placed(BeaconId("bench"), ibeacon_key(UUID, 1, 1), zone)], datetime.now(UTC))
    campaigns, categories = CampaignStore(engine), categories_of(apart)
    for number in range(CAMPAIGNS):
        rule = f"item.category == '{categories[number % len(categories)]}'"
        campaigns.create(f"bench-{number}", CAMPAIGN | {"title": f"Bench {number}", "products": rule})
        campaigns.move(f"bench-{number}", "activate")
    engine.dispose()
    text = offer_rules_at_any_hour()
    for before, after in ALWAYS.items():
        text = text.replace(f"\n{before}", f"\n{after}")
    (apart / "config").mkdir()
    (apart / "config" / "offers.toml").write_text(text)


def categories_of(apart: Path) -> list[str]:
    """Names of categories that a rule can quote."""
    engine = open_engine(Settings(data_dir=apart))
    with engine.connect() as connection:
        query = "SELECT category FROM items WHERE category IS NOT NULL GROUP BY category ORDER BY count(*) DESC"
        found = [row[0] for row in connection.exec_driver_sql(query)]
    engine.dispose()
    return [name for name in found if "'" not in name][:CAMPAIGNS]


def calls(names: Sequence[str], key: str, *, minor: int = 1, agrees: bool = True) -> Iterator[bytes]:
    """One call of each phone, with a sighting of this moment."""
    consent = {"personalisation": agrees, "in_store_location": agrees}
    for name in names:
        heard = {
            "type": "ibeacon", "uuid": UUID, "major": 1, "minor": minor, "rssi_avg": -60.0, "samples": 5,
            "last_seen": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        subject = {"anonymous_id": name, "device_id": name}
        body = {"subject": subject, "sightings": [heard], "consent": consent}
        yield post("/v1/offers/request", orjson.dumps(body), f"Idempotency-Key: {key}-{name}\r\n")


async def measure(port: int) -> dict[str, list[Outcome]]:
    """Rounds of each kind of call; shoppers of an offer are new in each round."""
    found: dict[str, list[Outcome]] = {"offer": [], "no consent": [], "unknown beacon": []}
    n = int(RATE * SECONDS * 1.3)
    for number in range(-1, ROUNDS):
        phones = [f"phone-{number}-{one}" for one in range(n if number >= 0 else 200)]
        arrivals = list(calls(phones, "arrives"))
        await saturate("127.0.0.1", port, arrivals[: len(phones) // 8 * 8], seconds=DWELL_SECONDS, connections=8)
        time.sleep(DWELL_SECONDS)
        kinds: dict[str, dict[str, Any]] = {
            "offer": {},
            "no consent": {"agrees": False},
            "unknown beacon": {"minor": 9},
        }
        for kind, how in kinds.items():
            asked = list(calls(phones, f"{kind} {number}".replace(" ", "-"), **how))
            seconds = SECONDS if number >= 0 else 1.0
            outcome = await at_rate("127.0.0.1", port, asked, per_second=RATE, seconds=seconds)
            if number >= 0:
                found[kind].append(outcome)
    return found


def stages(port: int) -> dict[str, tuple[float, int]]:
    """Mean milliseconds and number of each stage of requests for offers, of all that were answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        text = page.read().decode()
    name = r"recommender_stage_duration_seconds_(sum|count)\{[^}]*stage=\"offer (\w+)\"[^}]*\} (\S+)"
    values = {(stage, kind): float(value) for kind, stage, value in re.findall(name, text)}
    return {
        stage: (1000 * values[stage, "sum"] / values[stage, "count"], int(values[stage, "count"]))
        for stage in dict.fromkeys(stage for stage, _ in values)
    }


def answered(port: int) -> str:
    """How many requests ended how."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        text = page.read().decode()
    counted = re.findall(r"recommender_offer_requests_total\{([^}]*)\} (\S+)", text)
    return "; ".join(f"{re.sub('[a-z]+=', '', labels)}: {float(n):.0f}" for labels, n in counted)


def main() -> None:
    """Run everything and print the tables."""
    console, port = Console(), free_port()
    with copy_of(Settings()) as apart:
        set_up(apart)
        environment = {"RECOMMENDER_DATA_DIR": str(apart), "RECOMMENDER_CONFIG_DIR": str(apart / "config")}
        serve = [sys.executable, "-m", "recommender", "serve", "--workers", str(WORKERS), "--port", str(port)]
        with running(serve, port, "/readyz", environment):
            found, by_stage, ends = uvloop.run(measure(port)), stages(port), answered(port)
    table = Table(
        "",
        "p50 ms",
        "p99 ms",
        "of the rounds",
        "failures",
        title=f"In the aisle, {WORKERS} workers, at {RATE:.0f} requests/s",
    )
    for kind, rounds in found.items():
        p99 = [outcome.percentile(99) for outcome in rounds]
        middle = median(outcome.percentile(50) for outcome in rounds)
        failures = str(sum(outcome.failures for outcome in rounds))
        table.add_row(kind, f"{middle:.1f}", f"{median(p99):.1f}", ", ".join(f"{one:.1f}" for one in p99), failures)
    console.print(table)
    parts = Table("stage", "mean ms", "times", title="Where the time of those that are answered with SQL goes")
    for stage, (milliseconds, n) in by_stage.items():
        parts.add_row(stage, f"{milliseconds:.2f}", str(n))
    console.print(parts)
    console.print(f"answers: {ends}; {os.cpu_count()} cores, shared with this generator")


if __name__ == "__main__":
    main()
