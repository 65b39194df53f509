"""Commands and their options; each is a few lines that call the part that does the work."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recommender.cli.audit import audit_app, record
from recommender.cli.campaigns import campaigns_app
from recommender.cli.capacity import capacity
from recommender.cli.consents import consents_app
from recommender.cli.coupon import coupon_app
from recommender.cli.email import email_app
from recommender.cli.evaluate import Moment, evaluate_app
from recommender.cli.events import events_app
from recommender.cli.keys import keys_app
from recommender.cli.ledger import ledger_app
from recommender.cli.offers import offers_app
from recommender.cli.privacy import privacy_app
from recommender.cli.tune import tune
from recommender.cli.webhooks import webhooks_app
from recommender.errors import RecommenderError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Real-time personalisation and recommendation for retail.\n\n"
    "Start with [bold]recommender demo[/]: it prepares real purchases, trains, serves, and shows what to ask. "
    "Settings are environment variables (docs/settings.md); [bold]recommender doctor[/] says what is wrong with them.",
)
prepare_app = typer.Typer(no_args_is_help=True, help="Turn a known data set into the product's own formats.")
demo_app = typer.Typer(help="The product on real purchases, from nothing to recommendations and coupons.")
import_app = typer.Typer(no_args_is_help=True, help="Take in your own files: CSV, JSONL or Parquet (docs/formats.md).")
artifacts_app = typer.Typer(no_args_is_help=True, help="What training has published, and the way back.")
app.add_typer(demo_app, name="demo")
app.add_typer(prepare_app, name="prepare")
app.add_typer(import_app, name="import")
app.add_typer(artifacts_app, name="artifacts")
app.add_typer(evaluate_app, name="evaluate")
app.command("tune")(tune)
app.command("capacity")(capacity)
app.add_typer(events_app, name="events")
app.add_typer(keys_app, name="keys")
app.add_typer(audit_app, name="audit")
app.add_typer(consents_app, name="consents")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(ledger_app, name="ledger")
app.add_typer(campaigns_app, name="campaigns")
app.add_typer(coupon_app, name="coupon")
app.add_typer(offers_app, name="offers")
app.add_typer(email_app, name="email")
app.add_typer(privacy_app, name="privacy")

console = Console()
errors = Console(stderr=True)

File = Annotated[
    Path, typer.Argument(help="A .csv, .jsonl or .parquet file.", exists=True, dir_okay=False, readable=True)
]


def main() -> None:
    """Run the command; an expected error ends it with a message and the remedy, and exit status 1."""
    try:
        app()
    except RecommenderError as error:
        where = f"[bold]{error.field}[/]: " if error.field else ""
        errors.print(f"[red]{error.code}[/] {where}{error}")
        if error.remedy:
            errors.print(f"[green]what to do[/] {error.remedy}")
        sys.exit(1)


@demo_app.callback(invoke_without_command=True)
def demo(context: typer.Context) -> None:
    """Prepare real purchases, train, serve, and print what to ask. The second start takes seconds."""
    if context.invoked_subcommand is None:
        from recommender.cli.demo import run_demo

        run_demo(console)


@demo_app.command("walk")
def demo_walk(
    shoppers: Annotated[int, typer.Option(min=1, max=50, help="How many walk, beside each other.")] = 5,
    stops: Annotated[int, typer.Option(min=1, max=25, help="Zones that each walks to, at most.")] = 6,
    store: Annotated[str | None, typer.Option(help="The store; left out: the one with the most orders.")] = None,
    seed: Annotated[int, typer.Option(help="Of what the shoppers make of offers.")] = 1,
) -> None:
    """Let simulated shoppers walk through a store of the demo that runs, and pay.

    In each zone their app says which beacon it hears, as a real one would ([bold]POST /v1/offers/request[/]). Printed
    is what was offered or why nothing, then what the till made of their coupons, and the budgets. Baskets are of real
    households, floors are invented. The last shopper does not let the app use where they are.

    Run [bold]recommender demo[/] in another terminal first. It lifts the quiet hours, which go by the store.
    On a second walk the same shoppers meet their caps; [bold]--store[/] takes others.
    """
    from recommender.cli.walk import run_walk

    run_walk(console, shoppers, stops, store, seed)


@prepare_app.command("complete-journey")
def prepare_complete_journey() -> None:
    """A year of a grocery chain: 1.47 million purchases of 2,469 households (needs the extra `demo`)."""
    from features.progress import Terminal
    from features.settings import read_settings
    from recommender.cli.tables import prepared
    from training.prepare.complete_journey import prepare

    console.print(prepared(prepare(read_settings(), Terminal())))


@import_app.command("events")
def import_events(file: File) -> None:
    """Append events to the event log. Running it again changes nothing."""
    from features.events.importer import import_events as run
    from features.progress import Terminal
    from features.settings import read_settings
    from recommender.cli.tables import imported

    report = run(read_settings(), file, Terminal())
    record("events.import", "events", accepted=report.accepted, rejected=report.rejected)
    console.print(imported(report))


@import_app.command("catalogue")
def import_catalogue(file: File) -> None:
    """State items of the catalogue; items that the file does not name stay as they are."""
    from features.progress import Terminal
    from features.settings import read_settings
    from features.sql.importer import import_catalogue as run
    from recommender.cli.tables import imported

    console.print(imported(run(read_settings(), file, Terminal())))


@import_app.command("stores")
def import_stores(file: File) -> None:
    """State the stores; stores that the file does not name stay as they are."""
    from features.progress import Terminal
    from features.settings import read_settings
    from features.sql.importer import import_stores as run
    from recommender.cli.tables import imported

    console.print(imported(run(read_settings(), file, Terminal())))


@import_app.command("places")
def import_places(file: File) -> None:
    """State zones and beacons of stores that there are; a beacon that moves keeps where it was before."""
    from features.progress import Terminal
    from features.settings import read_settings
    from features.sql.place_import import import_places as run
    from recommender.cli.tables import imported

    console.print(imported(run(read_settings(), file, Terminal())))


@import_app.command("consents")
def import_consents(file: File) -> None:
    """Append what people said elsewhere on purposes; a yes from there never overrules a no. Again changes nothing."""
    from features.consent_import import import_consents as run
    from features.progress import Terminal
    from features.settings import read_settings
    from recommender.cli.tables import imported

    report = run(read_settings(), file, Terminal())
    record("consents.import", "consents", accepted=report.accepted, rejected=report.rejected)
    console.print(imported(report))


@app.command()
def train(
    until: Moment = None,
    config: Annotated[Path | None, typer.Option(help="A training.toml of your own.", exists=True)] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish even if the gate refuses; the manifest says so.")
    ] = False,
) -> None:
    """Learn from the event log, measure against the baselines, and publish if it is better."""
    from datetime import UTC

    from features.progress import Terminal
    from features.settings import read_settings
    from recommender.cli.tables import trained
    from training.run import train as run

    cut = until.replace(tzinfo=UTC) if until else None
    report = run(read_settings(), until=cut, config_file=config, force=force, progress=Terminal())
    if not report.already_published:
        record("artifacts.publish", "artifact", report.artifact_id, forced=int(force))
    console.print(trained(report))


@artifacts_app.command("list")
def artifacts_list() -> None:
    """All artifacts that are kept, newest first; the one that serves is marked."""
    from features.artifact.shelf import ArtifactShelf
    from features.settings import read_settings
    from recommender.cli.tables import artifacts

    console.print(artifacts(ArtifactShelf(read_settings().artifacts_dir)))


@artifacts_app.command("show")
def artifacts_show(
    artifact_id: Annotated[str | None, typer.Argument(help="Default: the one that serves.")] = None,
) -> None:
    """The manifest of one artifact: what it learnt from, how good it is, and against what."""
    from features.artifact.shelf import ArtifactShelf
    from features.settings import read_settings
    from recommender.cli.tables import manifest

    console.print(manifest(ArtifactShelf(read_settings().artifacts_dir), artifact_id))


@artifacts_app.command("rollback")
def artifacts_rollback(
    to: Annotated[str | None, typer.Argument(help="Default: the one published before the one that serves.")] = None,
) -> None:
    """Serve an earlier artifact again; running services pick it up without a restart."""
    from features.artifact.shelf import ArtifactShelf
    from features.settings import read_settings

    artifact_id = ArtifactShelf(read_settings().artifacts_dir).rollback(to)
    record("artifacts.rollback", "artifact", artifact_id)
    console.print(f"serving {artifact_id}")


@app.command()
def serve(
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Worker processes (default: RECOMMENDER_WORKERS).")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: RECOMMENDER_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port (default: RECOMMENDER_PORT; 0: any).")
    ] = None,
) -> None:
    """Answer over HTTP. Owns the embedded Valkey and the drain when it needs them; stop it with Ctrl-C."""
    from features.settings import read_settings
    from serving.parent import serve as run

    given = {"workers": workers, "host": host, "port": port}
    run(read_settings().model_copy(update={name: value for name, value in given.items() if value is not None}))


@app.command()
def live(
    sample: Annotated[int, typer.Option(min=1, help="How many identifiers to weigh, drawn evenly.")] = 2_000,
) -> None:
    """Weigh what Redis holds of shoppers: how many, bytes and events of each, and when they are forgotten.

    Ends with status 1 if something is kept for longer than it may be, or takes more than 1 KiB on average.
    """
    from features.settings import read_settings
    from recommender.cli.live import report_live_state

    raise typer.Exit(0 if report_live_state(console, read_settings(), sample) else 1)


@app.command()
def drain(
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on, every two seconds, until Ctrl-C or SIGTERM.")
    ] = False,
) -> None:
    """Move accepted events from the stream into the event log.

    On one machine [bold]serve[/] does this by itself. With several, set RECOMMENDER_DRAIN=false where you serve and run
    [bold]recommender drain --follow[/] where the event log is; a second one stands by and takes over when the first
    is gone (docs/durability.md). Whatever ends it midway, each event comes to the log once.
    """
    from features.settings import read_settings
    from recommender.cli.drain import drain_now

    if follow:
        from serving.drain import main as follow_stream

        follow_stream()
    else:
        console.print(drain_now(read_settings()))


@app.command()
def doctor() -> None:
    """Say what is wrong with this set-up, and what to do about it."""
    from features.settings import read_settings
    from recommender.cli.doctor import examine, report

    healthy = report(console, examine(read_settings()))
    raise typer.Exit(0 if healthy else 1)
