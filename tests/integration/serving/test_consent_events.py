"""What events say on consent is in the ledger, of whom they may say it; and what an event may be used for."""

from pathlib import Path
from typing import Any

import pytest

from features.identity import ANONYMOUS_ID, USER_ID
from features.sql.consent_store import ConsentStore
from features.sql.place_store import PlaceStore
from recommender.consent import Entry, State
from recommender.ids import StoreId, UserId
from recommender.places.store import Store
from tests.builders import said
from tests.integration.serving.markets import kept, two_markets
from tests.integration.serving.shop import NOW, Client, Shop

ANN, PHONE = (USER_ID, "ann"), (ANONYMOUS_ID, "phone")
SOURCE = {"channel": "web", "form": "banner 3", "notice_version": "2026-10", "proof": "receipt 7", "operator": 5}


@pytest.fixture
def shop(valkey_data_dir: Path, tmp_path: Path) -> Shop:
    """A shop of its own, in two markets, with a store in each and one in a market that is none."""
    shop = two_markets(tmp_path, valkey_data_dir)
    stores = {"berlin": "default", "reno": "nevada", "elsewhere": "atlantis"}
    PlaceStore(shop.engine).put_stores(
        [Store(store_id=StoreId(one), name=one, timezone="UTC", market=market) for one, market in stores.items()]
    )
    return shop


def ledger(shop: Shop) -> list[Entry]:
    return [entry for _, entry in ConsentStore(shop.engine).changes(0, 100)]


async def track(client: Client, event: str, headers: dict[str, str] | None = None, **body: Any) -> None:
    reply = await client.post("/v1/track", json={"event": event, **body}, headers=headers)
    assert reply.status_code == 200, reply.text


def stated(**purposes: bool) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": purposes}}


def test_an_answer_is_recorded_with_where_it_came_from(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for _ in range(2):  # a repeat adds nothing
            await track(
                client, "Consent Updated", userId="ann", messageId="m1", properties=SOURCE | {"form": "b" * 300},
                context=stated(personalisation=True, marketing_email=False, horoscopes=True),
            )  # fmt: skip

    shop.run(use)
    first, second = sorted(ledger(shop), key=lambda entry: entry.purpose)
    assert (first.purpose, first.state) == ("marketing_email", State.WITHDRAWN)
    assert (second.purpose, second.state, second.subject) == ("personalisation", State.GRANTED, ANN)
    assert (second.channel, second.notice_version, second.proof, second.operator) == (
        "web",
        "2026-10",
        "receipt 7",
        "5",
    )
    assert (second.form, second.system, second.jurisdiction, second.vouched) == ("b" * 200, "events", "eu", True)


def test_an_anonymous_visitors_answer_holds_for_its_next_visit(shop: Shop) -> None:
    async def use(client: Client) -> None:
        for granted in (True, False):
            await track(
                client, "Consent Updated", anonymousId="phone", context=stated(personalisation=granted),
                timestamp=NOW.replace(microsecond=0 if granted else 500_000).isoformat(),
            )  # fmt: skip
            await track(client, "Product Viewed", anonymousId="phone", properties={"product_id": "i3"})
            reply = await client.recommend(anonymous_id="phone", consent=None)
            assert reply["personalised"] is granted

    shop.run(use)
    assert [(entry.subject, entry.state) for entry in ledger(shop)] == [
        (PHONE, State.GRANTED), (PHONE, State.WITHDRAWN)
    ]  # fmt: skip


def test_with_the_signal_an_event_names_nobody_and_is_the_answer_of_a_known_shopper_once(shop: Shop) -> None:
    ConsentStore(shop.engine).append([said(UserId("ann"), State.GRANTED, NOW.replace(year=1969))])

    async def use(client: Client) -> None:
        for market in ("default", "nevada", "nevada"):
            properties = {"product_id": "i3", "market": market}
            context = stated(personalisation=True)
            who = {"userId": "ann", "anonymousId": "phone"}
            await track(client, "Product Viewed", {"sec-gpc": "1"}, properties=properties, context=context, **who)
            assert not (await client.recommend(user_id="ann"))["personalised"]
        assert (await client.recommend(user_id="ann", market="nevada"))["personalised"] is False

    shop.run(use)
    _, *recorded = ledger(shop)
    assert {entry.purpose for entry in recorded} == {"personalisation", "analytics", "in_store_location"}
    assert {(entry.subject, entry.state, entry.raw_signal) for entry in recorded} == {(ANN, State.DENIED, "Sec-GPC: 1")}
    assert len(recorded) == 3
    live, rows = kept(shop)
    assert not any(b"phone" in key for key in live)
    assert {row["user_id"] or row["anonymous_id"] for row in rows if row["event"] == "Product Viewed"} == {None}


@pytest.mark.parametrize(
    ("properties", "used"),
    [
        ({}, False),
        ({"market": "nevada"}, True),
        ({"store_id": "reno"}, True),
        ({"store_id": "berlin"}, False),
        ({"store_id": "elsewhere"}, False),
        ({"market": "default", "store_id": "reno"}, False),
        ({"market": "atlantis"}, False),
    ],
)
def test_who_never_answered_goes_by_the_law_of_the_market_or_the_store(
    shop: Shop, properties: dict[str, str], used: bool
) -> None:
    async def use(client: Client) -> None:
        await track(client, "Product Viewed", userId="ann", properties={"product_id": "i3", **properties})
        where = {name: value for name, value in properties.items() if value != "atlantis"}
        assert (await client.recommend(user_id="ann", consent=None, **where))["personalised"] is used

    shop.run(use)
    live, _ = kept(shop)
    assert any(b"ann" in key for key in live) is used
