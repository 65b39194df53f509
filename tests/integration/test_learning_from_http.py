"""Training reads what came in over HTTP beside what was imported."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.events.drain import drain
from features.progress import Silent
from features.settings import Settings
from features.sql.consent_store import ConsentStore
from features.sql.engine import open_engine
from recommender.consent import State
from recommender.ids import UserId
from serving.app import create_app
from tests.builders import said
from tests.integration.serving.shop import serving
from tests.unit.training.small_shop import START, open_shop, orders
from training.run import train

NOW = START + timedelta(days=30)
NEW, REFUSING = UserId("came yesterday"), UserId("never asked")
AGREED = {"consent": {"categoryPreferences": {"personalisation": True}}}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Settings:
    """A shop with three imported weeks, which shares the running Valkey."""
    opened = open_shop(tmp_path, orders(n_users=8, n_days=21), consenting=8)
    engine = open_engine(opened)
    ConsentStore(engine).append([said(NEW, State.GRANTED, NOW)])
    engine.dispose()
    return opened.model_copy(update={"redis_url": f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}"})


def ordered(user_id: str, order_id: str, *item_ids: str, **more: Any) -> dict[str, Any]:
    """One order, as a shop's server sends it."""
    products = [{"product_id": item_id, "quantity": 2, "price": 3} for item_id in item_ids]
    return {
        "type": "track", "event": "Order Completed", "userId": user_id, "timestamp": NOW.isoformat(),
        "properties": {"order_id": order_id, "currency": "EUR", "products": products}, **more,
    }  # fmt: skip


def send(shop: Settings, *events: dict[str, Any]) -> None:
    """Send events to the service, and drain them into the log."""

    async def use() -> None:
        async with serving(create_app(shop, clock=lambda: NOW)) as client:
            reply = await client.post("/v1/batch", json={"batch": list(events)})
            assert [event["status"] for event in reply.json()["events"]] == ["accepted"] * len(events), reply.text

    asyncio.run(use())
    with Redis.from_url(str(shop.redis_url)) as redis:
        drain(redis, shop)


def test_what_came_over_http_is_learnt_beside_the_imports(shop: Settings) -> None:
    refund = {
        "type": "track", "event": "Order Refunded", "userId": NEW, "timestamp": NOW.isoformat(),
        "properties": {"order_id": "taken back"},
    }  # fmt: skip
    send(
        shop,
        ordered(NEW, "kept", "i3", "i7", context=AGREED),
        ordered(NEW, "taken back", "i11", context=AGREED),
        refund,
        ordered("u1", "another", "i50", context=AGREED),
        ordered(REFUSING, "not learnt from", "i9"),
    )
    report = train(shop, until=None, config_file=shop.data_dir / "training.toml", force=False, progress=Silent())
    loaded = load_artifact(ArtifactShelf(shop.artifacts_dir).path(report.artifact_id))

    def bought(user_id: str) -> set[str]:
        history = loaded.model.histories.of(UserId(user_id))
        return set() if history is None else {str(loaded.items[row].item_id) for row in history.rows}

    assert bought(NEW) == {"i3", "i7"}
    assert "i50" in bought("u1")
    assert len(bought("u1")) > 1
    assert bought(REFUSING) == set()
    assert report.manifest.cut_day >= NOW.timestamp() / 86_400
