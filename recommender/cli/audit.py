"""Commands on the audit trail."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from features.audit import Written

audit_app = typer.Typer(
    no_args_is_help=True,
    help="Who changed what, and whether the record of it is as it was written (docs/audit.md). Events of shoppers are "
    "in their own log.",
)
console = Console()


@audit_app.command("list")
def list_entries(
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only those written then or later (UTC)."),
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Only those of a key's id, or of `cli`, `shopper`, `local`, `system`.")
    ] = None,
    action: Annotated[str | None, typer.Option(help="Only those of an action, as `keys.revoke`.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with everything.")] = False,
) -> None:
    """Show who changed what, the newest last. `place` is where in the chain it was sealed; none: it waits for that."""
    from features.settings import read_settings
    from features.sql.audit_store import Wanted, read_newest
    from features.sql.engine import opened

    moment = None if since is None else since.isoformat(timespec="microseconds") + "+00:00"
    with opened(read_settings()) as engine:
        found = read_newest(engine, Wanted(since=moment, actor=actor, action=action), limit)
    if as_json:
        for entry in found:
            typer.echo(json.dumps({**asdict(entry), "details": json.loads(entry.details)}))
        return
    table = Table(box=None)
    for name in ("place", "when (UTC)", "who", "did", "what", "in numbers", "request"):
        table.add_column(name, overflow="fold")
    for entry in found:
        table.add_row(*map(escape, _cells(entry)))
    console.print(table)


@audit_app.command("verify")
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(help="A seal that this command printed before, and that you kept somewhere else."),
    ] = None,
) -> None:
    """Compute the whole chain anew, and say what was changed, removed, inserted or moved, and where.

    Ends with status 1 if anything was. That the newest entries were cut off, or that all was written anew, shows only
    with [bold]--anchor[/]: keep the printed seal where whoever may write to the database may not.
    """
    from features.settings import read_settings
    from features.sql.audit_check import check_audit
    from features.sql.engine import opened

    with opened(read_settings()) as engine:
        check = check_audit(engine, None if anchor is None else anchor.strip().lower())
    for fault in check.faults:
        console.print(f"[red]broken[/] {escape(fault)}", soft_wrap=True)
    waiting = f", {check.waiting:,} wait for their seal" if check.waiting else ""
    console.print(f"{check.head:,} sealed entries{waiting}; the last seal is\n{check.seal}", soft_wrap=True)
    raise typer.Exit(1 if check.faults else 0)


def _cells(entry: "Written") -> list[str]:
    what = entry.object_kind if entry.object_id is None else f"{entry.object_kind} {entry.object_id}"
    details = ", ".join(f"{name} {value}" for name, value in json.loads(entry.details).items())
    place = "" if entry.sequence is None else str(entry.sequence)
    return [
        place,
        entry.made_at[:19].replace("T", " "),
        entry.actor,
        entry.action,
        what,
        details,
        entry.request_id or "",
    ]


def record(action: str, object_kind: str, object_id: str | None = None, **counts: int) -> None:
    """Write what a command did to files into the trail; what it did to SQL is there already."""
    from features.audit import CLI, Entry
    from features.settings import read_settings
    from features.sql.audit_store import record_audit
    from features.sql.engine import opened

    with opened(read_settings()) as engine:
        record_audit(engine, Entry(CLI, action, object_kind, object_id, counts))
