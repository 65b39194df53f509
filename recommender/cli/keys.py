"""Commands on the keys of callers."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from features.audit import CLI

if TYPE_CHECKING:
    from features.keys import Key
    from features.sql.key_store import KeyStore

keys_app = typer.Typer(
    no_args_is_help=True,
    help="Who may call the API (docs/keys.md). Until the first key is made, a service on a loopback address "
    "trusts every caller, and any other refuses all.",
)
console = Console()

Kind = Literal["publishable", "restricted", "secret"]
OVERLAP = re.compile(r"(\d{1,6})([smhd]?)")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
LONGEST_OVERLAP = timedelta(days=90)


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
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Pages that may use a publishable key, as `https://shop.example`; may be repeated. Pages of any other "
            "origin are refused, and browsers are told so."
        ),
    ] = None,
    app: Annotated[
        list[str] | None,
        typer.Option(help="Apps that may use a publishable key, as `com.example.shop`; they send it as X-App-Id."),
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, help="Requests a minute; default: as docs/limits.md says for its kind.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until it expires; default: never.")] = None,
) -> None:
    """Make a key and show it, this once. Running services know it within a second."""
    from features.keys import KINDS, new_key, parse_app, parse_origin
    from recommender.errors import InvalidInput

    _check_scopes(kind, scope or [])
    if (origin or app) and kind != "publishable":
        raise InvalidInput(
            "only a publishable key is bound to pages and apps", field="--origin" if origin else "--app",
            remedy="Leave it out, or make a publishable key.",
        )  # fmt: skip
    now = datetime.now(UTC)
    expires_at = None if days is None else now + timedelta(days=days)
    key, text = new_key(
        KINDS[kind], label[:200], now, scopes=tuple(scope or ()), expires_at=expires_at, per_minute=per_minute,
        origins=tuple(map(parse_origin, origin or ())), apps=tuple(map(parse_app, app or ())),
    )  # fmt: skip
    with _open_store() as store:
        store.add(key, by=CLI)
    _show(key, text)


@keys_app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="As `recommender keys list` shows it.")],
    overlap: Annotated[
        str, typer.Option(help="How long the old key still opens: `24h`, `90m`, `7d`, or `0` to end it now.")
    ] = "24h",
) -> None:
    """Make a key in place of another: the same kind, scopes, pages, apps and limit.

    Both open until the overlap is over, so that nothing stops while you hand the new one out; [bold]keys list[/] shows
    whether the old one is still used. Beside a publishable key, tokens signed with either one's secret hold as long.
    """
    with _open_store() as store:
        old, key, text = store.rotate(key_id, datetime.now(UTC), _parse_overlap(overlap), by=CLI)
    _show(key, text)
    console.print(f"\n{old.key_id} ({old.hint} {old.label}) ends {old.expires_at:%Y-%m-%d %H:%M} UTC")


@keys_app.command("list")
def list_keys() -> None:
    """All keys that were ever made: what they are for, never what they are."""
    table = Table("id", "key", "label", "may", "used by", "made", "last used", "ends", box=None)
    for column in table.columns[:2]:
        column.no_wrap, column.min_width = True, 9
    table.columns[0].min_width = 16
    with _open_store() as store:
        for key in store.read_all():
            ends = key.revoked_at or key.expires_at
            word = "revoked" if key.revoked_at else "ends" if key.is_live(datetime.now(UTC)) else "ended"
            may = ", ".join(key.scopes) + (f" {key.per_minute}/min" if key.per_minute else "")
            table.add_row(
                key.key_id, key.hint, key.label, may.strip(), ", ".join((*key.origins, *key.apps)),
                _minute(key.created_at), _minute(key.last_used_at), f"{word} {_minute(ends)}" if ends else "",
            )  # fmt: skip
    console.print(table)


@keys_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="As `recommender keys list` shows it.")]) -> None:
    """End a key for good; running services refuse it within a second."""
    with _open_store() as store:
        key = store.revoke(key_id, datetime.now(UTC), by=CLI)
    console.print(f"{key.key_id} ({key.hint} {key.label}) opens nothing any more")


def _check_scopes(kind: Kind, scopes: list[str]) -> None:
    from recommender.errors import InvalidInput
    from serving.access import ALL_SCOPES, STORE_SCOPE

    if (kind == "restricted") != bool(scopes):
        raise InvalidInput(
            "a restricted key needs scopes, and no other takes any", field="--scope",
            remedy="For example: recommender keys create restricted --scope events:write",
        )  # fmt: skip
    if strangers := sorted(one for one in set(scopes) - ALL_SCOPES if not one.startswith(STORE_SCOPE)):
        raise InvalidInput(
            f"there is no scope {', '.join(strangers)}", field="--scope",
            remedy=f"Use some of {', '.join(sorted(ALL_SCOPES))}.",
        )  # fmt: skip


def _parse_overlap(text: str) -> timedelta:
    from recommender.errors import InvalidInput

    found = OVERLAP.fullmatch(text.strip())
    if found is None or (length := int(found[1]) * timedelta(seconds=SECONDS[found[2]])) > LONGEST_OVERLAP:
        remedy = f"Write it as 90m, 24h or 7d; at most {LONGEST_OVERLAP.days}d."
        raise InvalidInput(f"{text!r} is no overlap", field="--overlap", remedy=remedy)
    return length


def _show(key: "Key", text: str) -> None:
    from features.identity import read_secret
    from features.keys import signing_secret
    from features.settings import read_settings

    console.print(f"{key.key_id}, shown this once:\n[bold]{text}[/]", soft_wrap=True)
    if key.kind != "pk":
        return
    console.print(
        "\nTo say who a shopper is, your server signs user tokens (HS256) for this key with this secret:"
        f"\n[bold]{signing_secret(read_secret(read_settings()), key.key_id)}[/]",
        soft_wrap=True,
    )
    if not key.origins and not key.apps:
        console.print("\nIt is bound to nothing, and no page of another origin can use it: see --origin and --app.")


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


@contextmanager
def _open_store() -> "Generator[KeyStore]":
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.key_store import KeyStore

    with opened(read_settings()) as engine:
        yield KeyStore(engine)
