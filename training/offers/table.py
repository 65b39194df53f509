"""The evaluation of the response to coupons on a terminal."""

from rich.console import Console
from rich.table import Table

from training.evaluate.table import WIDTH
from training.offers.metrics import Interval
from training.offers.report import MODEL, CouponReport, Scored, Tenth, TypeReport


def show(report: CouponReport, console: Console | None = None) -> None:
    """Print what it was measured on, and for each type of campaign the ways beside each other and the tenths."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=WIDTH)
    console.print(_measured_on(report), highlight=False)
    for one in report.types:
        console.print(_ways(one))
        console.print(_tenths(one))
    weights = ", ".join(f"{name} {weight:+.2f}" for name, weight in report.weights.items())
    console.print(f"The model, in log-odds a standard deviation: {weights}.", highlight=False)
    console.print(
        "This foresees who redeems, not whom a coupon makes buy: redemption is not uplift (docs/offers-quality.md).",
        highlight=False,
    )


def _measured_on(report: CouponReport) -> str:
    late = f" Too late in the data: {', '.join(report.too_late)}." if report.too_late else ""
    return (
        f"\nOriginal dates. Learnt from {len(report.trained_on_sendings)} sendings that ended before "
        f"{report.split_at[:10]} ({report.trained_on} pairs of shopper and coupon, {report.trained_on_redeemed} "
        f"redeemed); tried on {len(report.tested_on_sendings)} that began after it.{late}\n"
    )


def _ways(report: TypeReport) -> Table:
    note = f" ({report.note})" if report.note else ""
    title = (
        f"{report.name}{note}: {report.pairs} pairs, {report.redeemed} redeemed ({report.base:.2%}), "
        f"{report.shoppers} shoppers, {report.sendings} sendings"
    )
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in ("ROC AUC [95 %]", "PR-AUC [95 %]", "in the top 10 %", "precision of the top 1 %"):
        table.add_column(heading, justify="right")
    for one in report.results:
        table.add_row(*_row(one), style="bold" if one.name == MODEL else None)
    return table


def _row(one: Scored) -> tuple[str, ...]:
    figures = (_interval(one.auc), _interval(one.average_precision))
    return (one.name, *figures, f"{one.recall_of_tenth:.0%}", f"{one.precision_of_hundredth:.1%}")


def _interval(figure: Interval) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def _tenths(report: TypeReport) -> Table:
    table = Table(title=f"{report.name}, tenths by predicted probability", title_justify="left")
    for heading in ("tenth", "pairs", "predicted", "redeemed [95 %]", "lift"):
        table.add_column(heading, justify="right")
    for place, one in enumerate(report.tenths, 1):
        table.add_row(str(place), *_cells(one))
    return table


def _cells(one: Tenth) -> tuple[str, ...]:
    redeemed = f"{one.redeemed:.2%} [{one.low:.2%}, {one.high:.2%}]"
    return str(one.pairs), f"{one.predicted:.2%}", redeemed, f"{one.lift:.1f}"
