"""Bytes of Valkey per shopper: what real shoppers did in the weeks after a cut, replayed into an empty server.

The simulator's sessions are included; nothing is said of quality here.
"""

import asyncio
import tempfile
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import polars as pl
from redis import Redis as BlockingRedis
from rich.console import Console

from features.artifact.read import LoadedArtifact
from features.events.log import scan_events
from features.online.connection import connect
from features.online.embedded import EmbeddedValkey
from features.online.keys import live_state_of_user, live_state_of_visitor
from features.online.live_entries import entries_of
from features.online.live_size import LiveSize, measure_live_state
from features.online.live_state import LiveEntry, LiveState
from features.settings import Settings
from recommender.ids import AnonymousId, UserId

SINCE = (timedelta(days=7), timedelta(days=28))
KEYS_AT_ONCE = 500
COLUMNS = (
    "event_id", "line", "event", "order_id", "user_id", "anonymous_id", "item_id", "quantity", "store_id", "zone_id",
    "consent", "occurred_at", "received_at",
)  # fmt: skip


def measure_live_bytes(settings: Settings, loaded: LoadedArtifact, since: timedelta) -> LiveSize:
    """Live state after the last `since` of the log; consent is taken as given, for its bytes are what is asked."""
    numbers = {item.item_id: item.item_number for item in loaded.items}
    log = scan_events(settings, synthetic=True).select(COLUMNS)
    start = pl.col("occurred_at").max() - since
    recent = log.filter(pl.col("occurred_at") > start).with_columns(
        consent=pl.lit(["in_store_location", "personalisation"]), received_at=pl.col("occurred_at")
    )
    by_key: dict[str, list[LiveEntry]] = defaultdict(list)
    for row in recent.sort("occurred_at").collect().iter_rows(named=True):
        entries = entries_of(row, numbers.get)
        if row["user_id"] is not None:
            by_key[live_state_of_user(UserId(row["user_id"]))] += entries
        if row["anonymous_id"] is not None:
            by_key[live_state_of_visitor(AnonymousId(row["anonymous_id"]))] += entries
    with tempfile.TemporaryDirectory(prefix="live-bytes-") as folder:
        server = EmbeddedValkey(Path(folder))
        server.start()
        try:
            asyncio.run(_apply(Settings(data_dir=Path(folder), redis_url=None), by_key))
            with BlockingRedis(unix_socket_path=str(server.socket)) as redis:
                return measure_live_state(redis, sample=len(by_key) or 1)
        finally:
            server.stop()


async def _apply(settings: Settings, by_key: dict[str, list[LiveEntry]]) -> None:
    async with connect(settings) as redis:
        live, keys = LiveState(redis), list(by_key)
        for at in range(0, len(keys), KEYS_AT_ONCE):
            await live.apply_all({key: by_key[key] for key in keys[at : at + KEYS_AT_ONCE]})


def main() -> None:
    """Print a table for each span of time."""
    from features.artifact.read import load_artifact
    from features.artifact.shelf import ArtifactShelf
    from recommender.cli.live import sizes

    settings, console = Settings(), Console()
    shelf = ArtifactShelf(settings.artifacts_dir)
    loaded = load_artifact(shelf.path(shelf.current()))
    for since in SINCE:
        size = measure_live_bytes(settings, loaded, since)
        console.print(f"active in the last {since.days} days: {size.users:,} users, {size.visitors:,} visitors")
        console.print(sizes(size))


if __name__ == "__main__":
    main()
