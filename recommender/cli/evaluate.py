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

Protocol = Annotated[
    str,
    typer.Option(
        help="time-split: the last weeks are the test. leave-last: the last item of each list is. "
        "given-split: a file is. next-item: each beginning of a session asks for the item that came next."
    ),
]
Train = Annotated[
    Path | None,
    typer.Option(
        help="A file of others in place of our own data, Parquet or CSV. time-split: rows of user_id, item_id, "
        "occurred_at and, if known, event (order, cart, view), quantity, channel. given-split: the same, without times "
        "too. leave-last: lists of items in order, a row each (user_id, items). next-item: sessions (items, the oldest "
        "first; or rows of session_id, item_id, occurred_at)."
    ),
]
Test = Annotated[
    Path | None,
    typer.Option(
        help="What is tested. given-split: rows of user_id, item_id. next-item: rows of prefix, target; or "
        "sessions; without it, the latest tenth of those of --train."
    ),
]
Window = Annotated[
    float | None,
    typer.Option("--window-days", min=0.01, help="Length of the test of a time split, and of what teaches before it."),
]

Report = Annotated[
    Path | None, typer.Option("--report", help="Write an HTML page with figures, plots and examples into this folder.")
]

evaluate_app = typer.Typer(
    invoke_without_command=True,
    help="Measure the served pipeline beside every baseline, on your own data or on files of others "
    "(docs/protocol.md).\n\n"
    "Nothing is published and nothing changes: a model is fitted for the occasion, on what comes before the test, and "
    "asked through the functions that answer requests.\n\n"
    "[bold]recommender evaluate[/]  the last four weeks of your own data\n\n"
    "[bold]recommender evaluate --protocol leave-last --train lists.parquet[/]\n\n"
    "[bold]recommender evaluate --protocol given-split --train train.parquet --test test.parquet[/]\n\n"
    "[bold]recommender evaluate --protocol next-item --train sessions.parquet[/]\n\n"
    "[bold]recommender evaluate settings --placement home --set novelty=0.3[/]  what settings of a placement cost\n\n"
    "[bold]recommender evaluate coupons[/]  how well the response to coupons is foreseen",
)


@evaluate_app.callback()
def evaluate(
    context: typer.Context,
    protocol: Protocol = "time-split",
    train: Train = None,
    test: Test = None,
    until: Moment = None,
    window_days: Window = None,
    json_file: Json = None,
    report: Report = None,
) -> None:
    """Measure the served pipeline, unless a command says otherwise."""
    from features.progress import Terminal
    from features.settings import read_settings
    from recommender.errors import InvalidInput
    from training.evaluate.next_item import evaluate_next_item
    from training.evaluate.run import evaluate as run
    from training.evaluate.trial import Wanted

    if context.invoked_subcommand is None and protocol == "next-item":
        if train is None:
            raise InvalidInput("next-item needs sessions.", field="train", remedy="Name a file with --train.")
        evaluate_next_item(read_settings(), train, test, json_file=json_file, report_folder=report, progress=Terminal())
    elif context.invoked_subcommand is None:
        wanted = Wanted(train=train, test=test, until=in_utc(until), window_days=window_days)
        run(
            read_settings(),
            protocol=protocol,
            wanted=wanted,
            json_file=json_file,
            report_folder=report,
            progress=Terminal(),
        )


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
        evaluate_coupons(read_settings(), since=in_utc(since), json_file=json_file, report=report, progress=Terminal())
    )


@evaluate_app.command("settings")
def settings_(
    placement: Annotated[str, typer.Option(help="Whose settings are changed.")] = "home",
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Settings of docs/placements.md to try together, parted by commas; again for another try."
        ),
    ] = None,
    shoppers: Annotated[
        int | None, typer.Option(min=2, help="Ask about so many shoppers, drawn at random. Default: all.")
    ] = None,
    visits: Annotated[
        int,
        typer.Option(min=1, max=8, help="For rotation: ask on the first to the N-th day in a row, in turn."),
    ] = 1,
    until: Moment = None,
    window_days: Window = None,
) -> None:
    """Show what settings of a placement cost and bring, on the last weeks of your own data.

    The placement is asked as it is, then with each --set, through the functions that answer requests; nothing is saved.
    A row each: NDCG with its change and interval, the share of the assortment that is shown, mean rank by popularity
    (1: the best seller), different categories and share of best sellers in the first ten places, and how far these
    follow the shopper's own mix of categories.

    [bold]recommender evaluate settings --placement home --set novelty=0.3 --set "novelty=0.3, max_share_popular=0.2"[/]
    """
    from features.progress import Terminal
    from features.settings import read_settings
    from training.evaluate.settings_cost import evaluate_settings
    from training.evaluate.trial import Wanted

    evaluate_settings(
        read_settings(),
        placement=placement,
        changes=changes or [],
        shoppers=shoppers,
        visits=visits,
        wanted=Wanted(until=in_utc(until), window_days=window_days),
        progress=Terminal(),
    )


def in_utc(moment: datetime | None) -> datetime | None:
    """The moment that an option says, which is in UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)
