"""Every call and command that writes, how to make it once, and why those of the rest leave nothing in the audit trail.

A new route or command is in neither until somebody says which it is, and a test fails as long.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CAMPAIGN = {
    "title": "Pasta", "currency": "EUR", "timezone": "Europe/Vienna", "discount": {"kind": "amount", "amount": 50},
    "budget": {"count": 10}, "valid_from": "2020-01-01T00:00:00", "valid_until": "2099-01-01T00:00:00",
}  # fmt: skip
ITEM = {"title": "Tea", "group_id": "g1", "price": {"amount": 199, "currency": "EUR"}}


@dataclass(frozen=True)
class Call:
    """One call that succeeds, and the action that the trail has of it; `{name}` in the path is from a reply before."""

    path: str
    body: dict[str, Any] | None
    action: str
    headers: dict[str, str] = field(default_factory=dict[str, str])  # the same of `{name}` in a value


# In this order: later ones need what earlier ones made.
CALLS: dict[str, Call] = {
    "PUT /v1/catalogue/items/{item_id}": Call("/v1/catalogue/items/tea", ITEM, "catalogue.put"),
    "PATCH /v1/catalogue/stock": Call(
        "/v1/catalogue/stock", {"lines": [{"item_id": "tea", "quantity": 3}]}, "stock.set"
    ),
    "DELETE /v1/catalogue/items/{item_id}": Call("/v1/catalogue/items/tea", None, "catalogue.delete"),
    "PUT /v1/placements/{placement_id}": Call(
        "/v1/placements/mine", {"title": "Mine", "sources": ["popular"]}, "placements.put"
    ),
    "POST /v1/campaigns": Call("/v1/campaigns", {"campaign_id": "pasta", **CAMPAIGN}, "campaigns.create"),
    "PUT /v1/campaigns/{campaign_id}": Call(
        "/v1/campaigns/pasta", CAMPAIGN, "campaigns.replace", {"if-match": "{etag}"}
    ),
    "POST /v1/campaigns/{campaign_id}/activate": Call("/v1/campaigns/pasta/activate", None, "campaigns.activate"),
    "POST /v1/campaigns/{campaign_id}/pause": Call("/v1/campaigns/pasta/pause", None, "campaigns.pause"),
    "POST /v1/campaigns/{campaign_id}/end": Call("/v1/campaigns/pasta/end", None, "campaigns.end"),
    "POST /v1/campaigns/{campaign_id}/kill": Call("/v1/campaigns/pasta/kill", None, "campaigns.kill"),
    "PUT /v1/kill-switch": Call("/v1/kill-switch", {"on": True, "reason": "a test"}, "campaigns.halt"),
    "PUT /v1/stores/{store_id}": Call("/v1/stores/1", {"name": "One", "timezone": "UTC"}, "stores.put"),
    "PUT /v1/zones/{zone_id}": Call(
        "/v1/zones/1-tea", {"store_id": "1", "kind": "aisle", "name": "Tea"}, "zones.put"
    ),
    "PUT /v1/beacons/{beacon_id}": Call(
        "/v1/beacons/b", {"frame": {"type": "ibeacon", "uuid": "0" * 32, "major": 1, "minor": 1}, "zone_id": "1-tea"},
        "beacons.put",
    ),
    "POST /v1/beacons/import": Call(
        "/v1/beacons/import",
        {"rows": [{"beacon_id": "b", "namespace": "0" * 20, "instance": "1" * 12, "zone_id": "1-tea"}]},
        "beacons.put",
    ),
    "DELETE /v1/beacons/{beacon_id}": Call("/v1/beacons/b", None, "beacons.delete"),
    "DELETE /v1/zones/{zone_id}": Call("/v1/zones/1-tea", None, "zones.delete"),
    "DELETE /v1/stores/{store_id}": Call("/v1/stores/1", None, "stores.delete"),
    "DELETE /v1/campaigns/{campaign_id}": Call("/v1/campaigns/a-draft", None, "campaigns.delete"),
    "PATCH /v1/profiles/{profile_id}": Call(
        "/v1/profiles/user_id:ann", {"traits": {"size": "M"}}, "profiles.change"
    ),
    "POST /v1/profiles/merges": Call(
        "/v1/profiles/merges",
        {"identifiers": [{"kind": "user_id", "value": v} for v in ("ann", "anna")], "reason": "a call"},
        "profiles.merge",
    ),
    "POST /v1/consents": Call(
        "/v1/consents",
        {"consents": [{"user_id": "ann", "purpose": "analytics", "state": "denied", "source": {"channel": "web"}}]},
        "consents.append",
    ),
    "POST /v1/preferences": Call(
        "/v1/preferences",
        {"preferences": [{"user_id": "ann", "channel": "sms", "frequency": "never", "source": {"channel": "web"}}]},
        "preferences.append",
    ),
    "POST /v1/consents/links": Call("/v1/consents/links", {"user_id": "ann"}, "consents.link"),
    "DELETE /v1/profiles/merges/{merge_id}": Call("/v1/profiles/merges/{merge_id}", None, "profiles.unmerge"),
    "POST /v1/privacy/requests": Call(
        "/v1/privacy/requests",
        {"kind": "access", "identifiers": [{"kind": "user_id", "value": "ann"}]},
        "privacy.access",
    ),
}  # fmt: skip

# Tags whose calls write nothing that the trail is for.
EXEMPT_TAGS = {
    "events": "what shoppers do is in the event log, each once, with who said it",
    "preference centre": "a shopper's form; test_preference_page.py looks for its entries",
    "recommendations": "an answer; what was shown is in the event log",
    "offers": "a decision is in the event log before it is answered, its coupon in the ledger",
    "links of mails": "a click is an event; who unsubscribes is in the trail, test_mail_links.py looks for it",
    "email": "each block is kept with its send, and says when it was decided",
    "coupons": "the ledger names the key in each entry and reservation; test_tills_of_stores.py looks for it",
}


def catalogue_file(folder: Path) -> list[str]:
    file = folder / "items.jsonl"
    file.write_text(json.dumps({"item_id": "a", "title": "Tea", "currency": "EUR", "price": "1.99"}))
    return [str(file)]


def stores_file(folder: Path) -> list[str]:
    file = folder / "stores.jsonl"
    file.write_text(json.dumps({"store_id": "1", "name": "One", "timezone": "UTC", "market": "de"}))
    return [str(file)]


def places_file(folder: Path) -> list[str]:
    file = folder / "places.jsonl"
    file.write_text(json.dumps({"store_id": "1", "zone_id": "1-tea", "kind": "aisle", "name": "Tea"}))
    return [str(file)]


def events_file(folder: Path) -> list[str]:
    file = folder / "events.jsonl"
    row = {"event_id": "e1", "event": "Product Viewed", "user_id": "u", "item_id": "a"}
    row["occurred_at"] = "2026-01-01T00:00:00Z"
    file.write_text(json.dumps(row))
    return [str(file)]


def consents_file(folder: Path) -> list[str]:
    file = folder / "consents.jsonl"
    row = {"user_id": "u", "purpose": "analytics", "state": "denied", "occurred_at": "2026-01-01T00:00:00Z"}
    file.write_text(json.dumps(row))
    return [str(file)]


def campaign_file(folder: Path) -> list[str]:
    file = folder / "campaign.json"
    file.write_text(json.dumps({"campaign_id": "of-a-file", **CAMPAIGN}))
    return [str(file)]


@dataclass(frozen=True)
class Command:
    """Arguments of a command that succeeds, made in a folder; `{key_id}` and such are of what was made before."""

    arguments: Callable[[Path], list[str]]
    action: str


COMMANDS: dict[str, Command] = {
    "import catalogue": Command(catalogue_file, "catalogue.import"),
    "import stores": Command(stores_file, "stores.put"),
    "import places": Command(places_file, "zones.put"),
    "import events": Command(events_file, "events.import"),
    "import consents": Command(consents_file, "consents.import"),
    "campaigns create": Command(campaign_file, "campaigns.create"),
    "campaigns activate": Command(lambda _: ["of-a-file"], "campaigns.activate"),
    "campaigns pause": Command(lambda _: ["of-a-file"], "campaigns.pause"),
    "campaigns end": Command(lambda _: ["of-a-file"], "campaigns.end"),
    "campaigns kill": Command(lambda _: ["--all", "--reason", "a test"], "campaigns.halt"),
    "campaigns resume": Command(lambda _: ["--reason", "the test is over"], "campaigns.resume"),
    "consents link": Command(lambda _: ["--user-id", "u"], "consents.link"),
    "webhooks create": Command(lambda _: ["https://93.184.215.14/hook"], "webhooks.create"),
    "webhooks replay": Command(lambda _: ["{webhook_id}"], "webhooks.replay"),
    "webhooks delete": Command(lambda _: ["{webhook_id}"], "webhooks.delete"),
    "keys create": Command(lambda _: ["secret"], "keys.create"),
    "keys rotate": Command(lambda _: ["{key_id}"], "keys.rotate"),
    "keys revoke": Command(lambda _: ["{key_id}"], "keys.revoke"),
    "artifacts rollback": Command(lambda _: ["a1"], "artifacts.rollback"),
    "events replay": Command(lambda _: [], "events.replay"),
    "coupon keys rotate": Command(lambda _: [], "coupon_keys.rotate"),
    "coupon keys revoke": Command(lambda _: ["{kid}"], "coupon_keys.revoke"),
    "privacy request": Command(lambda _: ["restriction", "user_id:ann"], "privacy.restriction"),
}

EXEMPT_COMMANDS = {
    "demo walk": "calls a running service; the key of its till is in the trail as keys.create",
    "email render": "calls a running service; each block is kept there with its send, and says when it was decided",
    "prepare complete-journey": "made of imports of the catalogue, stores and stock: each is in the trail",
    "train": "publishes: in the trail as artifacts.publish; a training takes too long for this test",
    "evaluate coupons": "reads",
    "evaluate settings": "reads",
    "tune": "reads, and keeps what it tried in a file of its own",
    "artifacts list": "reads",
    "artifacts show": "reads",
    "serve": "serves",
    "live": "reads",
    "drain": "moves accepted events to their log",
    "doctor": "reads",
    "capacity": "reckons",
    "keys list": "reads",
    "campaigns list": "reads",
    "campaigns show": "reads",
    "campaigns lint": "reads",
    "campaigns preview": "reads",
    "webhooks list": "reads",
    "webhooks test": "sends a message and writes nothing",
    "audit list": "reads",
    "audit verify": "reads",
    "privacy list": "reads",
    "privacy show": "reads",
    "privacy download": "reads",
    "events dead-letters": "reads",
    "events attribution": "reads",
    "coupon codes": "reads",
    "coupon qr": "draws",
    "coupon verify": "reads",
    "coupon keys list": "reads",
    "offers replay": "reads",
    "ledger verify": "reads",
    "ledger balances": "reads",
    "ledger rebuild": "writes the sums of entries anew; the entries stay as they are",
}
