"""Prints what was shown and what came of it."""

import json
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.table import Table

from features.offline.attribution_report import WINDOWS, AttributionReport
from recommender.money import MINOR_DIGITS


def as_table(report: AttributionReport) -> RenderableType:
    """For people."""
    about = f"Shown from {report.since:%Y-%m-%d %H:%M} to {report.as_of:%Y-%m-%d %H:%M} UTC"
    if not report.sources:
        return (
            f"{about}: nothing. Lists are recorded when they are served, and reach the event log once they are drained."
        )
    table = Table(title=about, title_justify="left", box=None)
    for heading in ("placement", "source"):
        table.add_column(heading, no_wrap=True)
    for heading in ("shown", "viewed", "clicked", "added", "ordered", "revenue", "after a view"):
        table.add_column(heading, justify="right", no_wrap=heading not in {"revenue", "after a view"})
    for row in report.sources:
        table.add_row(
            row.placement, row.source, f"{row.shown:,}", f"{row.viewed:,}", f"{row.clicked:,} {row.click_rate:.1%}",
            f"{row.adds:,}", f"{row.orders:,}", _money(row.revenue),
            f"{row.view_orders:,} {_money(row.view_revenue)}" if row.view_orders else "",
        )  # fmt: skip
    windows = ", ".join(f"{name} {window.total_seconds() / 3600:g} h" for name, window in WINDOWS.items())
    return Group(table, f"[dim]The last click wins, views count apart; windows: {windows} (docs/attribution.md)[/]")


def as_json(report: AttributionReport) -> str:
    """For programs: one JSON object."""
    return json.dumps(
        {
            "since": report.since.isoformat(),
            "as_of": report.as_of.isoformat(),
            "windows_seconds": {name: window.total_seconds() for name, window in WINDOWS.items()},
            "sources": [asdict(row) | {"click_rate": round(row.click_rate, 6)} for row in report.sources],
        }
    )


def _money(amounts: dict[str, int]) -> str:
    return "\n".join(f"{_major(amount, currency)} {currency}" for currency, amount in amounts.items())


def _major(amount: int, currency: str) -> str:
    digits = MINOR_DIGITS.get(currency, 2)
    return f"{amount / 10**digits:,.{digits}f}"
