"""The erasure drill: a shopper's identifiers are searched in every file, table and key; found nowhere, served never."""

import asyncio
import json
from datetime import UTC
from pathlib import Path
from typing import Any

from features.artifact.read import load_artifact
from features.artifact.shelf import ArtifactShelf
from features.events.compaction import LINGER, compact
from features.privacy.erasure import hash_of
from features.progress import Silent
from features.sql.privacy_store import PrivacyStore
from recommender.ids import UserId
from tests.integration.privacy.person import (
    CARD,
    DEVICE,
    EMAIL,
    NOW,
    USER,
    Drill,
    call,
    found,
    lived,
    opened,
    revenue,
    send,
)  # fmt: skip
from training.run import train

IDENTIFIED = {"kind": "erasure", "identifiers": [{"kind": "user_id", "value": USER}], "reason": f"{USER} wrote to us"}


def nothing_is_left(drill: Drill) -> None:
    left = found(drill)
    assert not left, "\n".join(left)


def teach(drill: Drill) -> str:
    report = train(
        drill.settings, until=None, config_file=drill.settings.data_dir / "training.toml", force=True, progress=Silent()
    )
    return report.artifact_id


async def ask(client: Any, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    reply = await client.post("/v1/privacy/requests", json=body, headers=headers)
    assert reply.status_code == 202, reply.text
    return reply.json()


async def live_on(drill: Drill) -> None:
    """The person does all that leaves traces, and one of their events does not fit."""
    async with drill.serving() as client:
        await client.wait_until_ready()
        assert all(one["status"] == "accepted" for one in await send(client, lived()))
        broken = call("Product Viewed", f"broken by {USER}", properties={"product_id": ["no"], "mail": EMAIL})
        assert (await send(client, [broken]))[0]["status"] == "rejected"
        await client.recommend(user_id=USER, anonymous_id=DEVICE, explain=True, consent={"personalisation": True})
        await client.patch(f"/v1/profiles/loyalty_card:{CARD}", json={"traits": {"note": f"calls as {USER}"}})
        access = await ask(client, IDENTIFIED | {"kind": "access"})
        drill.work()
        file = await client.get(f"/v1/privacy/requests/{access['request_id']}/file")
        assert file.status_code == 200
    drill.drain()


def strangers_answer(drill: Drill) -> None:
    """Erased, a shopper is answered like somebody who was never seen, and leaves nothing."""

    async def use() -> None:
        async with drill.serving() as client:
            await client.wait_until_ready()
            asked = {"limit": 8, "consent": {"personalisation": True}}
            answer = await client.recommend(user_id=USER, anonymous_id=DEVICE, **asked)
            assert not answer["personalised"]
            shown = [item["item_id"] for item in answer["items"]]
            assert shown == await client.shown(limit=8)

    asyncio.run(use())


def test_an_erased_shopper_is_found_nowhere_and_served_never(tmp_path: Path) -> None:
    with opened(tmp_path) as drill:
        older = drill.publish("0123456789abcdef", 1)
        asyncio.run(live_on(drill))
        newer = drill.publish("fedcba9876543210", 2)
        compact(drill.settings, NOW + LINGER)
        shelf = ArtifactShelf(drill.settings.artifacts_dir)
        assert len(found(drill)) > 40  # the search finds what is there
        before = revenue(drill.settings)

        async def erase() -> str:
            async with drill.serving() as client:
                await client.wait_until_ready()
                opened_request = await ask(client, IDENTIFIED, **{"idempotency-key": "k-1"})
                again = await ask(client, IDENTIFIED, **{"idempotency-key": "k-1"})
                assert again["request_id"] == opened_request["request_id"]
                answer = await client.recommend(user_id=USER, consent={"personalisation": True})
                assert not answer["personalised"]  # at once, before anything was rewritten
                late = await send(client, lived("-late"))
                assert {one["status"] for one in late} == {"accepted"}
                assert all("erased" in one["note"] for one in late)
                return opened_request["request_id"]

        request_id = asyncio.run(erase())
        assert drill.work() == 0  # not before every worker has heard of it
        drill.later()
        assert drill.work() == 1
        receipt = PrivacyStore(drill.engine, lambda: b"").read(request_id).receipt
        assert receipt is not None
        print("\n" + json.dumps(receipt, indent=2))  # noqa: T201 - what `make drill-erasure` is for
        nothing_is_left(drill)
        assert receipt["sha256"] == hash_of(receipt)
        after = revenue(drill.settings)
        sold_late = [row for row in after if row not in before]
        assert [row for row in before if row not in after and row[0] != NOW.astimezone(UTC).date()] == []
        assert {row[0] for row in sold_late} <= {NOW.astimezone(UTC).date()}  # the order that came late is counted too
        strangers_answer(drill)

        third = teach(drill)
        drill.work()
        assert third not in {older, newer}
        nothing_is_left(drill)
        shelf.rollback(older)
        assert UserId(USER) not in load_artifact(shelf.path(older)).model.histories.position_of
        strangers_answer(drill)
        drill.drain()
        nothing_is_left(drill)
