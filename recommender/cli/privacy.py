"""Commands on requests of people: what is kept of them, and that it goes."""

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from features.identity import Identifier
    from features.privacy.desk import PrivacyDesk
    from features.settings import Settings
    from features.sql.privacy_store import PrivacyRequest

privacy_app = typer.Typer(
    no_args_is_help=True,
    help="What people may ask by right: what is kept of them, that it is erased, or not used (docs/privacy.md).\n\n"
    "A request is done by the process that drains: a running [bold]recommender serve[/] does it within seconds. "
    "Example: [bold]recommender privacy request erasure user_id:household-1 --wait[/]",
)
console = Console()

Kind = Literal["access", "erasure", "restriction", "lift_restriction", "lift_suppression", "correction"]
Name = Annotated[
    str,
    typer.Argument(
        help="One identifier of the person, as kind:value; kinds: user_id, anonymous_id, loyalty_card, email, phone, "
        "email_hash, phone_hash. All their other identifiers are found by it."
    ),
]
RequestId = Annotated[str, typer.Argument(help="As `recommender privacy list` shows it.")]


@privacy_app.command("request")
def request(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="access: one file with everything. erasure: out of every store, for good. restriction: kept, but not "
            "used, until lift_restriction. lift_suppression: somebody who was erased may be known again. correction: "
            "of traits, with --trait."
        ),
    ],
    person: Name,
    source: Annotated[
        Literal["shopper", "agent", "shop", "authority"], typer.Option(help="Who asks for it.")
    ] = "shopper",
    reason: Annotated[str, typer.Option(help="For your records; taken out when the person is erased.")] = "",
    law: Annotated[str | None, typer.Option(help="Whose clock counts; default: that of rights.toml.")] = None,
    trait: Annotated[
        list[str] | None, typer.Option(help="Of a correction: name=value, or name= to take it away; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is done, and print the receipt.")] = False,
) -> None:
    """Enter a request of a person. An erasure or restriction holds at once; the receipt says what was done where."""
    from features.audit import CLI
    from features.privacy.desk import Asked

    traits = None if trait is None else dict(map(_trait, trait))
    with _open() as (settings, desk):
        named = _identifier(settings, person)
        asked = Asked(kind=kind, named=[named], source=source, reason=reason[:500], law=law, traits=traits)
        opened, _ = desk.open(asked, CLI)
        _wake(settings)
        console.print(f"{opened.request_id}: {opened.state}; the answer is due on {opened.due_at:%d %B %Y}")
        if wait and opened.state != "done":
            opened = _wait(desk, opened)
        if opened.receipt is not None:
            console.print_json(json.dumps(opened.receipt))


@privacy_app.command("list")
def list_requests(
    person: Annotated[str | None, typer.Option("--of", help="Only of this person: kind:value.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 50,
) -> None:
    """Requests, the newest first: what was asked, how it stands, when the answer is due."""
    table = Table("request", "kind", "state", "from", "law", "received", "due", "done", box=None)
    table.columns[0].no_wrap = True  # it is what the other commands take
    with _open() as (settings, desk):
        of = None if person is None else _identifier(settings, person)
        for one in desk.store.list(limit=limit, of=of)[0]:
            is_late = one.state != "done" and one.due_at < datetime.now(UTC)
            table.add_row(
                one.request_id, one.kind, one.state, one.source, one.law, f"{one.received_at:%Y-%m-%d %H:%M}",
                f"[red]{one.due_at:%Y-%m-%d}[/]" if is_late else f"{one.due_at:%Y-%m-%d}",
                "" if one.completed_at is None else f"{one.completed_at:%Y-%m-%d %H:%M}",
            )  # fmt: skip
    console.print(table)


@privacy_app.command("show")
def show(request_id: RequestId) -> None:
    """How a request stands, with its receipt, as JSON."""
    with _open() as (_, desk):
        one = desk.store.read(request_id)
    about = [f"{kind}:{value}" for kind, value in one.subject]
    told: dict[str, Any] = {
        "request_id": one.request_id, "kind": one.kind, "state": one.state, "source": one.source, "reason": one.reason,
        "law": one.law, "received_at": one.received_at, "due_at": one.due_at, "completed_at": one.completed_at,
        "identifiers": about, "receipt": one.receipt,
    }  # fmt: skip
    console.print_json(json.dumps(told, default=str))


@privacy_app.command("download")
def download(
    request_id: RequestId,
    to: Annotated[Path | None, typer.Argument(help="File to write; default: REQUEST.zip here.")] = None,
) -> None:
    """Copy the file that answers an access request; it is kept for a week."""
    from features.privacy.exports import export_file
    from recommender.errors import UnknownRequest

    with _open() as (settings, desk):
        desk.store.read(request_id)
        file = export_file(settings, request_id)
        if not file.exists():
            raise UnknownRequest(
                f"There is no file of {request_id} in {file.parent}.", field="REQUEST_ID",
                remedy="It is on the host that drains, once the request is done, for a week; ask again after that.",
            )  # fmt: skip
        target = to or Path(file.name)
        shutil.copyfile(file, target)
        target.chmod(0o600)
    console.print(f"written to {target}")


@contextmanager
def _open() -> "Generator[tuple[Settings, PrivacyDesk]]":
    from features.privacy.desk import PrivacyDesk
    from features.settings import read_settings
    from features.sql.engine import opened

    settings = read_settings()
    with opened(settings) as engine:
        yield settings, PrivacyDesk(settings, engine, lambda: datetime.now(UTC))


def _identifier(settings: "Settings", person: str) -> "Identifier":
    from features.identity import read_secret
    from recommender.errors import InvalidInput
    from serving.subjects import IdentifierBody

    kind, _, value = person.partition(":")
    if (
        kind not in {"user_id", "anonymous_id", "loyalty_card", "email", "phone", "email_hash", "phone_hash"}
        or not value
    ):
        raise InvalidInput(
            f"{person!r} names nobody", field="PERSON", remedy="Write kind:value, as user_id:household-1."
        )
    body = IdentifierBody.model_validate({"kind": kind, "value": value})
    return body.identifier(lambda: read_secret(settings), "PERSON")


def _trait(text: str) -> tuple[str, str | None]:
    from recommender.errors import InvalidInput

    name, sign, value = text.partition("=")
    if not name or not sign:
        raise InvalidInput(f"{text!r} states no trait", field="--trait", remedy="Write name=value, or name=.")
    return name, value or None


def _wake(settings: "Settings") -> None:
    """Running services look by themselves within a second; this makes them look now."""
    from redis.exceptions import RedisError

    from features.online.connection import connect_blocking
    from features.online.keys import CHANGE_CHANNEL

    try:
        with connect_blocking(settings) as redis:
            redis.publish(CHANGE_CHANNEL, b"")
    except (RedisError, OSError):
        console.print("Redis is not there; the request is done once `recommender serve` runs")


def _wait(desk: "PrivacyDesk", opened: "PrivacyRequest", seconds: float = 120.0) -> "PrivacyRequest":
    end = monotonic() + seconds
    while opened.state != "done" and monotonic() < end:
        sleep(0.25)
        opened = desk.store.read(opened.request_id)
    if opened.state != "done":
        console.print(
            f"not done after {seconds:.0f} s: does `recommender serve` (or `drain --follow`) run? It is not lost; see "
            f"`recommender privacy show {opened.request_id}`"
        )
    return opened
