"""`make load PROFILE=steady`: a profile of load on a service of its own, a page of what came of it, and a verdict.

Needs the data folder of `make demo` (RECOMMENDER_DATA_DIR): the traffic is drawn from its purchases, and a copy of it
is served. Ends with status 1 when a threshold of loadtests/thresholds.toml is broken.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from features.settings import Settings
from loadtests.checks import (
    FIRST_NAMES,
    THRESHOLDS,
    Check,
    check,
    first_and_last,
    machine_drift,
    percentile,
    read_thresholds,
)
from loadtests.load_report import write_report
from loadtests.profiles import PROFILES, own_artifacts
from loadtests.runs import Run, first_calls, load, load_new, service_of, shop_of
from loadtests.traffic import read_baskets, read_hours

START_SECONDS = 15.0  # that a cold start takes, about


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a profile; returns the exit status."""
    asked, console = _parser().parse_args(arguments), Console()
    profile, settings = PROFILES[asked.profile], Settings()
    thresholds = read_thresholds(asked.profile, asked.thresholds)
    console.print(f"{asked.profile}: {profile.what}")
    baskets, hours = read_baskets(settings), read_hours(settings)
    run = Run(asked.profile, profile.what, asked.rate, asked.seconds or profile.seconds, asked.workers)
    with console.status("copying the data folder") as status, shop_of(settings, baskets) as apart:
        if asked.profile == "artifact-swap":
            own_artifacts(apart, settings)
        if asked.profile == "cold-start":
            for number in range(1, max(int(run.seconds / START_SECONDS), 1) + 1):
                status.update(f"start {number}")
                with service_of(apart, run.workers) as service:
                    run.starts.append(uvloop.run(first_calls(service, baskets)))
        else:
            with service_of(apart, run.workers) as service:
                status.update(f"load for {run.seconds:.0f} s")
                uvloop.run(load(run, profile, service, baskets, hours))
            if run.most_after is not None:
                status.update("what a new service can do")
                with service_of(apart, run.workers) as service:
                    uvloop.run(load_new(run, service, baskets))
    checks = check(run, thresholds)
    _print(console, run, checks)
    console.print(f"report: {write_report(run, checks, asked.out / asked.profile)}")
    return 0 if all(one.holds for one in checks) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = "; ".join(f"{name}: {profile.what}" for name, profile in PROFILES.items())
    parser.add_argument("profile", choices=PROFILES, metavar="PROFILE", help=what)
    parser.add_argument("--rate", type=float, default=0.0, help="calls a second; 0: a share of what it can do")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long; 0: as the profile says")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the service")
    parser.add_argument("--out", type=Path, default=Path("load-reports"), help="folder of the reports")
    parser.add_argument("--thresholds", type=Path, default=THRESHOLDS, help="TOML of what must hold")
    return parser


def _print(console: Console, run: Run, checks: Sequence[Check]) -> None:
    if run.samples:
        calls = Table("calls", "sent", "failed", "refused", "p50 ms", "p90 ms", "p99 ms")
        for name in ["*", *sorted(run.answers.names)]:
            of_kind, failed = run.answers.is_of(name), run.answers.failed()
            times = [f"{percentile(run, name, share):.1f}" for share in (50, 90, 99)]
            title = "all" if name == "*" else name
            counts = [f"{of.sum():,}" for of in (of_kind, failed & of_kind, run.answers.refused() & of_kind)]
            calls.add_row(title, *counts, *times)
        most = ""
        if run.most_new is not None:
            most = f" of at most {run.most:.0f} before, {run.most_after:.0f} after, {run.most_new:.0f} of a new service"
        console.print(calls, f"{run.per_second:.0f} calls/s{most}, {run.answers.degraded:,} without live state")
        console.print(
            f"a fixed piece of work took {machine_drift(run):.2f} times as long in the last window as in the first"
        )
    for number, took in enumerate(run.starts, 1):
        said = ", ".join(f"{name} {of:.1f} ms" for name, of in zip(FIRST_NAMES, first_and_last(took), strict=True))
        console.print(f"start {number}: {said}")
    table = Table("threshold", "found", "at most", "")
    for one in checks:
        table.add_row(one.what, f"{one.found:.4g}", f"{one.limit:g}", "holds" if one.holds else "BROKEN")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
