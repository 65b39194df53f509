"""The evaluation on a terminal."""

from rich.console import Console
from rich.table import Table

from training.evaluate.report import PIPELINE, SCOPES, EvaluationReport, Lead, RanOn, Result

COLUMNS = {
    "ndcg@10": "NDCG@10",
    "ndcg@20": "NDCG@20",
    "recall@10": "recall@10",
    "recall@20": "recall@20",
    "hit_rate@10": "hit@10",
    "coverage@20": "cover@20",
}
WIDTH = 150  # of the table where standard output is no terminal


def show(report: EvaluationReport, console: Console | None = None) -> None:
    """Print what it ran on, a table per scope, how far the pipeline is ahead, and what is left without consent."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=WIDTH)
    console.print(_ran_on(report.ran_on), highlight=False)
    for scope, title in SCOPES.items():
        console.print(_table(report.results, scope, title))
        console.print(_lead(report.leads[scope]), highlight=False)
    for scope, title in SCOPES.items():
        console.print(_table(report.beside_consent(), scope, f"{title}, asked without consent"))


def _ran_on(ran_on: RanOn) -> str:
    left_out = ", ".join(ran_on.departments_left_out)
    return (
        f"\nReal purchases only, {ran_on.first_at[:10]} to {ran_on.end_at[:10]} (original dates); the cut is "
        f"{ran_on.cut_at[:16]}. Synthetic rows were not read.\n"
        f"{ran_on.shoppers} shoppers asked about ({ran_on.strangers} without a history), who bought "
        f"{ran_on.bought:.1f} different items each, "
        f"{ran_on.bought_new:.1f} of them new to {ran_on.shoppers_with_new} of the shoppers; "
        f"{ran_on.unreachable:.1%} were not for sale at the cut.\n"
        f"{ran_on.items} items for sale, {ran_on.purchases} purchases before the cut. Left out: {left_out}.\n"
        "docs/protocol.md says what the figures mean.\n"
    )


def _table(results: tuple[Result, ...], scope: str, title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in (*COLUMNS.values(), "pop. rank", "seconds", "MiB", "µs/query"):
        table.add_column(heading, justify="right")
    best = {metric: max(result.quality[scope].means()[metric] for result in results) for metric in COLUMNS}
    for result in results:
        means = result.quality[scope].means()
        figures = [_figure(means[metric], is_best=means[metric] == best[metric]) for metric in COLUMNS]
        microseconds = "" if result.microseconds is None else f"{result.microseconds:.0f}"
        costs = [f"{result.seconds:.1f}", f"{result.mebibytes:.0f}", microseconds]
        style = "bold" if result.name == PIPELINE else None
        table.add_row(result.name, *figures, f"{means['popularity_rank@20']:.0f}", *costs, style=style)
    return table


def _figure(value: float, *, is_best: bool) -> str:
    text = f"{value:.4f}"
    return f"[green]{text}[/green]" if is_best else text


def _lead(lead: Lead) -> str:
    change = lead.difference
    return (
        f"{lead.metric}: {change.mean:+.4f} against the best baseline ({lead.baseline}), "
        f"95 % interval {change.low:+.4f} to {change.high:+.4f}.\n"
    )
