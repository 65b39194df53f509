"""Commands on the keys of callers."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from features.sql.key_store import KeyStore

keys_app = typer.Typer(
    no_args_is_help=True,
    help="Who may call the API (docs/keys.md). Until the first key is made, a service on a loopback address "
    "trusts every caller, and any other refuses all.",
)
console = Console()

Kind = Literal["publishable", "restricted", "secret"]


@keys_app.command("create")
def create(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="publishable: for browsers and apps, everybody can read it. restricted: for one machine of the shop, "
            "with --scope. secret: for the shop's servers, may do everything."
        ),
    ],
    label: Annotated[str, typer.Option(help="Who will use it; shown in the list.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="What a restricted key may do, as `events:write`; may be repeated.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until it expires; default: never.")] = None,
) -> None:
    """Make a key and show it, this once. Running services know it within a second."""
    from features.identity import read_secret
    from features.keys import KINDS, new_key, signing_secret
    from features.settings import read_settings
    from recommender.errors import InvalidInput
    from serving.access import ALL_SCOPES

    scopes = tuple(scope or ())
    if (kind == "restricted") != bool(scopes):
        raise InvalidInput(
            "a restricted key needs scopes, and no other takes any", field="--scope",
            remedy="For example: recommender keys create restricted --scope events:write",
        )  # fmt: skip
    if strangers := sorted(set(scopes) - ALL_SCOPES):
        raise InvalidInput(
            f"there is no scope {', '.join(strangers)}", field="--scope",
            remedy=f"Use some of {', '.join(sorted(ALL_SCOPES))}.",
        )  # fmt: skip
    settings, now = read_settings(), datetime.now(UTC)
    expires_at = None if days is None else now + timedelta(days=days)
    key, text = new_key(KINDS[kind], label[:200], now, scopes=scopes, expires_at=expires_at)
    with _open_store() as store:
        store.add(key)
    console.print(f"{key.key_id}, shown this once:\n[bold]{text}[/]", soft_wrap=True)
    if kind == "publishable":
        console.print(
            "\nTo say who a shopper is, your server signs user tokens (HS256) for this key with this secret:"
            f"\n[bold]{signing_secret(read_secret(settings), key.key_id)}[/]",
            soft_wrap=True,
        )


@keys_app.command("list")
def list_keys() -> None:
    """All keys that were ever made: what they are for, never what they are."""
    table = Table("id", "key", "label", "may", "made", "ends", box=None)
    with _open_store() as store:
        for key in store.read_all():
            ends = key.revoked_at or key.expires_at
            state = "" if ends is None else f"{'revoked' if key.revoked_at else 'expires'} {ends:%Y-%m-%d %H:%M}"
            table.add_row(
                key.key_id, key.hint, key.label, ", ".join(key.scopes), f"{key.created_at:%Y-%m-%d %H:%M}", state
            )
    console.print(table)


@keys_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="As `recommender keys list` shows it.")]) -> None:
    """End a key for good; running services refuse it within a second."""
    with _open_store() as store:
        key = store.revoke(key_id, datetime.now(UTC))
    console.print(f"{key.key_id} ({key.hint} {key.label}) opens nothing any more")


@contextmanager
def _open_store() -> "Generator[KeyStore]":
    from features.settings import read_settings
    from features.sql.engine import migrate, open_engine
    from features.sql.key_store import KeyStore

    engine = open_engine(read_settings())
    try:
        migrate(engine)
        yield KeyStore(engine)
    finally:
        engine.dispose()
