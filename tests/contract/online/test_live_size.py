import asyncio

from rich.console import Console

from features.online.connection import connect, connect_blocking
from features.online.keys import LIVE_STATE_SECONDS, live_state_of_user
from features.online.live_size import measure_live_state
from features.online.live_state import LiveEvent, LiveState
from features.settings import Settings
from recommender.cli.live import report_live_state
from recommender.ids import AnonymousId, ItemNumber, UserId
from recommender.shopper import EventKind


def views(n: int) -> list[LiveEvent]:
    return [
        LiveEvent(
            event_id=f"e{i}", line=0, kind=EventKind.VIEWED, item_number=ItemNumber(i), quantity=1.0,
            occurred_ms=1_790_000_000_000 + i,
        )
        for i in range(n)
    ]  # fmt: skip


def emptied(deployment: Settings) -> Settings:
    with connect_blocking(deployment) as redis:
        redis.flushall()
    return deployment


def fill(settings: Settings, users: int, visitors: int) -> None:
    async def apply() -> None:
        async with connect(settings) as redis:
            live = LiveState(redis)
            for i in range(users):
                await live.apply(views(10), user_id=UserId(f"user-{i}"))
            for i in range(visitors):
                await live.apply(views(20), anonymous_id=AnonymousId(f"visitor-{i}"))

    asyncio.run(apply())


def test_every_identifier_is_counted_and_a_sample_weighed(deployment):
    fill(emptied(deployment), users=7, visitors=5)
    with connect_blocking(deployment) as redis:
        redis.set("something else", "x")
        whole, part = measure_live_state(redis), measure_live_state(redis, sample=3)
    assert (whole.users, whole.visitors) == (part.users, part.visitors) == (7, 5)
    assert sorted(whole.n_events.tolist()) == [10] * 7 + [20] * 5
    assert len(part.n_bytes) == 3
    assert 0 < whole.n_bytes.min() < whole.n_bytes.max() <= 512
    assert whole.kept_too_long == 0
    assert whole.estimated_bytes == whole.n_bytes.sum()


def test_the_command_finds_what_would_never_be_forgotten(deployment, capsys):
    settings = emptied(deployment)
    assert report_live_state(Console(), settings, 100)
    fill(settings, users=1, visitors=0)
    assert report_live_state(Console(), settings, 100)
    with connect_blocking(deployment) as redis:
        redis.expire(live_state_of_user(UserId("user-0")), LIVE_STATE_SECONDS + 60)
        assert not report_live_state(Console(), settings, 100)
        redis.persist(live_state_of_user(UserId("user-0")))
    assert not report_live_state(Console(), settings, 100)
    assert "kept for longer" in capsys.readouterr().out
