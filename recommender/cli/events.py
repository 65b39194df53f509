"""`recommender events`: the events that were rejected, and the way back for those that fit after all."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from features.events.dead_letters import DeadLetter
    from features.settings import Settings

events_app = typer.Typer(
    no_args_is_help=True,
    help="Events that were rejected: what they were, why, and sending them again (docs/events.md).",
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
    console.print(
        f"{report.accepted:,} taken in, {report.duplicates:,} were in the log already, "
        f"{report.still_rejected:,} still do not fit"
    )


def _letters(settings: "Settings", since: datetime | None, reason: str | None) -> "list[DeadLetter]":
    from features.events.dead_letters import DeadLetters

    letters = DeadLetters(settings.dead_letters_dir).read(None if since is None else since.date())
    return [letter for letter in letters if reason is None or reason in f"{letter.field}: {letter.reason}"]
