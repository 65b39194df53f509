"""Live state of shoppers in Redis: the newest events of each identifier, whatever order they came in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from features.online.keys import (
    LIVE_STATE_EVENTS,
    LIVE_STATE_SECONDS,
    live_state_of_user,
    live_state_of_visitor,
    load_script,
)
from features.online.live_events import NO_LIVE_EVENTS, LiveEvent, LiveEvents, pack, unpack
from recommender.ids import AnonymousId, UserId

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["NO_LIVE_EVENTS", "LiveEvent", "LiveEvents", "LiveState"]


class LiveState:
    """The newest events of each identifier: an idempotent, order-independent projection of the event stream."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._keep_newest = load_script("keep_newest_events")

    async def read(self, user_id: UserId | None, anonymous_id: AnonymousId | None) -> LiveEvents:
        """Events of both identifiers, merged; one round trip."""
        keys = _keys_of(user_id, anonymous_id)
        if not keys:
            return NO_LIVE_EVENTS
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.zrange(key, 0, -1, withscores=True)
        replies = await pipeline.execute()
        members = [entry for reply in replies for entry in reply]
        return unpack([member for member, _ in members], [moment for _, moment in members])

    async def apply(
        self, events: Iterable[LiveEvent], user_id: UserId | None = None, anonymous_id: AnonymousId | None = None
    ) -> None:
        """Take in events of one shopper, under each identifier that is given."""
        listed = list(events)
        await self.apply_all(dict.fromkeys(_keys_of(user_id, anonymous_id), listed))

    async def apply_all(self, events_by_key: Mapping[str, Sequence[LiveEvent]]) -> None:
        """Take in events of many shoppers, by key of `features.online.keys`; one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for key, events in events_by_key.items():
            args: list[Any] = [LIVE_STATE_EVENTS, LIVE_STATE_SECONDS]
            for event in events:
                args += (event.occurred_ms, pack(event))
            if len(args) > 2:
                # EVAL, not EVALSHA: that would cost a round trip to learn whether the script is loaded.
                pipeline.eval(self._keep_newest, 1, key, *args)
        await pipeline.execute()


def _keys_of(user_id: UserId | None, anonymous_id: AnonymousId | None) -> list[str]:
    keys: list[str] = []
    if user_id is not None:
        keys.append(live_state_of_user(user_id))
    if anonymous_id is not None:
        keys.append(live_state_of_visitor(anonymous_id))
    return keys
