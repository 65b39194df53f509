import os
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest
from redis import Redis

from features.events.dead_letters import BYTES_PER_DAY, DeadLetter, DeadLetters
from features.online.connection import connect
from features.online.keys import EVENT_STREAM_BYTES
from recommender.errors import StoreUnavailable
from serving.access import TRUSTED
from serving.events.arrival import Arrival
from serving.events.replay import ReplayReport, replay
from serving.replay import replay_letters
from tests.ingesting import ingest_over
from tests.integration.events.test_ingestion import NOW, Shop, shop, viewed

__all__ = ["shop"]  # a fixture


def letter(number: int, day: datetime = NOW) -> DeadLetter:
    return DeadLetter(letter_id=str(number), received_at=day, field="event", reason="needed", text="{}")


@pytest.fixture
def letters(shop: Shop) -> DeadLetters:
    return DeadLetters(shop.settings.dead_letters_dir)


def test_what_is_rejected_is_kept_without_keys_and_contacts(shop, letters):
    wrong = viewed(event=None, traits={"email": "ann@example.org", "plan": "x"}, writeKey="sk_secret")
    shop.send(
        ("/v1/batch", {"batch": [wrong, viewed(messageId="fits")], "writeKey": "sk_secret"}), ("/v1/track", wrong)
    )
    kept = letters.read()
    assert [(one.field, one.kind) for one in kept] == [("event", "track")]  # the same text twice is one letter
    assert "needed" in kept[0].reason
    assert orjson.loads(kept[0].text)["traits"] == {"plan": "x"}
    assert "sk_secret" not in kept[0].text
    assert shop.log()["event_id"].to_list() == ["fits"]


def test_with_global_privacy_control_nothing_is_kept(shop, letters):
    shop.send(("/v1/track", viewed(event=None)), headers={"sec-gpc": "1"})
    assert letters.read() == []


def test_letters_survive_a_line_that_a_crash_cut_off(letters, shop):
    letters.append([letter(1)])
    [file] = shop.settings.dead_letters_dir.glob("*.jsonl")
    with file.open("ab") as opened:
        opened.write(b'{"letter_id": "2", "rec')
    letters.append([letter(3)])
    assert [one.letter_id for one in letters.read()] == ["1", "3"]


def test_old_letters_are_forgotten(tmp_path: Path):
    letters = DeadLetters(tmp_path)
    letters.append([letter(1, NOW - timedelta(days=31))])
    letters.append([letter(2)])
    assert [one.letter_id for one in letters.read()] == ["2"]


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path):
    (tmp_path / "file").touch()
    assert DeadLetters(tmp_path / "file").append([letter(1)]) == 1


def test_what_finds_no_room_is_counted(shop, letters, caplog):
    letters.append([letter(1)])
    [file] = shop.settings.dead_letters_dir.glob("*.jsonl")
    os.truncate(file, BYTES_PER_DAY)  # a hole: nothing is written
    dropped = list[int]()

    async def run() -> None:
        async with connect(shop.settings) as redis:
            ingest = ingest_over(redis, shop.settings, count_unkept=dropped.append, dead_letters=letters)
            arrival = Arrival(now=NOW, received_at=NOW, access=TRUSTED)
            for _ in range(2):
                [outcome, _] = await ingest([b"{}", b"[]"], arrival)
                assert outcome.status == "rejected"

    shop.run(run)
    assert dropped == [2, 2]
    assert [record.args[1] for record in caplog.records] == [2]  # said once a day


def test_a_replay_from_the_command_line_keeps_to_the_limits_of_the_service(shop, letters):
    """A stream that is full for the service is full for the replay: the letters stay."""
    fitting = {"event": "Product Viewed", "userId": "ann", "properties": {"product_id": "milk"}}
    text = orjson.dumps(fitting).decode()
    letters.append([DeadLetter(letter_id="l1", received_at=NOW, field=None, reason="", text=text, trusted=True)])
    with Redis.from_url(shop.settings.redis_url) as redis:
        redis.set(EVENT_STREAM_BYTES, 2 << 20)
    full = shop.settings.model_copy(update={"stream_max_bytes": 1 << 20})
    with pytest.raises(StoreUnavailable):
        replay_letters(full, letters.read())
    assert [one.letter_id for one in letters.read()] == ["l1"]
    assert replay_letters(shop.settings, letters.read()) == ReplayReport(accepted=1, duplicates=0, still_rejected=0)
    assert letters.read() == []


def test_a_replay_without_redis_says_what_to_start(shop, letters, tmp_path):
    letters.append([letter(1)])
    away = shop.settings.model_copy(update={"redis_url": f"unix://{tmp_path}/nobody.sock"})
    with pytest.raises(StoreUnavailable, match="Redis cannot be reached") as refused:
        replay_letters(away, letters.read())
    assert "recommender serve" in refused.value.remedy
    assert len(letters.read()) == 1


def test_a_replay_takes_in_what_fits_now_exactly_once(shop, letters):
    fitting = {"event": "Product Viewed", "userId": "ann", "properties": {"product_id": "milk"}}
    received = NOW - timedelta(hours=3)
    letters.append(
        [
            DeadLetter(letter_id="l1", received_at=received, field=None, reason="a rule of yesterday",
                       text=orjson.dumps(fitting).decode(), trusted=True),
            letter(2),
        ]
    )  # fmt: skip

    async def run() -> list[ReplayReport]:
        async with connect(shop.settings) as redis:
            ingest = ingest_over(redis, shop.settings)
            waiting = letters.read()
            return [await replay(waiting, ingest, letters, NOW), await replay(waiting, ingest, letters, NOW)]

    first, again = shop.run(run)
    assert first == ReplayReport(accepted=1, duplicates=0, still_rejected=1)
    assert again == ReplayReport(accepted=0, duplicates=1, still_rejected=1)
    row = shop.log().row(0, named=True)
    assert (row["event_id"], row["user_id"], row["occurred_at"], row["received_at"]) == ("l1", "ann", received, NOW)
    assert [one.letter_id for one in letters.read()] == ["2"]
