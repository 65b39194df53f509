"""`recommender capacity`: what a shop of a given size needs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from features.capacity import Measured, Requirements, Shop

LINES_OF_A_SHOPPER = 20  # where nobody says how many
MOST = 10**10  # of anything: what is beyond is a slip
GIB = 1024.0  # MiB

console = Console()


def capacity(
    shoppers: Annotated[int, typer.Option(min=1, max=MOST, help="Known shoppers in the history.")],
    items: Annotated[int, typer.Option(min=1, max=MOST, help="Items of the catalogue.")],
    rate: Annotated[
        float, typer.Option(min=0.0, max=10.0**7, help="Recommendations a second, on average at the peak.")
    ],
    lines: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST, help=f"Lines of orders in the history (default: {LINES_OF_A_SHOPPER} a shopper)."
        ),
    ] = None,
    active: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST, help="Shoppers and visitors active within the days of live state (default: all shoppers)."
        ),
    ] = None,
) -> None:
    """Say what a shop of this size needs: cores, memory, disk, Valkey, and what training takes.

    For example [bold]recommender capacity --shoppers 1000000 --items 100000 --rate 300[/]: a million shoppers who
    bought twenty lines each, 300 recommendations a second.

    It reckons with coefficients that were measured with made-up shops (docs/capacity.md); beside each figure stands by
    how much they missed a shop that they were not fitted to. Seconds are the processor's: of one core. Sizes beyond
    what was measured are named. [bold]make scale[/] measures your size on your machine; a capacity.toml in
    RECOMMENDER_CONFIG_DIR takes the place of the coefficients that ship.
    """
    from features.capacity import Shop, read_capacity, reckon
    from features.settings import read_settings

    lines = LINES_OF_A_SHOPPER * shoppers if lines is None else lines
    shop = Shop(items, shoppers, lines, shoppers if active is None else active, rate)
    coefficients = read_capacity(read_settings())
    report(console, shop, reckon(shop, coefficients), coefficients.measured)


def report(console: Console, shop: "Shop", needs: "Requirements", measured: "Measured") -> None:
    """Print the needs as tables, and what to know of them."""
    console.print(f"{shop.items:,} items, {shop.shoppers:,} shoppers, {shop.lines:,} lines, {shop.rate:,.0f} a second")
    for title, rows in _tables(shop, needs).items():
        table = Table("", "needs", "may be off by", title=title, title_justify="left", box=None)
        for what, amount, off in rows:
            table.add_row(what, amount, off)
        console.print(table)
    ranges = ", ".join(
        f"{least:,} to {most:,} {what}"
        for what, (least, most) in (
            ("items", measured.items), ("shoppers", measured.shoppers), ("lines", measured.lines),
        )
    )  # fmt: skip
    console.print(f"\nBy {measured.runs} made-up shops of {ranges}; {measured.machine}.", soft_wrap=True)
    console.print("One worker was measured; that more of them do so many times as much is assumed.", soft_wrap=True)
    for beyond in needs.beyond:
        console.print(f"[yellow]beyond what was measured[/] {beyond}", soft_wrap=True)
    if needs.beyond:
        console.print("What is beyond may be off by far more than the table says: measure it with `make scale`.")


def _tables(shop: "Shop", needs: "Requirements") -> dict[str, list[tuple[str, str, str]]]:
    from features.artifact.shelf import KEPT
    from features.capacity import BUSY

    one, seconds, mib, gib = needs.amounts, "{:,.0f} s".format, "{:,.0f} MiB".format, "{:,.1f} GiB".format

    def row(what: str, name: str, says: Callable[[float], str], factor: float = 1.0) -> tuple[str, str, str]:
        return what, says(one[name].value * factor), _share(one[name].off)

    workers = f"workers, a core each, busy for {BUSY:.0%}", f"{needs.workers}", _share(one["answer_ms"].off)
    memory = "memory of all workers", gib(needs.service_memory_mib / GIB), _share(one["worker_memory_mib"].off)
    return {
        "service": [
            row("of the processor for an answer", "answer_ms", "{:,.2f} ms".format),
            workers,
            row("memory of a worker, its own", "worker_memory_mib", mib),
            row("files that workers share in memory", "shared_memory_mib", mib),
            memory,
            row("a worker from start to ready", "start_seconds", "{:,.1f} s".format),
        ],
        "Valkey": [
            row("live state of somebody active", "live_state_bytes", "{:,.0f} bytes".format),
            (f"of {shop.active:,}", mib(needs.valkey_mib.value), _share(needs.valkey_mib.off)),
            ("events that wait to be drained, at most", "RECOMMENDER_STREAM_MAX_BYTES", ""),
        ],
        "disk": [
            row("event log", "event_log_mib", mib),
            row("database", "database_mib", mib),
            row(f"artifacts, {KEPT} are kept", "artifact_mib", mib, KEPT),
        ],
        "training": [
            row("import of catalogue, consents and history, once", "import_seconds", seconds),
            row("memory of an import", "import_memory_mib", mib),
            row("training", "training_seconds", seconds),
            row("memory of a training", "training_memory_mib", mib),
        ],
    }  # fmt: skip


def _share(off: float) -> str:
    return f"{off:.0%}"
