"""What the protocol next-item found, on a terminal."""

from rich.console import Console
from rich.table import Table

from training.evaluate.bootstrap import Interval
from training.evaluate.next_item_report import COLUMNS, SCOPES, SERVED, NextItemLead, NextItemReport, NextItemResult
from training.evaluate.table import WIDTH


def show_next_item(report: NextItemReport, console: Console | None = None) -> None:
    """Print what it ran on, a table per scope, and how far the pipeline is ahead."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=WIDTH)
    data = report.data
    console.print(
        f"\n{data.sessions} sessions with {data.views} views of {data.items} items taught; asked about "
        f"{data.beginnings} beginnings of {data.test_sessions} sessions.\n"
        f"{data.repeated:.1%} went on with something seen before in the session, {data.unreachable:.1%} with what no "
        f"earlier session had. The trees learnt from {data.lessons} beginnings of the latest sessions that taught.\n"
        "All items are ranked. Figures in per cent; docs/protocol.md says what they mean.\n",
        highlight=False,
    )
    for scope in report.intervals:
        console.print(_table(report.results, scope, SCOPES[scope]))
        for one in report.leads[scope]:
            console.print(_lead(one, report.intervals[scope][SERVED][one.metric]), highlight=False)
        console.print()


def _lead(lead: NextItemLead, own: Interval) -> str:
    change = lead.difference
    return (
        f"{COLUMNS[lead.metric]} {own.mean:.2%} ({own.low:.2%} to {own.high:.2%}); {change.mean:+.2%} against the best "
        f"baseline ({lead.baseline}), 95 % interval {change.low:+.2%} to {change.high:+.2%}."
    )


def _table(results: tuple[NextItemResult, ...], scope: str, title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in (*COLUMNS.values(), "cover@20", "pop. rank", "seconds", "MiB", "µs/query"):
        table.add_column(heading, justify="right")
    for result in results:
        figures = [f"{100 * result.mean(scope, metric):.2f}" for metric in COLUMNS]
        spread_of = [f"{result.coverage:.3f}", f"{result.popularity_rank:.0f}"]
        costs = [f"{result.seconds:.1f}", f"{result.mebibytes:.0f}", f"{result.microseconds:.0f}"]
        table.add_row(result.name, *figures, *spread_of, *costs, style="bold" if result.name == SERVED else None)
    return table
