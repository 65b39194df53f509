"""Every route and command that writes leaves an entry: who, what, in which request; none is forgotten."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.main import get_command
from typer.testing import CliRunner

from features.audit import Written
from features.sql.audit_check import check_audit
from features.sql.audit_store import Wanted, read_newest, seal_waiting
from features.sql.campaign_store import CampaignStore
from recommender.cli.app import app as commands
from tests.integration.serving.shop import Client, openapi_document
from tests.integration.serving.test_access import GuardedShop, bearer
from tests.interface.writes import CALLS, CAMPAIGN, COMMANDS, EXEMPT_COMMANDS, EXEMPT_TAGS


def trail(engine: Engine) -> list[Written]:
    return read_newest(engine, Wanted(), 1_000)


def test_every_route_that_may_write_says_what_the_trail_has_of_it() -> None:
    found = {
        f"{method.upper()} {path}"
        for path, methods in openapi_document()["paths"].items()
        for method, operation in methods.items()
        if method != "get" and not set(operation["tags"]) & EXEMPT_TAGS.keys()
    }
    assert found == CALLS.keys(), "name it in tests/interface/writes.py"


def test_every_write_names_its_key_and_its_request(shop: GuardedShop) -> None:
    CampaignStore(shop.engine).create("a-draft", CAMPAIGN)

    async def use(client: Client) -> None:
        known: dict[str, str] = {}
        for place, (route, call) in enumerate(CALLS.items()):
            method, before = route.split()[0], len(trail(shop.engine))
            headers = bearer(shop.secret_text) | {"x-request-id": f"walk-{place}"}
            path, *values = (
                re.sub(r"\{(\w+)\}", lambda found, known=known: known[found[1]], text)
                for text in (call.path, *call.headers.values())
            )
            headers |= dict(zip(call.headers, values, strict=True))
            reply = await client.request(method, path, json=call.body, headers=headers)
            assert reply.is_success, (route, reply.text)
            if reply.content:
                known |= {name: str(value) for name, value in reply.json().items()}
            entries = trail(shop.engine)[before:]
            assert [(one.action, one.actor, one.request_id) for one in entries] == [
                (call.action, shop.secret.key_id, f"walk-{place}")
            ], route
        await refused_calls_leave_nothing(client)

    async def refused_calls_leave_nothing(client: Client) -> None:
        before = trail(shop.engine)
        for route, call in CALLS.items():
            for key in (shop.public_text, "sk_" + "0" * 40):
                reply = await client.request(route.split()[0], call.path, json=call.body, headers=bearer(key))
                assert reply.status_code in {401, 403}
        assert trail(shop.engine) == before

    shop.run(use)


def test_nothing_in_the_trail_names_a_person(shop: GuardedShop) -> None:
    async def use(client: Client) -> None:
        headers = bearer(shop.secret_text) | {"x-request-id": "ann@example.org"}
        contact = [{"kind": "email", "value": "ann@example.org"}, {"kind": "user_id", "value": "ann-the-person"}]
        merge = {"identifiers": contact, "reason": "ann-the-person called"}
        assert (await client.post("/v1/profiles/merges", json=merge, headers=headers)).is_success
        traits = {"traits": {"nickname": "ann-the-person"}}
        assert (await client.patch("/v1/profiles/user_id:ann-the-person", json=traits, headers=headers)).is_success
        written = repr(trail(shop.engine))
        assert "profiles.merge" in written
        assert "ann" not in written

    shop.run(use)


def leaves(command: Any, name: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word, below in command.commands.items():
        full = f"{name} {word}".strip()
        found |= leaves(below, full) if hasattr(below, "commands") else {full: below}
    return found


def test_every_command_that_writes_leaves_an_entry(shop: GuardedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert leaves(get_command(commands)).keys() == COMMANDS.keys() | EXEMPT_COMMANDS.keys(), (
        "name it in tests/interface/writes.py"
    )
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(shop.settings.data_dir))
    monkeypatch.setenv("REDIS_URL", str(shop.settings.redis_url))
    known = {"key_id": "", "webhook_id": "", "kid": ""}
    for name, command in COMMANDS.items():
        before = len(trail(shop.engine))
        arguments = [one.format(**known) for one in command.arguments(shop.settings.data_dir)]
        done = CliRunner().invoke(commands, [*name.split(), *arguments], catch_exceptions=False)
        assert done.exit_code == 0, (name, done.output)
        if key := re.search(r"key_[0-9a-f]{12}", done.output):
            known["key_id"] = key[0]
        if webhook := re.search(r"whk_[0-9a-f]{16}", done.output):
            known["webhook_id"] = webhook[0]
        if key := re.match(r"(\S+) signs from now on", done.output):
            known["kid"] = key[1]
        entries = trail(shop.engine)[before:]
        assert [(one.action, one.actor) for one in entries] == [(command.action, "cli")], name


def test_the_commands_show_and_verify_the_trail(
    shop: GuardedShop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(shop.settings.data_dir))
    run = CliRunner()
    assert seal_waiting(shop.engine) > 0
    good = run.invoke(commands, ["audit", "verify"])
    assert good.exit_code == 0
    seal = check_audit(shop.engine).seal
    assert seal in good.output
    assert run.invoke(commands, ["audit", "verify", "--anchor", seal]).exit_code == 0
    assert run.invoke(commands, ["audit", "verify", "--anchor", "f" * 64]).exit_code == 1
    listed = run.invoke(commands, ["audit", "list", "--action", "keys.create", "--json"])
    assert listed.output.count("keys.create") == 2
    assert "catalogue.import" in run.invoke(commands, ["audit", "list", "--actor", "system", "--json"]).output
    assert "keys.create" not in run.invoke(commands, ["audit", "list", "--since", "2999-01-01"]).output
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_entries SET actor = 'mallory' WHERE sequence = 2")
    bad = run.invoke(commands, ["audit", "verify"])
    assert bad.exit_code == 1
    assert "entry 2" in bad.output


def test_the_trail_is_read_page_by_page_by_those_who_may(shop: GuardedShop) -> None:
    async def use(client: Client) -> None:
        n = seal_waiting(shop.engine)
        headers, after, seen = bearer(shop.secret_text), 0, list[int]()
        while True:
            page = (await client.get("/v1/audit", params={"after": after, "limit": 2}, headers=headers)).json()
            if not page["entries"]:
                break
            seen, after = seen + [one["sequence"] for one in page["entries"]], page["next_after"]
        assert seen == list(range(1, n + 1))
        assert (await client.get("/v1/audit", headers=bearer(shop.public_text))).status_code == 403

    shop.run(use, ready=False)
