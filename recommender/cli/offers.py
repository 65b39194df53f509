"""`recommender offers`: why an offer was made, or none."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

offers_app = typer.Typer(no_args_is_help=True, help="Decisions on in-aisle offers (docs/offers.md).")
console = Console()


@offers_app.command("replay")
def replay(
    decision: Annotated[str, typer.Argument(help="A decision_id, as `dec_0123456789abcdef0123`.")],
) -> None:
    """Show a decision, and make its choice again from what was logged. Ends with status 1 if it differs.

    A decision is in the event log some seconds after it was answered.
    """
    from features.offline.offer_decisions import read_decision
    from features.settings import read_settings
    from recommender.offers.replay import replay

    record = read_decision(read_settings(), decision)
    reasons = ", ".join(record["reasons"]) or "none"
    console.print(f"{record['outcome']}; reasons: {reasons}; considered: {record['considered']}", soft_wrap=True)
    again = replay(record)
    for draw in again:
        table = Table("campaign", "worth", "chance", "drawn", box=None)
        for arm, chance in sorted(draw.logged.propensities.items(), key=lambda entry: -entry[1]):
            mark = "as logged" if arm == draw.logged.arm else ""
            mark += " now" if arm == draw.now.arm else ""
            table.add_row(arm, f"{draw.logged.worth[arm]:.2f}", f"{chance:.4f}", mark)
        console.print(table)
    same = all(draw.is_same for draw in again)
    console.print("nothing was drawn" if not again else "the same choice" if same else "[red]another choice[/]")
    raise typer.Exit(0 if same else 1)
