"""In-aisle offers over HTTP, on a real shop: the right coupon or none, and each only once."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from features.online.embedded import socket_path
from recommender.offers.reasons import NoOffer
from recommender.offers.response_cards import make_deck
from recommender.offers.token import read_key_set, verify
from tests.integration.serving.aisle import Aisle
from tests.integration.serving.shop import Client
from tests.integration.serving.test_access import bearer


@pytest.fixture
def aisle(valkey_data_dir: Path, tmp_path: Path) -> Aisle:
    shop = Aisle(tmp_path, redis_url=f"unix://{socket_path(valkey_data_dir)}")
    shop.publish("a1")
    return shop


def reasons(answer: dict[str, Any]) -> list[str]:
    assert (answer["outcome"] == "offer") == bool(answer["offers"]) == (answer["reason_codes"] == [])
    assert all(0 < len(offer["why"]) <= 2 for offer in answer["offers"])
    return answer["reason_codes"]


def test_a_phone_in_an_aisle_gets_a_coupon_that_the_till_of_this_store_takes(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        answer = await aisle.arrive(client)
        [offer] = answer["offers"]
        assert answer["place"] == {"store_id": "berlin", "zone_id": "berlin-bread"}
        assert offer["campaign_id"] == "bread"
        assert set(offer["items"]) <= {f"i{number}" for number in range(0, 40, 5)}
        keys = read_key_set((await client.get("/.well-known/coupon-keys")).json())
        coupon = offer["coupon"]
        assert verify(coupon["token"], keys, aisle.now, "berlin").c == coupon["coupon_id"]
        basket = {"currency": "EUR", "lines": [{"item_id": "i5", "quantity": 1, "amount": 300}]}
        sale = {"coupons": [coupon["code"]], "store_id": "berlin", "basket": basket, "order_id": "o1"}
        used = await client.post(
            "/v1/redemptions", json=sale, headers=aisle.secret_headers() | {"Idempotency-Key": "sale"}
        )
        assert used.json()["discount"] == {"amount": 30, "currency": "EUR"}, used.text
        wallet = await client.get("/v1/me/wallet", params={"anonymous_id": "phone"}, headers=aisle.secret_headers())
        assert wallet.json() == {"coupons": []}

    aisle.run(use)
    assert aisle.ledger.verify() == []


def test_the_same_call_again_is_the_same_answer_and_one_coupon(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        await aisle.ask(client, aisle.sighting("bread"), key="k0")
        aisle.later(seconds=8)
        body = aisle.body(aisle.sighting("bread"))
        headers = aisle.secret_headers() | {"Idempotency-Key": "k1"}
        replies = await asyncio.gather(
            *(client.post("/v1/offers/request", json=body, headers=headers) for _ in range(8))
        )
        aisle.later(minutes=5)
        replies.append(await client.post("/v1/offers/request", json=body, headers=headers))
        assert {reply.status_code for reply in replies} <= {200, 409}
        answers = {reply.content for reply in replies if reply.status_code == 200}
        assert len(answers) == 1
        assert replies[-1].headers["idempotent-replayed"] == "true"
        assert replies[-1].json()["outcome"] == "offer"
        other = await client.post("/v1/offers/request", json=body | {"limit": 2}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        none = [await aisle.ask(client, aisle.sighting("bread", ago=500), key="k2") for _ in range(2)]
        assert none[0] == none[1]
        assert reasons(none[0]) == ["stale_sighting"]

    aisle.run(use)
    assert aisle.n_coupons() == aisle.n_contacts() == 1


def test_another_user_with_the_same_key_is_another_call(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        for who in ("ann", "bob"):
            headers = bearer(aisle.public_text, aisle.token(who))
            codes: list[str] = []
            for key in ("first", "second"):
                body = aisle.body(aisle.sighting("bread")) | {"subject": {"device_id": who}}
                reply = await client.post("/v1/offers/request", json=body, headers=headers | {"Idempotency-Key": key})
                codes += reply.json()["reason_codes"]
                aisle.later(seconds=8)
            assert codes == ["dwell_not_met"]
            aisle.later(seconds=-16)  # so that both bodies are the same but for the device
            mine = (await client.get("/v1/me/wallet", headers=headers)).json()["coupons"]
            assert len(mine) == 1

    aisle.run(use)
    assert aisle.n_coupons() == 2


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"consent": {}}, "no_consent"),
        ({"consent": {"personalisation": True}}, "no_consent"),
        ({"consent": {"personalisation": True, "in_store_location": False}}, "no_consent"),
        ({"consent": {"personalisation": False, "in_store_location": True}}, "no_consent"),
    ],
)
def test_without_consent_there_is_no_offer_and_nothing_is_kept(
    aisle: Aisle, changed: dict[str, Any], reason: str
) -> None:
    async def use(client: Client) -> None:
        for _ in range(2):
            answer = await aisle.ask(client, aisle.sighting("bread"), **changed)
            assert reasons(answer) == [reason]
            assert answer["place"] is None
            aisle.later(seconds=8)
        assert (await aisle.ask(client, aisle.sighting("bread")))["reason_codes"] == ["dwell_not_met"]

    aisle.run(use)
    assert aisle.n_coupons() == aisle.n_contacts() == 0


def test_a_beacon_nobody_knows_and_a_shopper_without_consent_cost_no_sql(aisle: Aisle) -> None:
    statements: list[str] = []

    def note(*said: Any) -> None:
        is_in_thread = threading.current_thread() is not threading.main_thread()  # where SQL is asked
        if is_in_thread and not said[2].startswith("DELETE"):  # what is old is deleted meanwhile
            statements.append(said[2])

    async def use(client: Client) -> None:
        forged = aisle.sighting("bread") | {"uuid": "0" * 32}
        assert reasons(await aisle.ask(client, forged)) == ["unknown_beacon"]
        assert reasons(await aisle.ask(client, aisle.sighting("bread"), consent={})) == ["no_consent"]
        assert not any("contacts" in one for one in statements)
        assert reasons(await aisle.ask(client, aisle.sighting("bread"), key="k")) == ["dwell_not_met"]
        assert any("contacts" in one for one in statements)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        aisle.run(use)
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_replayed_forged_stale_or_impossible_sighting_never_yields_a_coupon(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        told = aisle.sighting("bread")
        assert reasons(await aisle.ask(client, told, key="a")) == ["dwell_not_met"]
        aisle.later(seconds=30)
        wrong: list[tuple[list[dict[str, Any]], str]] = [
            ([told], "stale_sighting"),  # told before
            ([aisle.sighting("bread", ago=600)], "stale_sighting"),
            ([aisle.sighting("bread", ago=-600)], "stale_sighting"),
            ([aisle.sighting("bread", rssi=127)], "stale_sighting"),
            ([aisle.sighting("bread") | {"minor": 999}], "unknown_beacon"),
            ([aisle.sighting("bread") | {"uuid": "f" * 32}], "unknown_beacon"),
            ([aisle.sighting("milk", major=2)], "implausible_movement"),  # Paris, half a minute after Berlin
            ([aisle.sighting("pharmacy")], "policy_no_offer"),
        ]
        for place, (heard, reason) in enumerate(wrong):
            answer = await aisle.ask(client, *heard, key=f"wrong {place}")
            assert reasons(answer) == [reason], (place, answer)
            assert answer["place"] is None

    aisle.run(use)
    assert aisle.n_coupons() == aisle.n_contacts() == 0


def test_malformed_requests_name_the_field_and_change_nothing(aisle: Aisle) -> None:
    good = aisle.body(aisle.sighting("bread"))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"sightings": []}, "/sightings"),
        ({"sightings": [aisle.sighting("bread") | {"uuid": "zz"}]}, "/sightings/0/uuid"),
        ({"sightings": [aisle.sighting("bread") | {"major": 70_000}]}, "/sightings/0/ibeacon/major"),
        ({"sightings": [aisle.sighting("bread") | {"last_seen": "yesterday"}]}, "/sightings/0/ibeacon/last_seen"),
        ({"limit": 4}, "/limit"),
        ({"subject": {}}, "/subject"),
        ({"market": "atlantis"}, "/market"),
        ({"cheat": 1}, "/cheat"),
    ]

    async def use(client: Client) -> None:
        for place, (changed, pointer) in enumerate(wrong):
            headers = aisle.secret_headers() | {"Idempotency-Key": f"k{place}"}
            reply = await client.post("/v1/offers/request", json=good | changed, headers=headers)
            assert reply.status_code == 422, reply.text
            assert reply.json()["errors"][0]["pointer"] == pointer
        bare = await client.post("/v1/offers/request", json=good, headers=aisle.secret_headers())
        assert (bare.status_code, bare.json()["code"]) == (400, "idempotency_key_missing")

    aisle.run(use)
    assert aisle.n_contacts() == 0


def test_a_dry_run_decides_the_same_and_leaves_no_trace(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        await aisle.ask(client, aisle.sighting("bread"))
        aisle.later(seconds=8)
        dry = await aisle.ask(client, aisle.sighting("bread"), key="same", dry_run=True)
        assert aisle.n_coupons() == aisle.n_contacts() == 0
        wet = await aisle.ask(client, aisle.sighting("bread"), key="same")
        assert [offer["campaign_id"] for offer in dry["offers"]] == [one["campaign_id"] for one in wet["offers"]]
        assert [offer["coupon"] for offer in dry["offers"]] == [None]

    aisle.run(use)
    assert aisle.n_coupons() == 1


def test_feedback_pauses_and_what_was_never_shown_is_given_back(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        async def tell(offer_id: str, kind: str, who: str = "phone") -> dict[str, Any]:
            reply = await client.post(
                f"/v1/offers/{offer_id}/feedback",
                json={"kind": kind, "subject": {"anonymous_id": who}},
                headers=bearer(aisle.public_text),
            )
            return reply.json() | {"status": reply.status_code}

        [first] = (await aisle.arrive(client))["offers"]
        assert (await tell(first["offer_id"], "dismissed", who="mallory"))["status"] == 404
        assert (await tell("off_" + "0" * 20, "shown"))["status"] == 404
        assert (await tell(first["offer_id"], "not_shown"))["recorded"]
        assert not (await tell(first["offer_id"], "not_shown"))["recorded"]
        assert not (await tell(first["offer_id"], "saved"))["recorded"]
        wallet = await client.get("/v1/me/wallet", params={"anonymous_id": "phone"}, headers=aisle.secret_headers())
        assert wallet.json() == {"coupons": []}  # what gives the contact back, gives the coupon back
        assert aisle.n_contacts() == 0

        aisle.later(seconds=8)
        [second] = (await aisle.ask(client, aisle.sighting("bread")))["offers"]
        for kind, recorded in (("shown", True), ("shown", False), ("dismissed", True), ("shown", False)):
            assert (await tell(second["offer_id"], kind))["recorded"] is recorded
        assert not (await tell(second["offer_id"], "not_shown"))["recorded"]
        aisle.later(seconds=8)
        paused = await aisle.arrive(client, "milk")
        assert reasons(paused) == ["cooldown"]
        assert 0 < paused["retry_after_s"] <= 1800

    aisle.run(use)
    assert aisle.ledger.verify() == []


def test_shoppers_for_whom_different_campaigns_are_left_are_judged_with_one_deck_of_cards(aisle: Aisle) -> None:
    """One for each would be put together, and held, again and again: its numbers are those of all products."""
    aisle.campaign("cake", products="item.category == 'category 0'", holdout=0.5)
    aisle.campaign("rolls", products="item.category == 'category 0'", holdout=0.5)
    made = list[int]()

    async def use(client: Client) -> None:
        before = make_deck.cache_info().misses
        for number in range(8):
            await aisle.arrive(client, who=f"phone-{number}")
        made.append(make_deck.cache_info().misses - before)

    aisle.run(use)
    assert made == [1]


def test_every_reason_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs/offers.md").read_text()
    for reason in NoOffer:
        assert f"`{reason}`" in page, reason


def test_an_hour_at_night_a_full_budget_and_a_stopped_campaign_forbid_it(aisle: Aisle) -> None:
    async def use(client: Client) -> None:
        aisle.later(hours=10)  # midnight in Berlin
        night = await aisle.ask(client, aisle.sighting("bread"))
        aisle.later(seconds=8)
        night = await aisle.ask(client, aisle.sighting("bread"))
        assert reasons(night) == ["quiet_hours"]
        assert timedelta(seconds=night["retry_after_s"]) == timedelta(hours=7, seconds=-8)
        aisle.later(hours=12)
        kill = await client.post("/v1/campaigns/bread/kill", headers=aisle.secret_headers())
        assert kill.status_code == 200
        gone = await aisle.arrive(client, who="other")
        assert reasons(gone) == ["no_relevant_offer"]

    aisle.run(use)
    assert aisle.n_coupons() == 0
