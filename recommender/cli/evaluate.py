"""`recommender evaluate`: how good the lists are, and how well the response to coupons is foreseen."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

Moment = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Learn from nothing later than this (UTC)."),
]
Json = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]

evaluate_app = typer.Typer(
    invoke_without_command=True,
    help="Measure the served pipeline beside every baseline on the last four weeks (docs/protocol.md).\n\n"
    "[bold]recommender evaluate coupons[/] measures how well the response to coupons is foreseen.",
)


@evaluate_app.callback()
def evaluate(context: typer.Context, until: Moment = None, json_file: Json = None) -> None:
    """Measure the served pipeline, unless a command says otherwise."""
    from features.progress import Terminal
    from features.settings import read_settings
    from training.evaluate.run import evaluate as run

    if context.invoked_subcommand is None:
        run(read_settings(), until=_in_utc(until), json_file=json_file, progress=Terminal())


@evaluate_app.command()
def coupons(
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="Campaigns that ended by then (UTC) teach, those that begin later are foreseen. Default: 92 days "
            "before the end of the data.",
        ),
    ] = None,
    json_file: Json = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write plots of calibration and lift (SVG) into this folder.")
    ] = None,
) -> None:
    """Foresee who redeems which coupon, from what was known when each campaign began (docs/offers-quality.md).

    Nothing is published and nothing changes: a model is fitted for the occasion on campaigns that had ended, and tried
    on later ones, beside ways that learn nothing. The demo's data folder has campaigns and redemptions to try it on:
    [bold]recommender prepare complete-journey[/].
    """
    from features.progress import Terminal
    from features.settings import read_settings
    from training.offers.evaluate import evaluate_coupons
    from training.offers.table import show

    show(
        evaluate_coupons(read_settings(), since=_in_utc(since), json_file=json_file, report=report, progress=Terminal())
    )


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
