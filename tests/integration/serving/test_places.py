"""Stores, zones and beacons over HTTP, and what an app is told to watch."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from recommender.places.beacons import ibeacon_key
from tests.integration.serving.shop import NOW, Client, Shop
from tests.places import UUID

BERLIN: dict[str, Any] = {
    "name": "Berlin", "timezone": "Europe/Berlin", "market": "default", "latitude": 52.52, "longitude": 13.41,
    "opening_hours": {"mon": [["08:00", "20:00"]]},
}  # fmt: skip
ZONE: dict[str, Any] = {
    "store_id": "berlin", "kind": "aisle", "name": "Milk",
    "categories": [{"category": "MILK", "weight": 2.0}],
}  # fmt: skip


def ibeacon(major: int, minor: int = 1) -> dict[str, Any]:
    return {"type": "ibeacon", "uuid": UUID.upper(), "major": major, "minor": minor}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    return Shop(tmp_path, redis_url=f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}")


async def put(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.put(f"/v1/{path}", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_places_are_stated_read_followed_and_deleted(shop: Shop) -> None:
    async def use(client: Client) -> None:
        assert await put(client, "stores/berlin", BERLIN) == BERLIN | {"store_id": "berlin"}
        milk = await put(client, "zones/milk", ZONE)
        assert milk["categories"] == [{"category": "MILK", "weight": 2.0, "valid_from": None, "valid_until": None}]
        await put(client, "zones/wine", ZONE | {"name": "Wine", "neighbours": ["milk"]})
        made = await put(client, "beacons/b1", {"frame": ibeacon(1), "zone_id": "milk"})
        assert made["frame"] == ibeacon(1) | {"uuid": UUID}
        moved = await put(client, "beacons/b1", {"frame": ibeacon(1), "zone_id": "wine", "since": NOW.isoformat()})
        assert [one["zone_id"] for one in moved["assignments"]] == ["milk", "wine"]
        assert (await client.get("/v1/beacons/b1")).json() == moved
        zones = (await client.get("/v1/zones", params={"store_id": "berlin", "limit": 1})).json()
        assert ([one["zone_id"] for one in zones["zones"]], zones["next_after"]) == (["milk"], "milk")
        assert (await client.get("/v1/beacons", params={"store_id": "other"})).json()["beacons"] == []
        assert [one["store_id"] for one in (await client.get("/v1/stores")).json()["stores"]] == ["berlin"]
        assert (await client.delete("/v1/zones/wine")).status_code == 409
        for path in ("beacons/b1", "zones/wine", "zones/milk", "stores/berlin"):
            assert (await client.delete(f"/v1/{path}")).status_code == 204
            gone = await client.get(f"/v1/{path}")
            assert (gone.status_code, gone.json()["code"]) == (404, "unknown_place")

    shop.run(use, ready=False)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("stores/x", BERLIN | {"timezone": "Mars"}, "timezone"),
        ("stores/x", BERLIN | {"longitude": None}, "longitude"),
        ("stores/x", BERLIN | {"opening_hours": {"monday": []}}, "opening_hours/monday"),
        ("stores/x", BERLIN | {"opening_hours": {"mon": [["25:00", "26:00"]]}}, "opening_hours/mon"),
        ("zones/x", ZONE | {"store_id": "nowhere"}, "store_id"),
        ("zones/x", ZONE | {"neighbours": ["nowhere"]}, "neighbours"),
        ("zones/x", ZONE | {"categories": [{"category": "A", "weight": 0}]}, "categories/0/weight"),
        ("beacons/x", {"frame": ibeacon(70_000), "zone_id": None}, "major"),
        ("beacons/x", {"frame": ibeacon(1) | {"uuid": "xyz"}, "zone_id": None}, "uuid"),
        ("beacons/x", {"frame": ibeacon(1), "zone_id": "nowhere"}, "zone_id"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(shop: Shop, path: str, body: Any, field: str) -> None:
    async def use(client: Client) -> None:
        await put(client, "stores/berlin", BERLIN)
        reply = await client.put(f"/v1/{path}", json=body)
        assert reply.status_code == 422, reply.text
        [wrong] = reply.json()["errors"]
        assert wrong["pointer"] == f"/{field}"
        assert wrong["remedy"]
        assert (await client.get(f"/v1/{path}")).status_code == 404

    shop.run(use, ready=False)


def test_an_app_watches_the_chain_and_the_nearest_stores(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for number in range(30):
            at = {"latitude": 40.0 + number / 10, "longitude": 0.0, "opening_hours": None}
            await put(client, f"stores/s{number}", BERLIN | at)
            await put(client, f"zones/z{number}", ZONE | {"store_id": f"s{number}"})
            await put(client, f"beacons/b{number}", {"frame": ibeacon(number), "zone_id": f"z{number}"})
        reply = await client.get("/v1/places/manifest", params={"store_id": "s7"})
        regions = reply.json()["regions"]
        assert len(regions) == 20
        assert regions[0] == {"type": "ibeacon", "uuid": UUID}
        assert regions[1] == {"type": "ibeacon", "uuid": UUID, "major": 7}
        assert {one["major"] for one in regions[1:4]} == {6, 7, 8}
        same = await client.get(
            "/v1/places/manifest", params={"near": "40.7,0"}, headers={"if-none-match": reply.headers["etag"]}
        )
        assert (same.status_code, same.content) == (304, b"")
        other = await client.get("/v1/places/manifest", params={"near": "43,0"})
        assert other.json()["regions"][1]["major"] == 29
        for params in ({}, {"near": "91,0"}, {"near": "here"}, {"near": "1,1", "store_id": "s7"}):
            assert (await client.get("/v1/places/manifest", params=params)).status_code == 422
        assert (await client.get("/v1/places/manifest", params={"store_id": "none"})).status_code == 404

    shop.run(use, ready=False)


def test_a_change_is_in_force_when_it_is_answered(shop: Shop) -> None:
    app = shop.app()

    async def use(client: Client) -> None:
        await put(client, "stores/berlin", BERLIN)
        await put(client, "zones/milk", ZONE)
        await put(client, "beacons/b1", {"frame": ibeacon(1), "zone_id": "milk"})
        zone = app.state.places.get().zone_of(ibeacon_key(UUID, 1, 1), NOW)
        assert (zone.zone_id, zone.category_weights(NOW)) == ("milk", {"MILK": 2.0})

    shop.app = lambda: app
    shop.run(use, ready=False)


ROWS: list[dict[str, Any]] = [
    {"zone_id": "milk", "store_id": "berlin", "kind": "aisle", "name": "Milk", "neighbours": ["wine"],
     "categories": [{"category": "MILK"}], "beacon_id": "b1", "uuid": UUID, "major": 1, "minor": 1},
    {"zone_id": "wine", "store_id": "berlin", "kind": "aisle", "name": "Wine", "sensitive": True},
    {"beacon_id": "b2", "namespace": "edd1ebeac04e5defa017", "instance": "0bdb87539b67", "zone_id": "wine"},
]  # fmt: skip
CSV = f"beacon_id,uuid,major,minor,zone_id\nb3,{UUID},1,3,milk\n"


async def import_rows(client: Client, *rows: dict[str, Any]) -> httpx.Response:
    return await client.post("/v1/beacons/import", json={"rows": list(rows)})


async def ids(client: Client) -> list[str]:
    zones, beacons = (await client.get("/v1/zones")).json(), (await client.get("/v1/beacons")).json()
    return [one["zone_id"] for one in zones["zones"]] + [one["beacon_id"] for one in beacons["beacons"]]


def test_rows_of_a_file_come_in_together_as_csv_or_json_or_not_at_all(shop: Shop) -> None:
    async def use(client: Client) -> None:
        await put(client, "stores/berlin", BERLIN)
        wrong = [
            ROWS[1] | {"store_id": "nowhere"},  # so that milk has no neighbour either
            ROWS[2] | {"instance": "xyz"},
            {"zone_id": "late", "store_id": "berlin", "kind": "shelf", "name": "Late"},
        ]
        refused = await import_rows(client, ROWS[0], *wrong)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), refused.text
        named = [one["pointer"] for one in refused.json()["errors"]]
        assert named == ["/rows/0/neighbours", "/rows/1/store_id", "/rows/2/instance", "/rows/3/kind"]
        assert await ids(client) == []
        done = await import_rows(client, *ROWS)
        assert (done.status_code, done.json()) == (200, {"rows": 3, "changed": 4}), done.text
        assert await ids(client) == ["milk", "wine", "b1", "b2"]
        assert (await import_rows(client, *ROWS)).json()["changed"] == 0
        csv = {"content": CSV, "headers": {"content-type": "text/csv; charset=utf-8"}}
        assert (await client.post("/v1/beacons/import", **csv)).json() == {"rows": 1, "changed": 1}
        assert (await client.get("/v1/beacons/b3")).json()["frame"] == ibeacon(1, 3) | {"uuid": UUID}
        moved = (await import_rows(client, ROWS[2] | {"zone_id": "milk"})).json()
        assert moved == {"rows": 1, "changed": 1}
        back = await import_rows(client, ROWS[0] | {"name": "New"}, ROWS[2] | {"since": "2020-01-01T00:00:00Z"})
        assert [one["pointer"] for one in back.json()["errors"]] == ["/rows/1/since"]  # before it was moved
        assert (await client.get("/v1/zones/milk")).json()["name"] == "Milk"

    shop.run(use, ready=False)


@pytest.mark.parametrize(
    ("column", "cell"),
    [("major", 10**30), ("zone_id", -(2**63) - 1), ("sensitive", float("inf")), ("categories", [{"weight": 2**64}])],
)
def test_a_number_that_cannot_be_kept_is_named_with_its_row(shop: Shop, column: str, cell: object) -> None:
    async def use(client: Client) -> None:
        rows = [*ROWS[1:], {column: cell}]
        body = json.dumps({"rows": rows}).replace("Infinity", "1e400")
        headers = {"content-type": "application/json"}
        refused = await client.post("/v1/beacons/import", content=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), refused.text
        [error] = refused.json()["errors"]
        assert error["pointer"] == f"/rows/2/{column}"
        assert "as a text" in error["detail"]

    shop.run(use, ready=False)


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/csv", "", 422),
        ("text/csv", "beacon_id,uuid\n", 422),
        ("text/csv", "beacon,uuid\nb,1\n", 422),
        ("text/csv", b"beacon_id\n\xff\n", 422),
        ("application/json", "{", 400),
        ("application/json", '{"rows": []}', 422),
        ("application/json", '{"rows": [{"beacon": "b"}]}', 422),
        ("application/json", '{"rows": [1]}', 422),
        ("application/xml", "<rows/>", 415),
    ],
)
def test_what_is_no_file_of_rows_is_refused(shop: Shop, kind: str, body: str | bytes, status: int) -> None:
    async def use(client: Client) -> None:
        reply = await client.post("/v1/beacons/import", content=body, headers={"content-type": kind})
        assert reply.status_code == status, reply.text
        assert reply.json()["remedy"]

    shop.run(use, ready=False)
