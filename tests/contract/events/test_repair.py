import asyncio
from collections.abc import Sequence
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.repair import LEFT_BEHIND_AFTER, repair
from features.events.stream import EventRow, EventStream, Note, note_of
from features.online.connection import connect
from features.online.keys import UNPROJECTED, live_state_of_user
from features.online.live_state import LiveEvent, LiveEvents, LiveState
from features.online.projection import decode_updates, encode_updates, updates_of
from features.settings import Settings
from recommender.ids import ItemNumber, UserId
from recommender.shopper import EventKind
from serving.access import TRUSTED
from serving.events.arrival import Arrival
from tests.contract.events.event_rows import NOW, open_sync, order
from tests.ingesting import ingest_over

ANN = UserId("ann")
LATER = NOW + LEFT_BEHIND_AFTER + timedelta(seconds=1)


def viewed(number: int, event_id: str = "e") -> LiveEvent:
    at = int(NOW.timestamp() * 1000)
    return LiveEvent(
        event_id=event_id, line=0, kind=EventKind.VIEWED, item_number=ItemNumber(number), quantity=1.0, occurred_ms=at
    )


def accept(settings: Settings, *numbers: int, applied: bool) -> None:
    """What a worker does with events; without `applied`, it is killed between the stream and live state."""

    async def run() -> None:
        async with connect(settings) as redis:
            stream, live = EventStream(redis), LiveState(redis)
            for number in numbers:
                updates = updates_of({live_state_of_user(ANN): [viewed(number, f"e{number}")]})
                note = note_of(updates, NOW)
                assert note is not None
                await stream.append_once([order(f"e{number}")], note)
                if applied:
                    await live.merge(updates)
                    stream.settle(note)

    asyncio.run(run())


def live(settings: Settings) -> LiveEvents:
    async def run() -> LiveEvents:
        async with connect(settings) as redis:
            return await LiveState(redis).read(ANN, None)

    return asyncio.run(run())


def test_what_a_killed_worker_left_undone_is_done(deployment):
    accept(deployment, 1, 2, applied=False)
    with open_sync(deployment) as redis:
        assert repair(redis, deployment, NOW) == 0  # its worker may be about to
        assert len(live(deployment)) == 0
        assert repair(redis, deployment, LATER) == 2
        assert repair(redis, deployment, LATER) == 0
    assert sorted(live(deployment).numbers) == [1, 2]


def test_what_was_done_is_forgotten_with_the_next_append(deployment):
    accept(deployment, 1, 2, 3, applied=True)
    with open_sync(deployment) as redis:
        assert redis.hlen(UNPROJECTED) == 1
        before = live(deployment)
        repair(redis, deployment, LATER)
        assert redis.hlen(UNPROJECTED) == 0
    assert list(live(deployment).numbers) == list(before.numbers)


def test_a_note_that_cannot_be_read_holds_nothing_up(deployment):
    accept(deployment, 1, applied=False)
    with open_sync(deployment) as redis:
        redis.hset(UNPROJECTED, "1-x", b"[]")
        assert repair(redis, deployment, LATER) == 2
    assert list(live(deployment).numbers) == [1]


class AnswerLost(EventStream):
    """A stream whose first answer to each append is lost on its way, so that it is asked again."""

    async def append_once(self, events: Sequence[Sequence[EventRow]], note: Note | None = None) -> list[bool]:
        await super().append_once(events, note)
        return await super().append_once(events, note)


def test_what_was_appended_by_a_call_whose_first_answer_was_lost_reaches_live_state(deployment):
    async def send() -> None:
        async with connect(deployment) as redis:
            ingest = ingest_over(redis, deployment, stream=AnswerLost(redis))
            for message_id in ("lost", "next"):  # what is settled is said with the next append
                event = {
                    "type": "track", "event": "Product Viewed", "userId": "ann", "messageId": message_id,
                    "properties": {"product_id": "milk"},
                }  # fmt: skip
                await ingest([orjson.dumps(event)], Arrival(now=NOW, received_at=NOW, access=TRUSTED))

    asyncio.run(send())
    with open_sync(deployment) as redis:
        repair(redis, deployment, LATER)
    assert len(live(deployment)) == 2


def test_no_updates_need_no_note():
    assert note_of(updates_of({live_state_of_user(ANN): []}), NOW) is None


@given(st.dictionaries(st.text(), st.binary()))
def test_updates_come_back_as_they_were(updates):
    assert decode_updates(encode_updates(updates)) == updates


@pytest.mark.parametrize("text", [b"", b"[]", b'{"a": [1]}', b'{"a": "no"}'])
def test_what_are_no_updates_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's own, too
        decode_updates(text)
