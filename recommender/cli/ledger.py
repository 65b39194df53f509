"""Commands on the ledger of coupons."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from features.ledger.ledger import Ledger

ledger_app = typer.Typer(
    no_args_is_help=True,
    help="What coupons hold and have spent (docs/ledger.md). The entries are the truth; balances are their sums.",
)
console = Console()


@ledger_app.command("verify")
def verify() -> None:
    """Fold all entries anew and compare: balances, redemptions, limits. Ends with status 1 if anything differs."""
    with _open_ledger() as ledger:
        flaws, overruns = ledger.verify(), ledger.overruns()
    for flaw in flaws:
        console.print(f"[red]{flaw.campaign_id}[/] {flaw.what}", soft_wrap=True)
    for overrun in overruns:
        console.print(f"[yellow]{overrun.campaign_id}[/] {overrun.what}: was it lowered?", soft_wrap=True)
    console.print("the books do not balance" if flaws else "the books balance")
    raise typer.Exit(1 if flaws else 0)


@ledger_app.command("rebuild")
def rebuild() -> None:
    """Write all balances anew from the entries. Right at any time, also while the service runs."""
    with _open_ledger() as ledger:
        console.print(f"{ledger.rebuild()} accounts written")


@ledger_app.command("balances")
def balances(campaign_id: Annotated[str, typer.Argument(help="Whose accounts.")]) -> None:
    """What one campaign holds and has spent: in all, by day and by store. Money is in minor units."""
    table = Table("account", "of", "held", "used", "money held", "money spent", box=None)
    with _open_ledger() as ledger:
        for (dimension, member, day), one in sorted(ledger.balances(campaign_id).items()):
            if dimension not in {"shopper", "device"}:
                counts = one.pending_count, one.posted_count, one.pending_money, one.posted_money
                table.add_row(dimension, member or day, *map(str, counts))
    console.print(table)


@contextmanager
def _open_ledger() -> "Generator[Ledger]":
    from features.identity import read_secret
    from features.ledger.ledger import Ledger
    from features.settings import read_settings
    from features.sql.engine import opened

    settings = read_settings()
    with opened(settings) as engine:
        yield Ledger(engine, partial(read_secret, settings), lambda: datetime.now(UTC))
