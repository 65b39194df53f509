"""Rebuilds what live state knows of users from what they themselves did, after a merge was taken back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from features.definitions import KEPT_FOR
from features.events.drain import read_rows
from features.events.log import scan_events
from features.identity import ANONYMOUS_ID, STRONG_KINDS, USER_ID, Identifier, Presented
from features.online.in_time import line_to
from features.online.keys import EVENT_STREAM, live_state_of_user
from features.online.live_entries import entries_of
from features.online.live_events import LiveEntry, LivePlace
from features.online.live_state import LiveState
from features.settings import Settings
from features.sql.identity_store import IdentityStore
from recommender.ids import AnonymousId, ItemNumber, UserId

if TYPE_CHECKING:
    from redis.asyncio import Redis

STREAM_SECONDS = 10.0  # to read all that waits to be drained
COLUMNS = (
    "event_id", "line", "event", "order_id", "user_id", "anonymous_id", "identifiers", "item_id", "quantity",
    "store_id", "zone_id", "consent", "occurred_at", "received_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """Empties users' live state and makes it anew from the stream and the log, by the identifiers events came with.

    Attributes:
        number_of: the number of an item that the catalogue has; None for another. `look_up` sees to it that it knows
            them.
        has_withdrawn: whether nothing personal may be kept of a user; `hides_place`: not where they are. Both know the
            ledger of consents up to the change number `ledger_at`.
    """

    settings: Settings
    redis: "Redis"
    store: IdentityStore
    live: LiveState
    number_of: Callable[[str], ItemNumber | None]
    look_up: Callable[[Iterable[str]], Awaitable[None]]
    has_withdrawn: Callable[[UserId], bool]
    hides_place: Callable[[UserId], bool]
    ledger_at: Callable[[], int]

    async def __call__(self, touched: Sequence[Identifier], now: datetime) -> None:
        """Rebuild the users among `touched`; these are all identifiers of the profiles that they are and were of."""
        users = {UserId(value) for kind, value in touched if kind == USER_ID}
        if not users:
            return
        ledger_at = self.ledger_at()
        await self.live.empty([live_state_of_user(user) for user in users], ledger_at)
        # Before the log is read: what leaves the one is in the other then.
        async with line_to(self.redis).in_time(STREAM_SECONDS):
            waiting: Any = await self.redis.xrange(EVENT_STREAM)
        lines = [entry[b"events"] for _, entry in waiting if b"events" in entry]
        found = await asyncio.to_thread(self._read, lines, touched, now)
        await self.look_up(row["item_id"] for row, _ in found if row["item_id"] is not None)
        by_key = dict[str, list[LiveEntry]]()
        for row, behind in found:
            for user in users.intersection(behind):
                if not self.has_withdrawn(user):
                    entries, hidden = entries_of(row, self.number_of), self.hides_place(user)
                    kept = [one for one in entries if not (hidden and isinstance(one, LivePlace))]
                    by_key.setdefault(live_state_of_user(user), []).extend(kept)
        await self.live.apply_all(by_key, ledger_at)

    def _read(
        self, lines: Sequence[bytes], touched: Sequence[Identifier], now: datetime
    ) -> list[tuple[dict[str, Any], tuple[UserId, ...]]]:
        """Rows of these identifiers, each with the users behind it now."""
        logged = scan_events(self.settings, synthetic=True, since=(now - KEPT_FOR).date()).select(COLUMNS)
        frames = [logged.filter(_of(touched)).collect()]
        if lines:
            frames.append(read_rows(b"\n".join(lines)).select(COLUMNS).filter(_of(touched)))
        rows = pl.concat(frames, how="vertical").to_dicts()
        people = self.store.know([_presented(row) for row in rows], now)
        return [(row, person.users) for row, person in zip(rows, people, strict=True)]


def _of(touched: Sequence[Identifier]) -> pl.Expr:
    named: dict[str, list[str]] = {}
    for kind, value in touched:
        named.setdefault(kind, []).append(value)
    strong = [value for kind in STRONG_KINDS for value in named.get(kind, ())]
    return (
        pl.col("user_id").is_in(named.get(USER_ID, []))
        | pl.col("anonymous_id").is_in(named.get(ANONYMOUS_ID, []))
        | (pl.col("identifiers").str.contains_any(strong) if strong else pl.lit(value=False))
    ).fill_null(value=False)


def _presented(row: dict[str, Any]) -> Presented:
    said: Any = orjson.loads(row["identifiers"]) if row["identifiers"] else {}
    return Presented(
        None if row["user_id"] is None else UserId(row["user_id"]),
        None if row["anonymous_id"] is None else AnonymousId(row["anonymous_id"]),
        tuple((kind, said[kind]) for kind in STRONG_KINDS if isinstance(said.get(kind), str)),
    )
