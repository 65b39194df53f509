"""Nobody reads or changes another's data: every route, with every credential that is not the victim's own."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from redis import Redis
from sqlalchemy import select

from features.contacts import NewContact, person_of, write_contact
from features.identity import read_secret
from features.keys import signing_secret
from features.ledger.ledger import Ledger
from features.ledger.values import Coupon, IssueRequest
from features.privacy.runner import PrivacyRunner
from features.sql.tables.base import metadata
from recommender.offers.fatigue import About
from serving.access import FREE, PUBLIC_SCOPES
from serving.user_tokens import AUDIENCE
from tests.integration.serving.naming import AGREED, FREE_ROUTES, Naming, Person, namings
from tests.integration.serving.shop import NOW, REGULAR, Client, openapi_document
from tests.integration.serving.test_access import GuardedShop, bearer
from tests.integration.serving.test_coupons import ALLOWANCE

CARD, ANONYMOUS, FAVOURITE, EMAIL = "471177000077", "v-77c0ffee", "plum-77c0ffee", "victim.77c0ffee@example.org"
PROOF, CALL_KEY, REQUESTS = "proof-77c0ffee", "victims-call", "/v1/privacy/requests"
NOT_OF_PEOPLE = ("change_counter", "audit_", "keys")  # beginnings of tables that every write touches
Headers = list[tuple[str, str]]


class Street(GuardedShop):
    """A shop with a victim, of whom it knows all that it can, and a page's key that everybody can read."""

    def token_of(self, user: str, secret: str | None = None, **changed: Any) -> str:
        claims = {"sub": user, "aud": AUDIENCE, "exp": NOW + timedelta(minutes=30)} | changed
        return jwt.encode(claims, secret or signing_secret(read_secret(self.settings), self.public.key_id))

    def wrong_credentials(self) -> Iterator[Headers]:
        """What proves nothing: no key, one that does not exist, and tokens for the victim that do not hold."""
        yield []
        yield [*bearer("pk_" + "0" * 40, self.token_of(REGULAR)).items()]
        other, _ = self.make_key("pk")
        claims = {"sub": REGULAR, "aud": AUDIENCE, "exp": NOW + timedelta(minutes=30)}
        own = signing_secret(read_secret(self.settings), self.public.key_id)
        for token in (
            self.token_of(REGULAR, exp=NOW - timedelta(minutes=1)),
            self.token_of(REGULAR, "guessed" * 8),
            self.token_of(REGULAR, signing_secret(read_secret(self.settings), other.key_id)),
            self.token_of(REGULAR, aud="another"),
            jwt.encode(claims, "", algorithm="none"),
            jwt.encode(claims, own, algorithm="HS512"),
        ):
            yield [*bearer(self.public_text, token).items()]
        twice = [("x-user-token", self.token_of("mallory")), ("x-user-token", self.token_of(REGULAR, "guessed" * 8))]
        yield [*bearer(self.public_text).items(), *twice]

    async def welcome(self, client: Client) -> Person:
        """Learn all that a shop can learn of somebody."""
        own, source = bearer(self.secret_text) | {"idempotency-key": CALL_KEY}, {"source": {"channel": "web"}}
        traits = {"loyalty_card": CARD, "email": EMAIL, "favourite": FAVOURITE}
        who = {"userId": REGULAR, "anonymousId": ANONYMOUS, "context": AGREED}
        seen = {"event": "Product Viewed", "properties": {"product_id": "i5"}}
        consent = {"purpose": "marketing_email", "state": "granted", "proof": PROOF, "entry_id": "victims-entry"}
        preference = {"channel": "email", "frequency": "weekly"}
        asked = {"kind": "access", "identifiers": [{"kind": "user_id", "value": REGULAR}]}
        replies = [
            await client.post(path, json=body, headers=own)
            for path, body in [
                ("/v1/identify", who | {"traits": traits}),
                ("/v1/track", who | seen),
                ("/v1/consents", {"consents": [consent | source | {"user_id": REGULAR}]}),
                ("/v1/preferences", {"preferences": [preference | source | {"user_id": REGULAR}]}),
                (REQUESTS, asked),
            ]
        ]
        assert all(reply.is_success for reply in replies), [reply.text for reply in replies]
        request_id = replies[-1].json()["request_id"]
        with Redis.from_url(str(self.settings.redis_url)) as redis:
            runner = PrivacyRunner(self.settings, self.engine, redis, lambda: NOW + timedelta(seconds=5))
            runner.learn()
            runner.run()
        coupon = self.give_coupon()
        secrets = (ANONYMOUS, FAVOURITE, PROOF, CARD, EMAIL, request_id, coupon.coupon_id, '"personalised":true')
        return Person(REGULAR, CARD, EMAIL, request_id, self.make_offer(), CALL_KEY, secrets)

    def make_offer(self) -> str:
        offer_id = "off_" + "7" * 20
        with Ledger(self.engine, lambda: read_secret(self.settings), lambda: NOW).writing() as books:
            person = person_of(books.connection, books.secret, ("user_id", REGULAR))
            about = About(channel="in_aisle", campaign_id="fifth")
            write_contact(books, person, NewContact(contact_id=offer_id, about=about))
        return offer_id

    def give_coupon(self) -> Coupon:
        ledger = Ledger(self.engine, lambda: read_secret(self.settings), lambda: NOW)
        ledger.allow(ALLOWANCE)
        coupon = ledger.issue(
            IssueRequest(
                campaign_id="fifth",
                decision_id="d1",
                holder=("user_id", REGULAR),
                store_id="s1",
                stores=("s1",),
                most_discount=90,
                valid_from=NOW,
                valid_until=NOW + timedelta(hours=4),
            )
        )
        assert isinstance(coupon, Coupon)
        return coupon

    def rows(self) -> Counter[str]:
        """Every row of every table that may tell of people."""
        tables = [one for one in metadata.sorted_tables if not one.name.startswith(NOT_OF_PEOPLE)]
        with self.engine.connect() as connection:
            return Counter(f"{table.name} {row}" for table in tables for row in connection.execute(select(table)))

    def live(self) -> dict[bytes, bytes]:
        """All live state, byte by byte."""
        with Redis.from_url(str(self.settings.redis_url)) as redis:
            return {key: redis.get(key) for key in redis.scan_iter("shopper:*")}  # pyright: ignore[reportReturnType] - of a client that does not wait


@pytest.fixture
def street(valkey_data_dir: Path, tmp_path: Path) -> Street:
    socket = valkey_data_dir / "valkey" / "valkey.sock"
    # Guesses are held off by address; here each comes from one of its own.
    street = Street(tmp_path, redis_url=f"unix://{socket}", trusted_proxies="127.0.0.1", subject_per_minute=100_000)
    street.publish("a1")
    return street


Routes = dict[str, dict[str, Any]]


def routes_of() -> Routes:
    """The description of every operation, by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in openapi_document()["paths"].items()
        for method, operation in methods.items()
    }


def is_public(operation: dict[str, Any]) -> bool:
    return bool(PUBLIC_SCOPES & {operation["x-scope"], operation.get("x-self-scope")})


class Attempts:
    """Calls by somebody who is not the victim."""

    def __init__(self, client: Client, victim: Person) -> None:
        self._client, self._victim, self._n = client, victim, 0

    async def call(self, route: str, naming: Naming, credentials: Headers) -> httpx.Response:
        self._n += 1
        method, path = route.split()
        path = re.sub(r"\{(\w+)\}", lambda found: naming.path.get(found[1], f"user_id:{self._victim.user_id}"), path)
        address = ("x-forwarded-for", f"10.{self._n >> 16}.{self._n >> 8 & 255}.{self._n & 255}")
        headers = [*credentials, *naming.headers.items(), address]
        return await self._client.request(method, path, json=naming.body, params=naming.query, headers=headers)

    async def learn_nothing(self, route: str, naming: Naming, credentials: Headers) -> httpx.Response:
        reply = await self.call(route, naming, credentials)
        sent = json.dumps([naming.body, naming.query, naming.path])
        told = [one for one in self._victim.secrets if one not in sent and one in reply.text]
        assert told == [], (route, naming, reply.text)
        assert reply.headers["content-type"] != "application/zip", route
        return reply


def test_every_route_is_known_by_how_a_person_can_be_named_in_it(street: Street) -> None:
    routes = routes_of()
    victim = Person("u", CARD, EMAIL, "prq_" + "0" * 20, "off_" + "0" * 20, CALL_KEY, ())
    assert {route for route, one in routes.items() if is_public(one)} == namings(victim).keys(), "see naming.py"
    assert {route for route, one in routes.items() if one["x-scope"] == FREE} == FREE_ROUTES.keys(), "see naming.py"


def test_nobody_else_learns_or_changes_anything(street: Street) -> None:
    page, mallory = street.public_text, street.token_of("mallory")
    guessed = (
        "x-user-token",
        street.token_of(REGULAR, "guessed" * 8),
    )  # beside a token that holds: the last one counts
    attackers: list[Headers] = [
        [*bearer(page).items()],
        [*bearer(page, mallory).items()],
        [guessed, *bearer(page, mallory).items()],
    ]

    async def use(client: Client) -> None:
        victim, routes = await street.welcome(client), routes_of()
        ways, attempts = namings(victim), Attempts(client, victim)
        rows, live = street.rows(), street.live()
        assert f"shopper:{{u:{REGULAR}}}".encode() in live
        for route, operation in routes.items():
            for naming in ways.get(route, [Naming({"user_id": victim.user_id})]):
                for attacker in attackers:
                    reply = await attempts.learn_nothing(route, naming, attacker)
                    assert reply.status_code < 500, (route, reply.text)
                    if not is_public(operation) and operation["x-scope"] != FREE:
                        assert (reply.status_code, reply.json()["code"]) == (403, "not_allowed"), (route, reply.text)
        assert {key: value for key, value in street.live().items() if key in live} == live
        assert rows - street.rows() == Counter()
        added = " ".join(street.rows() - rows)
        assert [one for one in (f"'user_id', '{REGULAR}'", *victim.secrets) if one in added] == []

    street.run(use)


def test_credentials_that_do_not_hold_open_nothing(street: Street) -> None:
    async def use(client: Client) -> None:
        wrong = [*street.wrong_credentials()]
        victim, routes = await street.welcome(client), routes_of()
        ways, attempts = namings(victim), Attempts(client, victim)
        rows, live = street.rows(), street.live()
        for route, operation in routes.items():
            if operation["x-scope"] == FREE:
                continue
            naming = ways.get(route, [Naming({"user_id": victim.user_id})])[0]
            for credentials in wrong:
                reply = await attempts.learn_nothing(route, naming, credentials)
                assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated"), (route, credentials)
        assert (street.rows(), street.live()) == (rows, live)

    street.run(use)


def test_the_victim_does_all_that_nobody_else_could(street: Street) -> None:
    async def use(client: Client) -> None:
        victim, learnt = await street.welcome(client), set[str]()
        attempts, own = Attempts(client, victim), [*bearer(street.public_text, street.token_of(REGULAR)).items()]
        for route, ways in namings(victim).items():
            for naming in ways:
                if naming.own:
                    before = street.rows(), street.live()
                    reply = await attempts.call(route, naming, own)
                    assert reply.is_success, (route, reply.text)
                    told = any(secret in reply.text for secret in victim.secrets)
                    if told or reply.headers["content-type"] == "application/zip":
                        learnt.add(route)
                    if (street.rows(), street.live()) != before:
                        learnt.add(route)
        assert {route for route, ways in namings(victim).items() if any(naming.own for naming in ways)} - learnt == {
            "GET /v1/items/{item_id}/similar",  # an answer for a stranger, whoever asks
            "GET /v1/places/manifest",  # the same for everybody
            "POST /v1/offers/request",  # of a beacon that is not the shop's; test_offers.py has others
        }

    street.run(use)
