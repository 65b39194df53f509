"""Whatever shoppers do in a store, in whatever order: what must never happen does not, and every draw can be redone."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isclose
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from redis import Redis
from typer.testing import CliRunner

from features.events.drain import drain
from features.events.log import scan_events
from features.online.embedded import socket_path
from recommender.cli.app import app as commands
from recommender.offers.choose import NO_OFFER
from recommender.offers.reasons import NoOffer
from recommender.offers.replay import replay
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import Client

STEPS, SHOPPERS, AISLES = 40, ("ann", "bob"), ("bread", "milk", "wine")
A_CHANCE = {"margin = 0.9": "margin = 0.3", "epsilon = 0.000001": "epsilon = 0.4"}  # so that no offer wins as well


@dataclass
class Shopper:
    """What a reference knows of one of them: the offers made, and when the last was refused."""

    made: list[datetime] = field(default_factory=list)
    by_campaign: list[tuple[str, datetime]] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)
    refused: list[datetime] = field(default_factory=list)
    answers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)


def test_no_layer_is_passed_that_forbids_and_what_was_drawn_can_be_drawn_again(
    valkey_data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Aisle(tmp_path, rules=A_CHANCE, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    shop.publish("a1")
    for name in AISLES:
        if name == "wine":
            shop.campaign(name, budget={"count": 2}, topic="")
        for number in range(3):
            category = shop.item(f"i{AISLES.index(name)}").category
            shop.campaign(f"{name}-{number}", products=f"item.category == '{category}'")
    random, people = Random(1), {name: Shopper() for name in SHOPPERS}

    async def use(client: Client) -> None:
        for step in range(STEPS):
            who = random.choice(SHOPPERS)
            person = people[who]
            shop.later(seconds=random.choice([1, 8, 60, 600, 1_500]))
            match random.choice(["ask"] * 6 + ["repeat", "stale", "refuse"]):
                case "repeat" if person.answers:
                    key, (body, answer) = random.choice(list(person.answers.items()))
                    headers = shop.secret_headers() | {"Idempotency-Key": key}
                    reply = await client.post("/v1/offers/request", json=body, headers=headers)
                    if answer["outcome"] == "offer":
                        assert reply.json() == answer  # 15
                case "stale":
                    answer = await shop.ask(client, shop.sighting(random.choice(AISLES), ago=300), who=who)
                    assert answer["outcome"] == "no_offer"  # 15
                case "refuse" if person.offers:
                    said = {"kind": random.choice(["dismissed", "less_like_this"]), "subject": {"anonymous_id": who}}
                    url = f"/v1/offers/{person.offers[-1]}/feedback"
                    reply = await client.post(url, json=said, headers=shop.secret_headers())
                    if reply.json()["recorded"]:
                        person.refused.append(shop.now)
                case _:
                    zone, limit = random.choice(AISLES), random.choice([1, 1, 3])
                    for moment in ("arrives", "is there"):
                        body = shop.body(shop.sighting(zone), who=who, limit=limit)
                        headers = shop.secret_headers() | {"Idempotency-Key": f"{step} {moment}"}
                        answer = (await client.post("/v1/offers/request", json=body, headers=headers)).json()
                        person.answers[f"{step} {moment}"] = body, answer
                        check(person, answer, shop.now)
                        shop.later(seconds=8)

    shop.run(use)
    assert sum(len(person.offers) for person in people.values()) > 3
    assert shop.n_coupons() == sum(len(person.offers) for person in people.values())
    assert shop.ledger.verify() == shop.ledger.overruns() == []
    check_log(shop, monkeypatch)


def check(person: Shopper, answer: dict[str, Any], now: datetime) -> None:
    """Invariant 13, against what is remembered here."""
    assert {*answer["reason_codes"]} <= {*NoOffer}
    assert (answer["outcome"] == "offer") == (answer["reason_codes"] == []) == bool(answer["offers"])
    for offer in answer["offers"]:
        person.made.append(now)
        assert (offer["campaign_id"], True) not in [
            (name, now - at < timedelta(hours=72)) for name, at in person.by_campaign
        ]
        person.by_campaign.append((offer["campaign_id"], now))
        person.offers.append(offer["offer_id"])
    if answer["offers"]:
        assert sum(now - at < timedelta(hours=1) for at in person.made) <= 3
        assert sum(at.date() == now.date() for at in person.made) <= 4 + 4  # UTC's day is up to two of Berlin's
        assert all(now - at >= timedelta(minutes=30) for at in person.refused)
        assert 7 <= (now + timedelta(hours=2)).hour < 22


def check_log(shop: Aisle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 14: of every decision that was logged."""
    redis = Redis.from_url(str(shop.settings.redis_url))
    drain(redis, shop.settings)
    decided = scan_events(shop.settings).filter(pl.col("event") == "Offer Decided").collect()
    drawn = 0
    for row in decided.iter_rows(named=True):
        record = json.loads(row["properties"])
        again = replay(record)
        assert all(one.is_same for one in again)
        for one in again:
            drawn += 1
            chances = one.logged.propensities
            assert NO_OFFER in chances
            assert all(0 < chance <= 1 for chance in chances.values())
            assert isclose(sum(chances.values()), 1, abs_tol=1e-9)
        if again:
            assert row["propensity"] == again[0].logged.propensities[again[0].logged.arm]
    assert drawn > 5
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(shop.settings.data_dir))
    some = decided.filter(pl.col("propensity").is_not_null())["event_id"][0]
    said = CliRunner().invoke(commands, ["offers", "replay", some])
    assert (said.exit_code, "the same choice" in said.output) == (0, True), said.output
    assert CliRunner().invoke(commands, ["offers", "replay", "dec_none"]).exit_code == 1
