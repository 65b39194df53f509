"""`recommender capacity`: what a shop of a given size needs."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def capacity(
    shoppers: Annotated[int, typer.Option(min=1, help="Shoppers who are known.")],
    items: Annotated[int, typer.Option(min=1, help="Items of the catalogue.")],
    rate: Annotated[float, typer.Option(min=0.0, help="Recommendations a second at the busiest time.")],
    rows: Annotated[
        int | None, typer.Option(min=1, help="Lines of orders that are learnt from; 20 a shopper if not stated.")
    ] = None,
) -> None:
    """Say how many workers, cores, and how much memory and disk a shop needs.

    Reckoned from runs of made-up shops on one machine (`make scale`, recommender/config/capacity.toml): a start to plan
    from. Run `make load` on your own machine before you rely on it.
    """
    from recommender.capacity import ROWS_OF_A_SHOPPER, Shop, needs_of, read_measured

    measured = read_measured()
    shop = Shop(items, shoppers, ROWS_OF_A_SHOPPER * shoppers if rows is None else rows, rate)
    console = Console()
    table = Table("", "needed", "for", box=None)
    for need in needs_of(shop, measured):
        table.add_row(need.what, f"{need.amount:,.{1 if need.amount < 10 else 0}f} {need.unit}", need.why)
    console.print(table)
    worst = max(measured.laws.items(), key=lambda law: law[1].worst_error)
    console.print(
        f"Measured on {measured.on}, {measured.machine}; off by at most {worst[1].worst_error:.0%} ({worst[0]}) there."
    )
    for name in ("items", "shoppers", "rows"):
        asked, known = getattr(shop, name), getattr(measured.largest, name)
        if asked > known:
            console.print(f"[yellow]No shop with more than {known:,} {name} was measured: {asked:,} is reckoned.[/]")
