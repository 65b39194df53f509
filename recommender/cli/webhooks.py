"""Commands on webhooks: who is told what shoppers say on consents and preferences."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

webhooks_app = typer.Typer(
    no_args_is_help=True,
    help="Tell your CRM, email or call centre at once what shoppers say on consents and preferences "
    "(docs/webhooks.md). `serve` delivers; each message is signed, and comes until it is taken.",
)
console = Console()
WebhookId = Annotated[str, typer.Argument(help="As `recommender webhooks list` shows it.")]


@webhooks_app.command("create")
def create(
    url: Annotated[str, typer.Argument(help="Where to POST, as https://crm.example/hooks/consent.")],
    label: Annotated[str, typer.Option(help="Whose it is; shown in the list.")] = "",
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Tell it also all that was ever said; default: what comes from now on.")
    ] = False,
) -> None:
    """Tell a URL from now on, and show the secret that its messages are signed with, this once."""
    from secrets import token_hex

    from features.audit import CLI
    from features.identity import read_secret
    from features.outgoing import check_url
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.permission_feed import START, read_end
    from features.sql.webhook_store import WebhookStore
    from features.webhooks.signing import webhook_secret

    settings, webhook_id = read_settings(), f"whk_{token_hex(8)}"
    check_url(url, settings.allowed_hosts)
    with opened(settings) as engine:
        told_until = START if from_start else read_end(engine)
        WebhookStore(engine).add(webhook_id, url, label[:200], told_until, datetime.now(UTC), by=CLI)
    console.print(f"{webhook_id} is told from now on. Its messages are signed with, shown this once:")
    console.print(f"[bold]{webhook_secret(read_secret(settings), webhook_id)}[/]", soft_wrap=True)


@webhooks_app.command("list")
def list_webhooks() -> None:
    """Who is told, and how that goes."""
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.webhook_store import WebhookStore

    table = Table("id", "URL", "label", "made", "how it goes", "parked", box=None)
    table.columns[0].no_wrap = True  # it is what the other commands take
    table.columns[1].overflow = "fold"
    with opened(read_settings()) as engine:
        for one in WebhookStore(engine).read_all():
            state = "well"
            if one.failing_since is not None:
                state = f"failing since {one.failing_since:%Y-%m-%d %H:%M}, {one.failures} times: {one.last_error}"
            table.add_row(
                one.webhook_id, one.url, one.label, f"{one.created_at:%Y-%m-%d %H:%M}", state, str(one.parked)
            )
    console.print(table)


@webhooks_app.command("delete")
def delete(webhook_id: WebhookId) -> None:
    """Tell it nothing more."""
    from features.audit import CLI
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.webhook_store import WebhookStore

    with opened(read_settings()) as engine:
        WebhookStore(engine).delete(webhook_id, datetime.now(UTC), by=CLI)
    console.print(f"{webhook_id} is told nothing more")


@webhooks_app.command("replay")
def replay(webhook_id: WebhookId) -> None:
    """Try the messages again that were parked after three days of failures, the oldest first."""
    from features.audit import CLI
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.webhook_store import WebhookStore

    with opened(read_settings()) as engine:
        n_parked = WebhookStore(engine).replay(webhook_id, by=CLI)
    console.print(f"{n_parked:,} messages are tried again, by the running service")


@webhooks_app.command("test")
def test(webhook_id: WebhookId) -> None:
    """Send a signed message of type `test`, and say whether it was taken. Ends with status 1 if it was not."""
    from secrets import token_hex

    import orjson

    from features.identity import read_secret
    from features.permission_documents import time_text
    from features.settings import read_settings
    from features.sql.engine import opened
    from features.sql.webhook_store import WebhookStore
    from features.webhooks.deliver import NotDelivered
    from features.webhooks.post import Post
    from features.webhooks.signing import signed_headers

    settings, now = read_settings(), datetime.now(UTC)
    with opened(settings) as engine:
        webhook = WebhookStore(engine).get(webhook_id)
    body = orjson.dumps({"type": "test", "timestamp": time_text(now), "data": {}})
    headers = signed_headers(read_secret(settings), webhook_id, f"msg_test_{token_hex(8)}", body, now)
    try:
        Post(settings.allowed_hosts)(webhook.url, headers | {"content-type": "application/json"}, body)
    except NotDelivered as error:
        console.print(f"[red]not taken[/]: {error}")
        raise typer.Exit(1) from error
    console.print(f"{webhook.url} took it")
