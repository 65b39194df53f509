"""Keys that sign coupons are followed by others and revoked: what that means for tokens, at the service and offline."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from features.identity import read_secret
from features.ledger.books import LONGEST_COUPON, TILL_GRACE
from features.ledger.signing_keys import SigningKeys
from recommender.cli.app import app as commands
from recommender.errors import CouponRefused, InvalidInput, StoreUnavailable
from recommender.offers.refusal import Refusal
from recommender.offers.token import Claims, read_key_set, sign, verify
from tests.integration.serving.desk import Desk, ask
from tests.integration.serving.shop import NOW, Client


async def shown(client: Client) -> dict[str, Any]:
    return (await client.get("/v1/me/wallet?user_id=ann")).json()["coupons"][0]


async def reason(client: Client, shown: str) -> str | None:
    return (await client.post("/v1/coupons/validate", json=ask(shown))).json()["coupons"][0]["reason"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_rotated_key_verifies_to_its_end_and_a_revoked_one_nothing(desk: Desk) -> None:
    coupon, keys = desk.issue(), SigningKeys(desk.engine, lambda: read_secret(desk.settings))

    async def use(client: Client) -> None:
        async def published() -> Any:
            return read_key_set((await client.get("/.well-known/coupon-keys")).json())

        before = (await shown(client))["token"]
        [(old, _)] = (await published()).keys.items()
        keys.rotate(NOW)
        after = (await shown(client))["token"]
        assert after != before
        for token in (before, after):
            assert verify(token, await published(), NOW, "s1").c == coupon.coupon_id
            assert await reason(client, token) is None
        ends = NOW + LONGEST_COUPON + TILL_GRACE
        assert old in {one["kid"] for one in keys.document(ends - timedelta(seconds=1))["keys"]}
        assert old not in {one["kid"] for one in keys.document(ends)["keys"]}

        keys.revoke(old, NOW)
        assert (await client.get("/.well-known/coupon-keys")).json()["revoked"] == [old]
        with pytest.raises(CouponRefused) as refused:
            verify(before, await published(), NOW, "s1")
        assert refused.value.reason is Refusal.TOKEN_INVALID
        assert await reason(client, before) == "token_invalid"
        assert await reason(client, after) is None
        assert await reason(client, coupon.code) is None  # the coupon itself is as good as before

    desk.run(use)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_commands_draw_a_token_and_verify_it_with_a_file_alone(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, keys = datetime.now(UTC), SigningKeys(engine, lambda: b"s" * 32)
    ends = int(now.timestamp()) + 3600
    claims = Claims(c="cpn_1", g="fifth", k="amount", d="50", m=50, u="EUR", nbf=ends - 7200, exp=ends, s=["s1"])
    token = sign(claims, *keys.signer(now))
    file, picture = tmp_path / "keys.json", tmp_path / "coupon.svg"
    file.write_bytes(orjson.dumps(keys.document(now)))
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(tmp_path / "nothing-here"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(commands, ["coupon", *arguments])

    drawn = run("qr", token, "--svg", str(picture))
    assert drawn.exit_code == 0, drawn.output
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert len(run("qr", token).output.splitlines()) > 30
    assert isinstance(run("qr", "no token").exception, InvalidInput)

    good = run("verify", token, "--keys", str(file), "--store", "s1")
    assert "genuine cpn_1 of fifth" in good.output, good.output
    for store, document, reason in (
        ("s2", keys.document(now), Refusal.WRONG_STORE),
        ("s1", keys.document(now) | {"keys": []}, Refusal.TOKEN_INVALID),
    ):
        file.write_bytes(orjson.dumps(document))
        refused = run("verify", token, "--keys", str(file), "--store", store).exception
        assert isinstance(refused, CouponRefused)
        assert refused.reason is reason
    assert not (tmp_path / "nothing-here").exists()


def test_a_key_that_another_secret_sealed_is_named_and_can_be_replaced(engine: Engine) -> None:
    now = datetime.now(UTC)
    SigningKeys(engine, lambda: b"s" * 32).signer(now)
    here = SigningKeys(engine, lambda: b"t" * 32)
    with pytest.raises(StoreUnavailable, match="another secret"):
        here.signer(now)
    assert here.rotate(now) == here.signer(now)[0]
