"""What `recommender live` prints: how much Redis holds of shoppers."""

import numpy as np
from rich.console import Console
from rich.table import Table

from features.online.live_size import LiveSize, weigh_live_state
from features.settings import Settings

MOST_BYTES = 1024  # on average for a shopper


def report_live_state(console: Console, settings: Settings, sample: int) -> bool:
    """Print the figures; returns whether all is within its bounds.

    Raises:
        StoreUnavailable: Redis cannot be reached.
    """
    size = weigh_live_state(settings, sample)
    identifiers = size.users + size.visitors
    console.print(f"{size.users:,} users and {size.visitors:,} visitors, about {size.estimated_bytes / 2**20:,.1f} MiB")
    if not identifiers:
        return True
    console.print(f"of a sample of {len(size.n_bytes):,}:", sizes(size))
    if size.kept_too_long:
        console.print(f"[red]{size.kept_too_long:,} are kept for longer than they may be[/]")
    if size.n_bytes.mean() > MOST_BYTES:
        console.print(f"[red]more than {MOST_BYTES:,} bytes on average[/]")
    return not size.kept_too_long and size.n_bytes.mean() <= MOST_BYTES


def sizes(size: LiveSize) -> Table:
    """Mean, median, 95th percentile and maximum of what is kept of each identifier."""
    table = Table("", "mean", "p50", "p95", "most", box=None)
    shown = {
        "bytes": size.n_bytes,
        "bytes of a user": size.n_bytes[size.of_users],
        "bytes of a visitor": size.n_bytes[~size.of_users],
        "events": size.n_events,
        "days until forgotten": size.ttl_seconds / 86_400,
    }
    for name, values in shown.items():
        if len(values):
            figures = values.mean(), *np.percentile(values, (50, 95)), values.max()
            table.add_row(name, *(f"{figure:,.0f}" for figure in figures))
    return table
