"""Every way to name somebody else in what a publishable key may call, and why the calls without a key name nobody.

A new route is in neither until somebody says how a person can be named in it, and a test fails as long.
"""

from dataclasses import dataclass, field
from typing import Any

# Calls that need no key.
FREE_ROUTES = {
    "GET /preferences": "a signed link is the key; test_preference_page.py forges it",
    "POST /preferences": "the same",
    "GET /e/c/{token}": "a sealed link is the key; test_mail_links.py forges it",
    "GET /e/i/{token}": "the same",
    "GET /u/{token}": "the same",
    "POST /u/{token}": "the same",
    "GET /e/o/{token}": "a sealed link is the key; test_mail_offers.py forges it",
    "POST /e/o/{token}": "the same",
    "GET /.well-known/gpc.json": "says nothing of people",
    "GET /.well-known/coupon-keys": "says nothing of people",
    "GET /healthz": "says nothing of people",
    "GET /readyz": "says nothing of people",
    "GET /metrics": "says nothing of people",
}

AGREED = {"consent": {"categoryPreferences": {"personalisation": True}}}
REFUSED = {"consent": {"categoryPreferences": {"personalisation": False}}}
KINDS = ("track", "identify", "page", "screen", "group", "alias")
EVENTS = ("Product Viewed", "Product Added", "Order Completed", "Order Refunded", "Order Cancelled", "Consent Updated")


@dataclass(frozen=True)
class Naming:
    """One call that names a person; `own`: it is how they would make it themselves, and it must work for them."""

    body: Any = None
    query: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    path: dict[str, str] = field(default_factory=dict[str, str])
    own: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody who has been here before.

    Attributes:
        request_id: of their privacy request.
        offer_id: of an offer that was made to them.
        call_key: the Idempotency-Key of calls that were made for them.
        secrets: texts that only answers to them and to the shop may contain.
    """

    user_id: str
    card: str
    email: str
    request_id: str
    offer_id: str
    call_key: str
    secrets: tuple[str, ...]


def namings(of: Person) -> dict[str, list[Naming]]:
    """How a person can be named, by method and path of each route that a publishable key opens."""
    request = Naming(path={"request_id": of.request_id}, own=True)
    return {
        "POST /v1/recommendations": _asked(of, {"placement": "home"}),
        "POST /v1/recommendations/batch": _asked(of, {"blocks": [{"placement": "home"}]}),
        "POST /v1/basket/complements": _asked(of, {"cart": ["i7"]}),
        "GET /v1/items/{item_id}/similar": [
            Naming(path={"item_id": "i7"}, query={"user_id": of.user_id, "anonymous_id": of.user_id}, own=True)
        ],
        **{f"POST /v1/{kind}": [Naming(event) for event in _events(of, kind)] for kind in KINDS},
        "POST /v1/batch": [
            Naming({"batch": [{"type": kind, **event} for kind in KINDS for event in _events(of, kind)]}, own=True)
        ],
        "POST /v1/consents": _consents(of),
        "POST /v1/preferences": _preferences(of),
        "GET /v1/me/wallet": [
            Naming(own=True),
            Naming(query={"user_id": of.user_id}, own=True),
            Naming(query={"anonymous_id": of.user_id}),
        ],
        "GET /v1/places/manifest": [Naming(query={"near": "52.5,13.4", "user_id": of.user_id}, own=True)],
        "POST /v1/offers/request": _offers(of),
        "POST /v1/offers/{offer_id}/feedback": [
            Naming({"kind": "dismissed"}, path={"offer_id": of.offer_id}, own=True),
            Naming({"kind": "not_shown", "subject": {"user_id": of.user_id}}, path={"offer_id": of.offer_id}, own=True),
            Naming({"kind": "saved", "subject": {"anonymous_id": of.user_id}}, path={"offer_id": of.offer_id}),
            Naming({"kind": "saved", "subject": {"anonymous_id": "evil"}}, path={"offer_id": of.offer_id}),
        ],
        "POST /v1/privacy/requests": _requests(of),
        "GET /v1/privacy/requests": [
            Naming(own=True),
            Naming(query={"identifier": f"user_id:{of.user_id}"}, own=True),
            Naming(query={"identifier": f"loyalty_card:{of.card}"}),
            Naming(query={"before": "999999999", "limit": "100"}, own=True),
        ],
        "GET /v1/privacy/requests/{request_id}": [request],
        "GET /v1/privacy/requests/{request_id}/file": [request],
    }


def _asked(of: Person, body: dict[str, Any]) -> list[Naming]:
    agreed = body | {"consent": {"personalisation": True}}
    return [
        Naming(agreed | {"user_id": of.user_id}, own=True),
        Naming(agreed | {"user_id": of.user_id, "anonymous_id": "evil"}, own=True),
        Naming(agreed | {"anonymous_id": of.user_id, "session_id": of.user_id}),
    ]


def _offers(of: Person) -> list[Naming]:
    """A beacon that is not the shop's: who may ask is judged before it."""
    heard = {"type": "ibeacon", "uuid": "f" * 32, "major": 1, "minor": 1, "last_seen": "2024-10-04T12:00:00Z"}
    asked, key = {"sightings": [heard]}, {"idempotency-key": "an-offer"}
    return [
        Naming(asked | {"subject": {"user_id": of.user_id}}, headers=key, own=True),
        Naming(asked | {"subject": {"user_id": of.user_id, "anonymous_id": "evil"}}, headers=key, own=True),
        Naming(asked | {"subject": {"anonymous_id": of.user_id, "device_id": of.user_id}}, headers=key),
        Naming(asked | {"subject": {"anonymous_id": "evil"}}, headers={"idempotency-key": of.call_key}),
    ]


def _events(of: Person, kind: str) -> list[dict[str, Any]]:
    """Events that name the person in every field that may name one, and as if nothing else were known of the sender."""
    properties = {"product_id": "i3", "order_id": "o-evil", "products": [{"product_id": "i3"}], "loyalty_card": of.card}
    known = {"loyalty_card": of.card, "email": of.email, "favourite": "stolen"}
    external = [{"id": of.card, "type": "loyalty_card"}, {"id": of.user_id, "type": "user_id"}]
    context = AGREED | {"traits": known, "externalIds": external}
    named = {"context": context, "traits": known, "properties": properties, "groupId": of.user_id, "name": "home"}
    who: list[dict[str, Any]] = [
        {"userId": of.user_id},
        {"userId": of.user_id, "anonymousId": "evil"},
        {"userId": of.user_id, "previousId": "evil"},
        {"anonymousId": "evil"},
    ]
    if kind != "track":
        return [named | one for one in who]
    said = [named | one | {"event": event} for one in who for event in EVENTS]
    return [one | {"context": context | REFUSED} if one["event"] == "Consent Updated" else one for one in said]


def _consents(of: Person) -> list[Naming]:
    said = {"purpose": "marketing_email", "state": "withdrawn", "source": {"channel": "web"}}
    mine = said | {"anonymous_id": "evil"}
    return [
        Naming({"consents": [said | {"user_id": of.user_id}]}, own=True),
        Naming({"consents": [mine, said | {"user_id": of.user_id}]}),
        Naming({"consents": [said | {"anonymous_id": of.user_id}]}),
        Naming({"consents": [said | {"email": of.email}]}),
        Naming({"consents": [said | {"loyalty_card": of.card}]}),
        Naming({"consents": [mine | {"entry_id": "victims-entry"}]}),
        Naming({"consents": [mine]}, headers={"idempotency-key": of.call_key}),
    ]


def _preferences(of: Person) -> list[Naming]:
    said = {"channel": "email", "frequency": "never", "source": {"channel": "web"}}
    return [
        Naming({"preferences": [said | {"user_id": of.user_id}]}, own=True),
        Naming({"preferences": [said | {"anonymous_id": of.user_id}]}),
        Naming({"preferences": [said | {"email": of.email}]}),
        Naming({"preferences": [said | {"loyalty_card": of.card}]}),
        Naming({"preferences": [said | {"anonymous_id": "evil"}]}, headers={"idempotency-key": of.call_key}),
    ]


def _requests(of: Person) -> list[Naming]:
    def asked(kind: str, *identifiers: tuple[str, str]) -> dict[str, Any]:
        return {"kind": kind, "identifiers": [{"kind": one, "value": value} for one, value in identifiers]}

    victim = ("user_id", of.user_id)
    return [
        Naming(asked("access", victim), own=True),
        Naming(asked("erasure", victim)),
        Naming(asked("restriction", victim)),
        Naming(asked("correction", victim) | {"traits": {"favourite": "stolen"}}),
        Naming(asked("erasure", ("user_id", "mallory"), victim)),
        Naming(asked("erasure", ("loyalty_card", of.card))),
        Naming(asked("erasure", ("email", of.email))),
        Naming(asked("access", victim), headers={"idempotency-key": of.call_key}),
    ]
