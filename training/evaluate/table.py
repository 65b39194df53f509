"""The evaluation on a terminal."""

from rich.console import Console
from rich.table import Table

from training.evaluate.bootstrap import Interval
from training.evaluate.report import PIPELINE, Comparison, EvaluationReport, Lead, RanOn, Result
from training.evaluate.trial import Scope

COLUMNS = {
    "ndcg@10": "NDCG@10",
    "ndcg@20": "NDCG@20",
    "recall@10": "recall@10",
    "recall@20": "recall@20",
    "hit_rate@10": "hit@10",
    "coverage@20": "cover@20",
}
WIDTH = 200  # of the table where standard output is no terminal


def show(report: EvaluationReport, console: Console | None = None) -> None:
    """Print what it ran on, a table per scope, how far the pipeline is ahead, and what is left without consent."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=WIDTH)
    console.print(_ran_on(report.ran_on), highlight=False)
    for scope in report.scopes:
        console.print(_table(report, report.results, scope, scope.title))
        console.print(_lead(report.leads[scope.name]), highlight=False)
    for scope in report.scopes:
        console.print(_table(report, report.beside_consent(), scope, f"{scope.title}, asked without consent"))
    for group in dict.fromkeys(one.group for one in report.comparisons):
        console.print(_comparisons(group, [one for one in report.comparisons if one.group == group]))


def _ran_on(ran_on: RanOn) -> str:
    left_out = ", ".join(ran_on.departments_left_out) or "nothing"
    asked = (
        f"{ran_on.shoppers} shoppers asked about ({ran_on.strangers} without a history), who bought "
        f"{ran_on.bought:.1f} different items each, {ran_on.bought_new:.1f} of them new to "
        f"{ran_on.shoppers_with_new} of the shoppers; {ran_on.unreachable:.1%} were not for sale at the cut."
    )
    files = [f"{option}: {file.name}, SHA-256 {file.sha256[:16]}." for option, file in ran_on.files.items()]
    sold = f"{ran_on.items} items for sale, {ran_on.purchases} purchases before the cut. Left out: {left_out}."
    rules = f"Protocol {ran_on.protocol}; docs/protocol.md says what the figures mean.\n"
    return "\n".join([f"\n{source_of(ran_on)}", *files, asked, sold, rules])


def source_of(ran_on: RanOn) -> str:
    """Where the data is from, in a sentence or two."""
    if ran_on.first_at is None or ran_on.cut_at is None or ran_on.end_at is None:
        return "A file of others without dates."
    dates = f"{ran_on.first_at[:10]} to {ran_on.end_at[:10]} (original dates); the cut is {ran_on.cut_at[:16]}."
    return (
        f"A file of others, {dates}"
        if ran_on.files
        else (f"Real purchases only, {dates} Synthetic rows were not read.")
    )


def _table(report: EvaluationReport, results: tuple[Result, ...], scope: Scope, title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    of_headline = f"95 % of {COLUMNS[scope.headline]}"
    for heading in (*COLUMNS.values(), of_headline, "pop. rank", "seconds", "MiB", "µs/query"):
        table.add_column(heading, justify="right", no_wrap=True)
    best = {metric: max(result.quality[scope.name].means()[metric] for result in results) for metric in COLUMNS}
    for result in results:
        means = result.quality[scope.name].means()
        figures = [_figure(means[metric], is_best=means[metric] == best[metric]) for metric in COLUMNS]
        known = report.intervals[scope.name].get(result.name)
        sure = "" if known is None else _bounds(known[scope.headline])
        costs = [f"{result.seconds:.1f}", f"{result.mebibytes:.0f}", f"{result.microseconds:.0f}"]
        style = "bold" if result.name == PIPELINE else None
        table.add_row(result.name, *figures, sure, f"{means['popularity_rank@20']:.0f}", *costs, style=style)
    return table


def _comparisons(group: str, rows: list[Comparison]) -> Table:
    table = Table(title=f"{PIPELINE}, {group}", title_justify="left", title_style="bold")
    for heading in ("", "items", "shoppers", "figure", "ours", "95 %", "baseline", "theirs", "95 %", "lead", "95 %"):
        justify = "left" if heading in {"", "items", "figure", "baseline"} else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for one in rows:
        ours, theirs = ([f"{side.mean:.4f}", _bounds(side)] for side in (one.ours, one.theirs))
        lead = [f"{one.lead.mean:+.4f}", _bounds(one.lead, sign="+")]
        table.add_row(one.name, one.scope, str(one.shoppers), one.metric, *ours, one.baseline, *theirs, *lead)
    return table


def _bounds(one: Interval, sign: str = "") -> str:
    return f"{one.low:{sign}.4f} to {one.high:{sign}.4f}"


def _figure(value: float, *, is_best: bool) -> str:
    text = f"{value:.4f}"
    return f"[green]{text}[/green]" if is_best else text


def _lead(lead: Lead) -> str:
    return (
        f"{lead.metric}: {lead.difference.mean:+.4f} against the best baseline ({lead.baseline}), "
        f"95 % interval {lead.difference.low:+.4f} to {lead.difference.high:+.4f}.\n"
    )
