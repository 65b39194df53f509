"""The answer to an access request says everything that live state holds of somebody."""

import asyncio
import json
from dataclasses import fields
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from features.audit import CLI
from features.identity import USER_ID
from features.online.keys import live_state_of_user
from features.online.live_events import LiveEvent, LiveEvents, LivePlace, PlaceKind
from features.online.live_state import LiveState
from features.online.live_value import pack, pack_emptied, pack_shown
from features.privacy.desk import Asked, PrivacyDesk
from features.privacy.exports import export_file
from features.privacy.runner import PrivacyRunner
from features.settings import Settings
from features.sql.catalogue_store import CatalogueStore
from features.sql.engine import open_engine
from recommender.ids import PlacementId, UserId
from recommender.shopper import EventKind
from recommender.shown import shown_on
from tests.unit.training.small_shop import START, open_shop, orders

DAY = 20_000  # 2024-10-04
DAY_MS = DAY * 86_400_000


def exported(settings: Settings, url: str, user: str) -> list[dict[str, Any]]:
    """Live state in the file that answers a person."""
    engine = open_engine(settings)
    request, _ = PrivacyDesk(settings, engine, lambda: START).open(Asked(kind="access", named=[(USER_ID, user)]), CLI)
    with Redis.from_url(url) as redis:
        assert PrivacyRunner(settings, engine, redis, lambda: START).run() == 1
    engine.dispose()
    with ZipFile(export_file(settings, request.request_id)) as archive:
        return [json.loads(line) for line in archive.read("live_state.jsonl").decode().splitlines()]


def test_each_field_of_live_state_is_in_the_answer_to_the_person(valkey_data_dir: Path, tmp_path: Path) -> None:
    url = f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}"
    settings = open_shop(tmp_path, orders(n_users=2, n_days=7), consenting=2).model_copy(update={"redis_url": url})
    engine = open_engine(settings)
    numbers = {
        str(found.item_id): found.item_number for found in CatalogueStore(engine).read_all() if found.item_number
    }
    engine.dispose()
    viewed = LiveEvent(
        event_id="a", line=0, kind=EventKind.VIEWED, item_number=numbers["i3"], quantity=2.0, occurred_ms=DAY_MS + 1_000
    )
    refunded = LiveEvent(
        event_id="b", line=0, kind=EventKind.REFUNDED, item_number=None, quantity=float("inf"), occurred_ms=DAY_MS,
        order_id="o-1",
    )  # fmt: skip
    in_store = LivePlace(kind=PlaceKind.STORE, place_id="berlin", occurred_ms=DAY_MS)
    key = live_state_of_user(UserId("u1"))

    async def live_on() -> None:
        async with AsyncRedis.from_url(url) as redis:
            live = LiveState(redis)
            await live.merge({key: pack_emptied(3)})
            await live.merge({key: pack([viewed, refunded, in_store], allowed_at=4)})
            await live.merge({key: pack_shown(shown_on(PlacementId("home"), [numbers["i7"]], DAY), DAY_MS, 4)})

    asyncio.run(live_on())
    [said] = exported(settings, url, "u1")
    [first, second], [place], [shown] = said["events"], said["places"], said["shown"]
    told: dict[str, tuple[object, object]] = {  # by field of LiveEvents: what is said, what is right
        "numbers": ([first["item_id"], second["item_id"]], ["i3", None]),
        "kinds": ([first["event"], second["event"]], ["viewed", "refunded"]),
        "days": ([first["at"], second["at"]], ["2024-10-04T00:00:01+00:00", "2024-10-04T00:00:00+00:00"]),
        "quantities": ([first["quantity"], second["quantity"]], [2.0, "all"]),
        "orders": (len(second["order"]), 8),
        "places": (place, {"kind": "store", "place_id": "berlin", "at": "2024-10-04T00:00:00+00:00"}),
        "shown": ((shown["item_id"], shown["on"]), ("i7", ["2024-10-04"])),
        "emptied_at": (said["emptied_at"], 3),
    }
    assert set(told) == {field.name for field in fields(LiveEvents)}
    for name, (what_is_said, right) in told.items():
        assert what_is_said == right, name
