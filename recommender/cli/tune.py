"""`recommender tune`: better settings for the training, found on windows before the test window."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recommender.cli.evaluate import Moment, in_utc

Trials = Annotated[int, typer.Option(min=1, help="Settings to try in this run; the current ones are the first.")]
Minutes = Annotated[float, typer.Option(min=0, help="No further trial begins after so many.")]
Study = Annotated[
    Path | None,
    typer.Option(help="Where trials are kept (SQLite). Default: tuning.sqlite in the data folder."),
]
JudgedOn = Annotated[
    int,
    typer.Option(
        "--windows", min=1, max=6, help="Windows that settings are judged on: the latest before the test window."
    ),
]


def tune(
    trials: Trials = 20, minutes: Minutes = 60.0, study: Study = None, windows: JudgedOn = 2, until: Moment = None
) -> None:
    """Search for better settings of the training, on your own data (docs/training.md).

    Each trial learns anew and is judged by the lists of [bold]home[/] and [bold]discover[/] in the windows before the
    test window, which stays unseen for `recommender evaluate`. Stop it when you like: the next run goes on from there,
    as long as data, configuration and code are the same. Nothing is published and nothing changes; the best settings
    are printed, to paste into a training.toml of your own.

    [bold]recommender tune --trials 50 --minutes 120[/]
    """
    from features.progress import Terminal
    from features.settings import read_settings
    from training.tune.run import tune as run
    from training.tune.space import as_toml

    settings, console = read_settings(), Console()
    report = run(
        settings, file=study or settings.data_dir / "tuning.sqlite", trials=trials, minutes=minutes,
        n_windows=windows, until=in_utc(until), progress=Terminal(),
    )  # fmt: skip
    console.print(f"Study {report.study}: {report.new_trials} trials now, {report.all_trials} in all.")
    for name, tried in (("current settings", report.current), ("best settings", report.best)):
        figures = ", ".join(f"{placement} {value:.4f}" for placement, value in tried.judged.figures.items())
        console.print(f"{name:17s} {figures}")
    changed = report.changed()
    if not changed:
        console.print("No settings were better than the current ones.")
        return
    console.print("For your training.toml; look at `recommender evaluate` once before you keep them:\n")
    typer.echo(as_toml(changed))  # to be pasted: the console would colour and wrap it
