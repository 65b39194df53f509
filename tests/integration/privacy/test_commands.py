"""Requests of people on the command line; and what training makes of a restriction."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from redis import Redis
from typer.testing import CliRunner

from features.privacy.runner import PrivacyRunner
from features.sql.engine import open_engine
from recommender.cli.app import app as commands
from tests.unit.training.small_shop import open_shop, orders
from training.read import read_training_data


def run(*words: str) -> str:
    done = CliRunner().invoke(commands, ["privacy", *words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def redis_url(valkey_data_dir: Path) -> str:
    return f"unix://{valkey_data_dir / 'valkey' / 'valkey.sock'}"


def test_commands_enter_show_and_hand_out(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = open_shop(tmp_path, orders(n_users=3, n_days=7), consenting=3)
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RECOMMENDER_REDIS_URL", redis_url)
    request_id = run("request", "access", "user_id:u1", "--law", "brazil").partition(":")[0]
    shown = json.loads(run("show", request_id))
    assert (shown["kind"], shown["state"], shown["identifiers"]) == ("access", "waiting", ["user_id:u1"])
    target = tmp_path / "answer.zip"
    early = CliRunner().invoke(commands, ["privacy", "download", request_id, str(target)])
    assert early.exit_code != 0
    assert not target.exists()

    engine = open_engine(settings)
    with Redis.from_url(redis_url) as redis:
        assert PrivacyRunner(settings, engine, redis, lambda: datetime.now(UTC)).run() == 1
    engine.dispose()
    assert json.loads(run("show", request_id))["state"] == "done"
    run("download", request_id, str(target))
    with ZipFile(target) as archive:
        texts = b"".join(archive.read(name) for name in archive.namelist())
    assert b'"u1"' in texts
    assert b'"u2"' not in texts
    assert request_id in run("list", "--of", "user_id:u1")
    assert request_id not in run("list", "--of", "user_id:u2")


def test_training_is_without_whoever_is_restricted_until_it_is_lifted(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = open_shop(tmp_path, orders(n_users=3, n_days=14), consenting=3)
    monkeypatch.setenv("RECOMMENDER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("RECOMMENDER_REDIS_URL", redis_url)

    def learnt_from() -> tuple[set[str], set[str]]:
        found = read_training_data(settings, None).interactions
        return set(found.purchases["user_id"]), set(found.left_out)

    assert learnt_from() == ({"u0", "u1", "u2"}, set())
    run("request", "restriction", "user_id:u1")
    assert learnt_from() == ({"u0", "u2"}, {"suppressed"})
    run("request", "lift_restriction", "user_id:u1")
    assert learnt_from() == ({"u0", "u1", "u2"}, set())
