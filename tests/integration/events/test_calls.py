"""Every call of Segment's, GA4's names, and what nobody vouches for."""

import gzip
from typing import Any

import orjson
import pytest

from recommender.ids import UserId
from serving.access import PUBLIC_SCOPES, Access
from tests.integration.events.test_ingestion import GRANTED, NOW, ORDER, shop, viewed

__all__ = ["shop"]  # a fixture
PUBLIC = Access(trusted=False, scopes=PUBLIC_SCOPES)
ANN = {"userId": "ann", "anonymousId": "phone"}
CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("track", "t", {"event": "Product Viewed", "properties": {"product_id": "milk"}}, "Product Viewed"),
    ("identify", "i", {"traits": {"email": "ann@example.org", "plan": "gold"}}, "User Identified"),
    ("page", "p", {"name": "Home", "properties": {"url": "https://shop"}}, "Page Viewed"),
    ("screen", "s", {"name": "Basket"}, "Screen Viewed"),
    ("group", "g", {"groupId": "club"}, "Group Joined"),
    ("alias", "a", {"previousId": "old"}, "User Aliased"),
]


@pytest.mark.parametrize(("kind", "short", "said", "name"), CALLS)
def test_every_call_is_taken_under_each_of_its_paths_and_in_a_batch(shop, kind, short, said, name):
    answers = shop.send(
        (f"/v1/{kind}", ANN | said | {"messageId": "1"}), (f"/v1/{short}", ANN | said | {"messageId": "2"}),
        ("/v1/batch", {"batch": [ANN | said | {"messageId": "3", "type": kind}]}),
        ("/v1/import", {"batch": [ANN | said | {"messageId": "4", "type": kind}]}),
    )  # fmt: skip
    assert [answer.status_code for answer in answers] == [200] * 4, [answer.text for answer in answers]
    rows = shop.log()
    assert rows["event"].to_list() == [name] * 4
    assert rows["user_id"].to_list() == ["ann"] * 4
    assert "example.org" not in str(rows.to_dicts())


def test_contacts_are_known_by_a_keyed_hash(shop):
    shop.send(("/v1/identify", ANN | {"traits": {"email": " Ann@Example.org ", "loyalty_card": "12 34"}}))
    shop.send(("/v1/identify", ANN | {"context": {"externalIds": [{"id": "ann@example.org", "type": "email"}]}}))
    second, first = sorted([orjson.loads(text) for text in shop.log()["identifiers"]], key=len)
    assert first["email_hash"] == second["email_hash"]
    assert len(first["email_hash"]) == 64
    assert first["loyalty_card"] == "1234"


@pytest.mark.parametrize("bad", [{}, {"userId": None}, {"userId": ""}, {"userId": "a", "messageId": "x" * 1000}])
@pytest.mark.parametrize("kind", ["identify", "page", "screen", "group", "alias"])
def test_each_call_says_what_it_needs(shop, kind, bad):
    [answer] = shop.send((f"/v1/{kind}", bad))
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert problem["errors"][0]["pointer"] in {"/userId", "/messageId", "/groupId", "/previousId"}
    assert problem["errors"][0]["remedy"]
    assert len(shop.log()) == 0


def test_the_names_of_ga4_mean_the_same(shop):
    shop.send(
        ("/v1/track", {
            **ANN, "event": "purchase", "messageId": "p",
            "properties": {
                "transaction_id": "T1", "currency": "EUR", "value": 5.97, "search_term": "x",
                "items": [{"item_id": "milk", "item_name": "Milk", "price": 1.99, "quantity": 3, "discount": 0.1,
                           "index": 2, "item_brand": "B"}],
            },
        })
    )  # fmt: skip
    row = shop.log().row(0, named=True)
    assert (row["event"], row["order_id"], row["item_id"], row["quantity"]) == ("Order Completed", "T1", "milk", 3.0)
    assert (row["price"], row["discount"], row["position"]) == (199, 30, 2)  # GA4's discount is off one unit
    assert orjson.loads(row["properties"])["item_name"] == "Milk"
    assert shop.live("ann").numbers.tolist() == [1]


def test_a_custom_event_is_logged_and_said_to_be_without_effect(shop):
    [answer] = shop.send(("/v1/track", ANN | {"event": "Recipe Opened", "properties": {"price": "free", "n": 10**25}}))
    assert "custom event" in answer.json()["note"]
    assert '"price":"free"' in shop.log().row(0, named=True)["properties"]
    assert len(shop.live("ann")) == 0


def test_a_term_says_what_it_needs(shop):
    [answer] = shop.send(("/v1/track", ANN | {"event": "Zone Entered", "properties": {"store_id": "7"}}))
    assert answer.json()["errors"][0]["pointer"] == "/properties/zone_id"


def test_a_recommendation_is_credited_by_the_item_the_event_or_the_context(shop):
    attribution = {"attribution": {"recommendation_id": "r3"}} | GRANTED
    shop.send(
        ("/v1/track", viewed(messageId="1", properties={"product_id": "milk", "recommendation_id": "r1"})),
        ("/v1/track", ORDER | {"messageId": "2", "properties": ORDER["properties"] | {"recommendation_id": "r2"}}),
        ("/v1/track", viewed(messageId="3", context=attribution)),
    )
    assert shop.log()["recommendation_id"].to_list() == ["r1", "r2", "r2", "r3"]


def test_a_refund_takes_the_order_out_of_live_state(shop):
    shop.send(("/v1/track", ORDER))
    refund = {**ANN, "event": "Order Refunded", "messageId": "r", "properties": {"order_id": "7"}}
    [answer] = shop.send(("/v1/track", refund))
    assert answer.json()["status"] == "accepted"
    assert 5 in shop.live("ann").kinds.tolist()  # EventKind.REFUNDED


def test_gzip_is_unpacked_up_to_the_limit(shop):
    headers = {"content-encoding": "gzip"}
    good, bomb = orjson.dumps(viewed()), b'{"batch":[' + b" " * 600_000 + b"]}"
    answers = shop.send(
        ("/v1/track", gzip.compress(good)), ("/v1/batch", gzip.compress(bomb)), ("/v1/batch", gzip.compress(good)[:-9]),
        ("/v1/batch", b"no gzip"), headers=headers,
    )  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 413, 400, 400]
    [other] = shop.send(("/v1/track", good), headers={"content-encoding": "br"})
    assert other.status_code == 415


def test_browsers_may_send_plain_text(shop):
    [answer] = shop.send(("/v1/t", orjson.dumps(viewed())), headers={"content-type": "text/plain"})
    assert answer.status_code == 200


# --- claims: what a publishable key says about who it is


def test_a_claim_touches_its_own_anonymous_id_and_nobody_else(shop):
    claim = viewed(anonymousId="thief", context=GRANTED, traits={"loyalty_card": "99"})
    [answer] = shop.send(("/v1/track", claim), access=PUBLIC)
    assert "claim" in answer.json()["note"]
    assert len(shop.live("ann")) == 0
    assert len(shop.live(None, "thief")) == 1
    row = shop.log().row(0, named=True)
    assert (row["user_id"], row["anonymous_id"]) == (None, "thief")
    assert orjson.loads(row["identifiers"]) == {"claimed": {"user_id": "ann", "loyalty_card": "99"}}


def test_a_claim_borrows_no_consent(shop):
    shop.send(("/v1/track", viewed(anonymousId="thief")), access=PUBLIC)
    assert len(shop.live(None, "thief")) == 0


def test_a_users_token_vouches_for_that_user_alone(shop):
    token = Access(trusted=False, subject=UserId("ann"), scopes=PUBLIC_SCOPES)
    shop.send(
        ("/v1/track", viewed(messageId="1", traits={"loyalty_card": "99"})),
        ("/v1/track", viewed(messageId="2", userId="bob")), access=token,
    )  # fmt: skip
    rows = shop.log()
    assert rows["user_id"].to_list() == ["ann", None]
    assert orjson.loads(rows["identifiers"][0]) == {"claimed": {"loyalty_card": "99"}}


# --- bad input: each answered, none stored half

BAD: list[tuple[str, bytes | dict[str, Any], int]] = [
    ("broken JSON", b'{"userId": "a", ', 400),
    ("no body", b"", 400),
    ("not Unicode", b'{"userId": "\xff"}', 422),
    ("half a surrogate", b'{"userId": "\\ud800", "event": "x"}', 400),
    ("deeply nested", b'{"userId": "a", "event": "x", "properties": {"a":' + b"[" * 9000 + b"]" * 9000 + b"}}", 400),
    ("a list", b"[]", 422),
    ("1970", viewed(timestamp="1970-01-01T00:00:00Z"), 422),
    ("no time", viewed(timestamp="yesterday"), 422),
    ("null ids", viewed(userId=None, anonymousId=None), 422),
    ("NUL in an id", viewed(userId="a\x00b"), 422),
    ("a messageId of 1,000 characters", viewed(messageId="x" * 1000), 422),
    ("a negative price", viewed(properties={"product_id": "milk", "price": -1}), 422),
    ("a negative price in an order", ORDER | {"properties": {"products": [{"sku": "a", "price": -1}]}}, 422),
    ("a quantity of nothing", viewed(properties={"product_id": "milk", "quantity": 0}), 422),
    ("a price that is no number", viewed(properties={"product_id": "milk", "price": "NaN"}), 422),
    ("an id that is no id", viewed(properties={"product_id": {"a": 1}}), 422),
    ("properties that are a list", viewed(properties=[]), 422),
    ("a currency that is none", viewed(properties={"product_id": "milk", "currency": "euro"}), 422),
    ("too much", viewed(properties={"product_id": "milk", "x": "y" * 40_000}), 413),
]


def test_what_does_not_fit_is_answered_and_nothing_of_it_is_stored(shop):
    answers = shop.send(*[("/v1/track", body) for _, body, _ in BAD])
    for (name, _, status), answer in zip(BAD, answers, strict=True):
        assert (answer.status_code, bool(answer.json()["remedy"])) == (status, True), (name, answer.text)
        assert len(answer.content) < 2000, name
    assert len(shop.log()) == 0
    assert len(shop.live("ann")) == 0


def test_emoji_are_as_good_as_letters_and_2099_is_now(shop):
    answers = shop.send(
        ("/v1/track", viewed(messageId="🛒", userId="👩‍🍳")),
        ("/v1/track", viewed(messageId="late", timestamp="2099-01-01T00:00:00Z")),
    )
    assert [answer.json()["status"] for answer in answers] == ["accepted", "accepted"]
    rows = shop.log()
    assert set(rows["user_id"]) == {"👩‍🍳", "ann"}
    assert rows["occurred_at"].to_list() == [NOW, NOW]


def test_too_many_events_and_too_many_bytes_are_refused_as_a_whole(shop):
    small = b'{"userId":"a","event":"x"}'
    answers = shop.send(
        ("/v1/batch", b'{"batch":[' + b",".join([small] * 3000) + b"]}"),
        ("/v1/batch", b'{"batch":["' + b"x" * 10_000_000 + b'"]}'),
    )
    assert [answer.status_code for answer in answers] == [422, 413]
    assert "2,500" in answers[0].json()["remedy"]
    assert len(shop.log()) == 0
