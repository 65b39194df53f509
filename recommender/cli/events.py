"""`recommender events`: what came of what was shown, and the rejected events with their way back."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from recommender.cli.audit import record

if TYPE_CHECKING:
    from features.events.dead_letters import DeadLetter
    from features.settings import Settings

events_app = typer.Typer(
    no_args_is_help=True,
    help="What came of what was shown (docs/attribution.md); events that were rejected: what they were, why, and "
    "sending them again (docs/events.md).",
)
console = Console()
Since = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only those received on this day (UTC) or later.")
]
Reason = Annotated[str | None, typer.Option(help="Only those whose field or reason contains this text.")]


@events_app.command("dead-letters")
def dead_letters(
    since: Since = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the whole text.")] = False,
) -> None:
    """Show rejected events, the newest last. They are kept for 30 days, without keys and contacts."""
    from features.settings import read_settings

    found = _letters(read_settings(), since, reason)
    shown = found[-limit:]
    if as_json:
        for letter in shown:
            fields = {name: getattr(letter, name) for name in letter.__struct_fields__}
            typer.echo(json.dumps(fields, default=str))
        return
    table = Table("received (UTC)", "field", "reason", "event", title=f"{len(shown)} of {len(found)} rejected events")
    for letter in shown:
        text = letter.text if len(letter.text) <= 120 else letter.text[:120] + "…"
        table.add_row(f"{letter.received_at:%Y-%m-%d %H:%M:%S}", letter.field or "", letter.reason, text)
    console.print(table)


@events_app.command("replay")
def replay(since: Since = None, reason: Reason = None) -> None:
    """Check rejected events again, and take in what fits now; running it twice takes nothing in twice.

    Needs the stores of a running service. What still does not fit stays listed.
    """
    from features.settings import read_settings
    from serving.replay import replay_letters

    settings = read_settings()
    report = replay_letters(settings, _letters(settings, since, reason))
    record("events.replay", "events", accepted=report.accepted, rejected=report.still_rejected)
    console.print(
        f"{report.accepted:,} taken in, {report.duplicates:,} were in the log already, "
        f"{report.still_rejected:,} still do not fit"
    )


@events_app.command("attribution")
def attribution(
    days: Annotated[float, typer.Option(min=0.01, max=3650, help="Of what was shown in so many days up to now.")] = 28,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write one row per shown item, with all outcomes, as Parquet.")
    ] = None,
) -> None:
    """What was shown and what came of it, by placement and source: views, clicks, additions, orders, revenue.

    An order counts for the item that its event names with a recommendation_id, else for the shopper's last click on it.
    """
    from features.offline.attribution_report import report_attribution, write_table
    from features.settings import read_settings
    from recommender.cli.attribution import as_json as to_json
    from recommender.cli.attribution import as_table

    report = report_attribution(read_settings(), datetime.now(UTC), days)
    if out is not None:
        write_table(report, out)
    if as_json:
        typer.echo(to_json(report))
    else:
        console.print(as_table(report))


def _letters(settings: "Settings", since: datetime | None, reason: str | None) -> "list[DeadLetter]":
    from features.events.dead_letters import DeadLetters

    letters = DeadLetters(settings.dead_letters_dir).read(None if since is None else since.date())
    return [letter for letter in letters if reason is None or reason in f"{letter.field}: {letter.reason}"]
