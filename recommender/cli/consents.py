"""Commands on what shoppers allow and want."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console

from recommender.cli.audit import record

consents_app = typer.Typer(no_args_is_help=True, help="What shoppers allow and want (docs/preference-centre.md).")
console = Console()


@consents_app.command("link")
def link(
    user_id: Annotated[str, typer.Option(help="Whose choices it opens.")],
    days: Annotated[float, typer.Option(min=0.01, max=400, help="Days until it ends.")] = 30,
) -> None:
    """Print a link to the preference centre of one shopper; whoever has it may see and change their choices.

    Nothing in it tells who they are. Messages get theirs from POST /v1/consents/links.
    """
    from features.identity import USER_ID, read_secret
    from features.preference_links import make_link
    from features.settings import read_settings

    settings = read_settings()
    record("consents.link", "link")
    token = make_link(read_secret(settings), (USER_ID, user_id), datetime.now(UTC) + timedelta(days=days))
    console.print(f"{settings.reachable_url}/preferences?t={token}", soft_wrap=True, highlight=False)
