"""From the answer over clicks to the order, over HTTP and through the drain: what was shown is credited."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi import FastAPI
from redis import Redis
from typer.testing import CliRunner

from features.events.drain import drain as drain_stream
from features.events.log import scan_events
from features.identity import ANONYMOUS_ID, USER_ID
from features.identity_rules import read_rules
from features.offline.attribution_report import report_attribution
from features.sql.identity_store import IdentityStore
from recommender.cli.app import app as commands
from serving.app import create_app
from tests.integration.serving.shop import NOW, Client, Shop

CONSENT = {"consent": {"categoryPreferences": {"personalisation": True}}}
WHO = {"anonymousId": "visitor", "context": CONSENT, "timestamp": NOW.isoformat()}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    """A shop of its own that shares the running Valkey."""
    shop = Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")
    shop.publish("a1")
    return shop


def drain(shop: Shop) -> pl.DataFrame:
    """Bring what is in the stream into the log, and read it."""
    redis = Redis.from_url(str(shop.settings.redis_url))
    drain_stream(redis, shop.settings)
    redis.close()
    return scan_events(shop.settings).collect()


async def ask_everywhere(client: Client) -> dict[str, dict[str, Any]]:
    """One answer of every route that shows items, by route; a page has two."""
    who = {"anonymous_id": "visitor", "consent": {"personalisation": True}}
    page = {"blocks": [{"placement": "home"}, {"placement": "trending"}], **who}
    [home, trending] = (await client.post("/v1/recommendations/batch", json=page)).json()["blocks"]
    complements = await client.post("/v1/basket/complements", json={"cart": ["i3"], **who})
    return {
        "recommendations": await client.recommend("home", **who),
        "batch": home,
        "batch, second": trending,
        "similar": (await client.get("/v1/items/i7/similar")).json(),
        "complements": complements.json(),
    }


def test_every_answer_is_recorded_and_what_came_of_it_is_credited(shop: Shop) -> None:
    answers: dict[str, dict[str, Any]] = {}

    async def use(client: Client) -> None:
        answers.update(await ask_everywhere(client))
        chosen = answers["recommendations"]
        list_id, first = chosen["recommendation_id"], chosen["items"][0]["item_id"]
        second = answers["similar"]["items"][1]["item_id"]
        similar_id = answers["similar"]["recommendation_id"]
        money = {"price": "2.50", "quantity": 2, "discount": "1.00"}
        for event, properties in (
            ("Recommendation Viewed", {"product_id": first, "recommendation_id": list_id}),
            ("Product Clicked", {"product_id": first, "recommendation_id": list_id}),
            ("Product Added", {"product_id": first}),
            ("Order Completed", {"order_id": "o1", "currency": "EUR", "products": [{"product_id": first, **money}]}),
            ("Product Viewed", {"product_id": second, "recommendation_id": similar_id}),
        ):
            sent = {"event": event, "properties": properties, **WHO}
            assert (await client.post("/v1/track", json=sent)).status_code == 200

    shop.run(use)
    log = drain(shop)
    served = log.filter(pl.col("event") == "Recommendation Served")
    assert set(served["recommendation_id"]) == {answer["recommendation_id"] for answer in answers.values()}
    assert served.select("policy", "propensity", "variant").unique().rows() == [("a1", 1.0, None)]

    report = report_attribution(shop.settings, NOW + timedelta(hours=1), days=1)
    by_list = {row["recommendation_id"]: row for row in report.table.filter(pl.col("clicks") > 0).iter_rows(named=True)}
    for answer in answers.values():
        recorded = report.table.filter(pl.col("recommendation_id") == answer["recommendation_id"]).sort("position")
        for name in ("item_id", "position", "source"):
            assert recorded[name].to_list() == [entry[name] for entry in answer["items"]]
    home = by_list[answers["recommendations"]["recommendation_id"]]
    assert (home["position"], home["adds"], home["orders"], home["revenue"], home["currency"]) == (1, 1, 1, 400, "EUR")
    assert home["viewed_at"] is not None
    assert by_list[answers["similar"]["recommendation_id"]]["position"] == 2
    assert len(by_list) == 2


def test_what_a_visitor_clicked_is_credited_with_what_the_same_person_orders_after_login(shop: Shop) -> None:
    async def use(client: Client) -> None:
        answer = await client.recommend("home", anonymous_id="visitor")
        [item_id] = {answer["items"][0]["item_id"]}
        click = {"event": "Product Clicked", "properties": {"product_id": item_id}, **WHO}
        order = {
            "event": "Order Completed", "userId": "ann", "context": CONSENT, "timestamp": NOW.isoformat(),
            "properties": {"order_id": "o1", "products": [{"product_id": item_id}]},
        }  # fmt: skip
        for sent in (click, order):
            assert (await client.post("/v1/track", json=sent)).status_code == 200

    shop.run(use)
    drain(shop)
    later = NOW + timedelta(hours=1)
    assert report_attribution(shop.settings, later, days=1).table["orders"].sum() == 0
    same = [(ANONYMOUS_ID, "visitor"), (USER_ID, "ann")]
    IdentityStore(shop.engine, read_rules(shop.settings)).merge(same, "she logged in", NOW)
    assert report_attribution(shop.settings, later, days=1).table["orders"].sum() == 1


def test_the_command_prints_the_same_for_people_and_programs_and_writes_the_table(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(client: Client) -> None:
        await client.recommend("home", limit=3)

    shop.run(use)
    drain(shop)
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(shop.settings.data_dir))
    ask = ["events", "attribution", "--days", "3650"]
    printed = CliRunner().invoke(commands, [*ask, "--json"])
    assert printed.exit_code == 0, printed.output
    sources = json.loads(printed.output)["sources"]
    assert sum(row["shown"] for row in sources) == 3
    assert {row["placement"] for row in sources} == {"home"}
    table = CliRunner().invoke(commands, ask)
    assert all(row["source"] in table.output for row in sources)
    file = tmp_path / "shown.parquet"
    assert CliRunner().invoke(commands, [*ask, "--out", str(file)]).exit_code == 0
    assert len(pl.read_parquet(file)) == 3


def test_the_chance_of_an_explored_item_is_in_the_answer_its_trace_and_what_is_attributed(shop: Shop) -> None:
    definition = {"title": "Try", "sources": ["popular", "new_arrivals"], "exploration": 0.5, "limit": 6}
    answers: list[dict[str, Any]] = []
    traced: list[dict[str, Any]] = []

    async def use(client: Client) -> None:
        assert (await client.put("/v1/placements/home", json=definition)).status_code == 200
        for number in range(8):
            answers.append(await client.recommend(anonymous_id=f"visitor-{number}", explain=True))
            trace = await client.get(f"/v1/decisions/{answers[-1]['recommendation_id']}")
            traced.append(trace.json())
        answers.append(await client.recommend("trending", anonymous_id="visitor-0"))

    shop.run(use)
    *exploring, trending = answers
    assert any(item["source"] == "exploration" for answer in exploring for item in answer["items"])
    assert all("propensity" not in item for item in trending["items"])
    drain(shop)
    table = report_attribution(shop.settings, NOW + timedelta(hours=1), days=1).table
    for answer, trace in zip(exploring, traced, strict=True):
        chances = [item["propensity"] for item in answer["items"]]
        assert [item["propensity"] for item in trace["items"]] == chances
        recorded = table.filter(pl.col("recommendation_id") == answer["recommendation_id"]).sort("position")
        assert recorded["propensity"].to_list() == chances
    of_trending = table.filter(pl.col("recommendation_id") == trending["recommendation_id"])
    assert set(of_trending["propensity"]) == {1.0}


class Tomorrow(Shop):
    """The same shop a day later."""

    def app(self) -> FastAPI:
        return create_app(self.settings, clock=lambda: NOW + timedelta(days=1))


def test_a_placement_that_rotates_shows_something_else_the_next_day_and_a_stranger_the_same(
    shop: Shop, tmp_path: Path
) -> None:
    definition = {"title": "Try", "sources": ["popular"], "ranker": "fused", "rotation": 0.9, "limit": 6}
    lists: dict[str, list[list[str]]] = {"visitor": [], "nobody": []}

    def ask(client: Client, who: str) -> Any:
        return client.shown(anonymous_id=who) if who == "visitor" else client.shown(consent={"personalisation": False})

    async def on_one_day(client: Client) -> None:
        assert (await client.put("/v1/placements/home", json=definition)).status_code == 200
        for who, shown in lists.items():
            shown.append(await ask(client, who))

    async def again(client: Client) -> None:
        for who, shown in lists.items():
            shown.append(await ask(client, who))

    shop.run(on_one_day)  # what is queued is written when it ends
    shop.run(again)
    later = Tomorrow(tmp_path, redis_url=shop.settings.redis_url)
    later.run(again)
    first, same_day, next_day = lists["visitor"]
    assert first == same_day
    assert not set(first) & set(next_day)
    assert len({tuple(shown) for shown in lists["nobody"]}) == 1
