"""Commands on signed coupons and the keys that sign them."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from features.ledger.signing_keys import SigningKeys

coupon_app = typer.Typer(no_args_is_help=True, help="Signed coupons (docs/coupons.md).")
keys_app = typer.Typer(no_args_is_help=True, help="The keys that sign coupons; running services follow at once.")
coupon_app.add_typer(keys_app, name="keys")
console = Console()


@coupon_app.command("verify")
def verify(
    token: Annotated[str, typer.Argument(help="As it is in the QR code.")],
    keys: Annotated[
        Path | None,
        typer.Option(help="What GET /.well-known/coupon-keys gave; default: ask the database.", exists=True),
    ] = None,
    store: Annotated[str | None, typer.Option(help="Id of the store where it is shown.")] = None,
) -> None:
    """Say whether a coupon is genuine, for this store and for now. With --keys it needs nothing but that file.

    Whether it was used already, only the service knows.
    """
    import orjson

    from recommender.errors import InvalidInput
    from recommender.offers.token import read_key_set, verify

    now = datetime.now(UTC)
    if keys is None:
        with _open_keys() as kept:
            document = kept.document(now)
    else:
        try:
            document = orjson.loads(keys.read_bytes())
        except orjson.JSONDecodeError:
            raise InvalidInput("This is no JSON.", field="--keys", remedy="Fetch the file again.") from None
    claims = verify(token, read_key_set(document), now, store)
    ends = datetime.fromtimestamp(claims.exp, UTC)
    console.print(f"[green]genuine[/] {claims.c} of {claims.g}: {claims.k} {claims.d}, at most {claims.m} {claims.u}")
    console.print(f"until {ends:%Y-%m-%d %H:%M} UTC, in {', '.join(claims.s) or 'every store'}")


@coupon_app.command("qr")
def draw(
    token: Annotated[str, typer.Argument(help="As GET /v1/me/wallet gives it.")],
    svg: Annotated[Path | None, typer.Option(help="File to write; default: draw it here.", dir_okay=False)] = None,
) -> None:
    """Draw a coupon's token as a QR code, whose payload is the token as it is. Whether it is genuine, `verify` says."""
    import segno

    from recommender.errors import InvalidInput
    from recommender.offers.token import LONGEST_TOKEN

    if len(token) > LONGEST_TOKEN or token.count(".") != 2:
        raise InvalidInput("This is no coupon's token.", field="TOKEN", remedy="Send `token` of a coupon in a wallet.")
    code = segno.make(token.encode("ascii", "replace"), mode="byte", error="m", micro=False)
    if svg is None:
        code.terminal(compact=True)
        return
    code.save(str(svg), kind="svg", scale=4)
    console.print(f"{svg}: version {code.designator}, {len(token)} bytes")


@coupon_app.command("codes")
def list_codes() -> None:
    """Codes that many may use (`code` of a campaign), and what was used of them. Money is in minor units."""
    from features.ledger.shared_codes import read_codes
    from features.settings import read_settings
    from features.sql.engine import opened, reading

    table = Table("code", "campaign", "state", "until", "held", "used", "spent", "", box=None)
    with opened(read_settings()) as engine, reading(engine) as connection:
        for one in read_codes(connection):
            counts = one.used.pending_count, one.used.posted_count, one.used.posted_money
            until = f"{one.valid_until:%Y-%m-%d %H:%M} UTC"
            table.add_row(one.code, one.campaign_id, one.state, until, *map(str, counts), one.currency)
    console.print(table)


@keys_app.command("list")
def list_keys() -> None:
    """All keys that ever signed coupons."""
    table = Table("id", "made", "state", "verifies until", box=None)
    with _open_keys() as kept:
        for key in kept.read_all():
            state = "revoked" if key.revoked_at else "retired" if key.retired_at else "signs"
            ends = key.revoked_at or key.ends_at
            table.add_row(key.kid, f"{key.made_at:%Y-%m-%d %H:%M}", state, f"{ends:%Y-%m-%d %H:%M}" if ends else "")
    console.print(table)


@keys_app.command("rotate")
def rotate() -> None:
    """Sign with a new key from now on. The old one verifies on, for longer than any coupon lives."""
    with _open_keys() as kept:
        console.print(f"{kept.rotate(datetime.now(UTC))} signs from now on")


@keys_app.command("revoke")
def revoke(kid: Annotated[str, typer.Argument(help="As `recommender coupon keys list` shows it.")]) -> None:
    """End a key that got into wrong hands: no token of it verifies any more. The codes of those coupons still hold."""
    with _open_keys() as kept:
        kept.revoke(kid, datetime.now(UTC))
    console.print(f"{kid} verifies nothing any more; tills that work offline know once they fetch the keys again")


@contextmanager
def _open_keys() -> "Generator[SigningKeys]":
    from features.identity import read_secret
    from features.ledger.signing_keys import SigningKeys
    from features.settings import read_settings
    from features.sql.engine import opened

    settings = read_settings()
    with opened(settings) as engine:
        yield SigningKeys(engine, partial(read_secret, settings))
