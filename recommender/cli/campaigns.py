"""Commands on campaigns; they do what the API does, on the database that the settings name."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from features.audit import CLI

if TYPE_CHECKING:
    from features.campaigns import StoredCampaign
    from features.sql.halt_store import HaltStore
    from recommender.offers.campaign_life import Action
    from recommender.offers.campaign_lint import Finding
    from serving.campaigns.use_cases import CampaignDesk

campaigns_app = typer.Typer(
    no_args_is_help=True,
    help="Which coupons may be given, to whom, and what they may cost (docs/campaigns.md).\n\n"
    "A campaign is made as a draft from a JSON file, looked at with [bold]preview[/], and offered once it is "
    "[bold]activated[/]. Running services follow within a tenth of a second; the ledger at once.",
)
console = Console()
T = TypeVar("T")

MOST_REASON = 500  # characters

CampaignId = Annotated[str, typer.Argument(help="As `recommender campaigns list` shows it.")]
CampaignFile = Annotated[
    Path,
    typer.Argument(help="JSON: a definition with its campaign_id, as docs/campaigns.md shows.", exists=True,
                   dir_okay=False),
]  # fmt: skip
State = Literal["draft", "active", "paused", "ended"]


@campaigns_app.command("list")
def list_campaigns(
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
) -> None:
    """Campaigns by id, with their state and validity."""

    async def read(desk: "CampaignDesk") -> None:
        table = Table("id", "state", "version", "title", "from", "until", box=None)
        table.columns[0].no_wrap = True
        for one in await desk.read_page(state, "", limit):
            said = [escape(str(one.definition.get(name, ""))) for name in ("title", "valid_from", "valid_until")]
            table.add_row(one.campaign_id, one.state, str(one.version), *said)
        console.print(table)

    _run(read, look=False)


@campaigns_app.command("show")
def show(campaign_id: CampaignId) -> None:
    """One campaign with its definition, and what is wrong with it."""

    async def read(desk: "CampaignDesk") -> None:
        stored = await desk.read(campaign_id)
        console.print_json(data=dict(stored.definition))
        _tell(stored, await desk.findings(stored))

    _run(read)


@campaigns_app.command("create")
def create(file: CampaignFile) -> None:
    """Make a draft from a file; the same file again changes nothing."""
    campaign_id, definition = _read_file(file)

    async def make(desk: "CampaignDesk") -> None:
        stored = await desk.create(campaign_id, definition, CLI)
        _tell(stored, await desk.findings(stored))

    _run(make)


@campaigns_app.command("lint")
def lint(file: CampaignFile) -> None:
    """Say what is wrong with a file, without keeping it; ends with status 1 if there are errors."""
    campaign_id, definition = _read_file(file)

    async def look(desk: "CampaignDesk") -> list["Finding"]:
        from recommender.offers.campaign import parse_campaign

        return await desk.lint(parse_campaign(campaign_id, definition))

    findings = _run(look)
    _list(findings)
    raise typer.Exit(1 if any(finding.severity == "error" for finding in findings) else 0)


@campaigns_app.command("preview")
def preview(campaign_id: CampaignId) -> None:
    """Who would get it, and what it would cost at most; needs an artifact to know shoppers."""

    async def look(desk: "CampaignDesk") -> None:
        from serving.campaigns.replies import preview_reply

        console.print_json(data=preview_reply(await desk.preview(campaign_id)))

    _run(look)


@campaigns_app.command("activate")
def activate(campaign_id: CampaignId) -> None:
    """Offer it from its first moment on; refused while it has errors."""
    _move(campaign_id, "activate")


@campaigns_app.command("pause")
def pause(campaign_id: CampaignId) -> None:
    """Offer it no more until it is activated again; coupons that are out are redeemed."""
    _move(campaign_id, "pause")


@campaigns_app.command("end")
def end(campaign_id: CampaignId) -> None:
    """Offer it no more, for good; coupons that are out are redeemed."""
    _move(campaign_id, "end")


@campaigns_app.command("kill")
def kill(
    campaign_id: Annotated[str | None, typer.Argument(help="As `recommender campaigns list` shows it.")] = None,
    coupons: Annotated[bool, typer.Option("--coupons", help="Also refuse the coupons that are out.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Stop all campaigns, until `campaigns resume`.")] = False,
    reason: Annotated[str, typer.Option(help="Of --all: why; the audit trail keeps it.")] = "",
) -> None:
    """End a campaign at once, for good: when this returns, the ledger issues nothing more.

    With --all and a --reason all campaigns stop, and coupons that are out are not redeemed either, at every worker;
    `recommender campaigns resume` lets all go on as they were.
    """
    if every == (campaign_id is not None):
        raise typer.BadParameter("name one campaign, or say --all")
    if campaign_id is not None:
        _move(campaign_id, "kill", coupons=coupons)
        return
    halt = _with_halts(lambda store: store.halt(_said(reason), by=CLI))
    console.print(f"[bold red]All campaigns are stopped[/] since {halt.halted_at}: {escape(halt.reason)}")


@campaigns_app.command("resume")
def resume(reason: Annotated[str, typer.Option(help="Why; the audit trail keeps it.")]) -> None:
    """Let all campaigns go on as each stands, after `kill --all`."""
    _with_halts(lambda store: store.lift(_said(reason), by=CLI))
    console.print("All campaigns go on as each stands.")


def _said(reason: str) -> str:
    if not 3 <= len(reason.strip()) <= MOST_REASON:
        raise typer.BadParameter(f"say why, in 3 to {MOST_REASON} characters", param_hint="--reason")
    return reason.strip()


def _with_halts(work: Callable[["HaltStore"], T]) -> T:
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.halt_store import HaltStore

    with opened(read_settings()) as engine:
        return work(HaltStore(engine))


def _move(campaign_id: str, action: "Action", *, coupons: bool = False) -> None:
    async def move(desk: "CampaignDesk") -> None:
        _tell(await desk.move(campaign_id, action, None, CLI, coupons=coupons), ())

    _run(move, look=action == "activate")  # what stops a campaign waits for nothing


def _read_file(file: Path) -> tuple[str, Mapping[str, Any]]:
    from recommender.errors import InvalidCampaign

    try:
        definition = json.loads(file.read_text(encoding="utf-8"))
        return str(definition.pop("campaign_id")), definition
    except (ValueError, KeyError, AttributeError, TypeError):
        remedy = 'Write one JSON object with "campaign_id" and the fields of docs/campaigns.md.'
        raise InvalidCampaign(f"{file} holds no campaign", field="campaign_id", remedy=remedy) from None


def _tell(stored: "StoredCampaign", findings: Iterable["Finding"]) -> None:
    killed = f", killed with its {stored.killed}" if stored.killed else ""
    console.print(f"{stored.campaign_id}: [bold]{stored.state}[/]{killed}, version {stored.version}")
    _list(findings)


def _list(findings: Iterable["Finding"]) -> None:
    for finding in findings:
        colour = "red" if finding.severity == "error" else "yellow"
        said = escape(f"{finding.field}: {finding.message} {finding.remedy}")
        console.print(f"[{colour}]{finding.severity}[/] {said}")


def _run(work: Callable[["CampaignDesk"], Awaitable[T]], *, look: bool = True) -> T:
    """Do something with the desk; `look`: it must know the catalogue and the shoppers, if there is an artifact."""
    import asyncio

    from features.artifact.read import load_artifact
    from features.artifact.shelf import ArtifactShelf
    from features.online.connection import connect
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.segment_store import SegmentStore
    from serving.campaigns.registry import Segments
    from serving.campaigns.use_cases import CampaignDesk
    from serving.catalogue.change_signal import ChangeSignal
    from serving.catalogue.overlay import CatalogueOverlay
    from serving.clock import utc_now
    from serving.current import Current, Serving

    settings = read_settings()

    async def main() -> T:
        with opened(settings) as engine:
            redis, current, segments = connect(settings), Current(), Segments()
            signal, shelf = ChangeSignal(redis), ArtifactShelf(settings.artifacts_dir)
            overlay = CatalogueOverlay(
                engine, signal, take_placements=_ignore, take_consents=_ignore, take_keys=_ignore
            )
            if look:
                segments.take(SegmentStore(engine).read_all())
            if look and shelf.current_id() is not None:
                loaded = load_artifact(shelf.path(shelf.current()))
                catalogue = await overlay.build(loaded.items, loaded.manifest.change_number)
                current.swap(Serving(loaded.model, catalogue, loaded.manifest.change_number))
            try:
                return await work(CampaignDesk(engine, segments, current, signal.announce, utc_now))
            finally:
                await redis.aclose()

    return asyncio.run(main())


def _ignore(_: object) -> None:
    """What a command does not follow."""
