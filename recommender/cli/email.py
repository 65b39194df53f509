"""`recommender email`: blocks of emails as files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

email_app = typer.Typer(no_args_is_help=True, help="Product blocks of emails (docs/email.md).")
console = Console()


@email_app.command("render")
def render(
    send: Annotated[
        str, typer.Option(help="The id of the send; the same id gives the same blocks again, to the byte.")
    ],
    recipients: Annotated[
        Path,
        typer.Option(
            help="One user id a line; or .jsonl, a line as [bold]recipients[/] of the API has them.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write to; it is made if it is not there.", file_okay=False)],
    blocks: Annotated[
        Path | None,
        typer.Option(
            help="A JSON list, as [bold]blocks[/] of the API has them. Left out: one of placement home.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ] = None,
    locale: Annotated[str, typer.Option(help="How prices are written, as de-AT.")] = "en",
    url: Annotated[str | None, typer.Option(help="Where the service answers; left out: that of the settings.")] = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="RECOMMENDER_KEY", help="A key with the scope email:render, where the service wants one."),
    ] = None,
) -> None:
    """Have the service decide the blocks of a send, and write a file of each kind for every recipient and block.

    [bold]USER.BLOCK.html[/] opens in a browser, [bold]USER.BLOCK.txt[/] is the plain text, and
    [bold]USER.BLOCK.json[/] all that the API says of the block, also of an empty one.

    [bold]recipients.jsonl[/] has a line a recipient: the status, the headers that the mail needs, and the files.
    Who may not be written to is [bold]suppressed[/] there, and gets no file.

    Ends with status 1 if a recipient failed: run it again, what was decided stays.

    For example: [bold]recommender email render --send week-12 --recipients users.txt --out week-12[/]
    """
    from features.progress import Terminal
    from features.settings import read_settings
    from recommender.cli.email_files import Order, read_blocks, read_recipients, write_mails

    order = Order(send, read_blocks(blocks), locale, url or read_settings().reachable_url, key)
    counts = write_mails(order, read_recipients(recipients), out, Terminal())
    for what in ("ready", "suppressed", "failed", "empty blocks"):
        console.print(f"{what:<14}{counts[what]:>8,}", highlight=False)
    console.print(f"Written to [bold]{out}[/].", soft_wrap=True)
    raise typer.Exit(1 if counts["failed"] else 0)
