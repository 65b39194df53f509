"""The page of a run: what was asked, what held, and how latency, processor and memory went over time."""

from collections.abc import Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import numpy as np
from numpy.typing import NDArray

from loadtests.checks import FIRST_NAMES, Check, first_and_last, percentile
from loadtests.runs import Run
from training.svg import COLOURS, curve, plot

PAGE = "index.html"
POINTS = 60  # of a curve over time
STRETCHES = 12  # of a run, in numbers: five minutes each of the hour
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 1060px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .75rem; border-bottom: 1px solid #d9e2ec }
td { text-align: right } td:first-child, th { text-align: left } .broken { color: #c92a2a; font-weight: 600 }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1.5rem }
figure { margin: 0 } figcaption span { margin-right: 1rem; white-space: nowrap } pre { white-space: pre-wrap }
"""

Series = dict[str, list[tuple[float, float]]]  # points by name


def write_report(run: Run, checks: Sequence[Check], folder: Path) -> Path:
    """Write the page into a folder, which is made; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(render(run, checks), encoding="utf-8")
    return folder / PAGE


def render(run: Run, checks: Sequence[Check]) -> str:
    """The page."""
    verdict = "All thresholds held." if all(one.holds for one in checks) else "A threshold was broken."
    most = ""
    if run.most_new is not None:
        most = (
            f" With all connections kept busy it did {run.most:.0f} a second before and {run.most_after:.0f} after;"
            f" a new service on the same data, begun then, {run.most_new:.0f}."
        )
    loaded = f"{run.per_second:.0f} calls a second for {run.seconds:.0f} s, {run.workers} workers.{most}"
    parts = [
        f"<h1>Load: {escape(run.profile)}</h1><p>{escape(run.what)}. {loaded if run.samples else ''}</p>",
        f"<p><strong>{verdict}</strong></p>" if checks else "<p>This profile has no thresholds.</p>",
        _table(["threshold", "found", "at most"], [_check_row(one) for one in checks]),
    ]
    if run.starts:
        rows = [[f"start {n}", *(f"{of:.1f}" for of in first_and_last(took))] for n, took in enumerate(run.starts, 1)]
        parts.append(_table(["ms", *FIRST_NAMES], rows))
    if run.samples:
        parts += [_calls_table(run), f'<div class="plots">{"".join(_plots(run))}</div>', _stretches_table(run)]
    if run.answers.first_failures:
        said = "\n".join(f"{what}: {body}" for what, body in run.answers.first_failures.items())
        parts.append(f"<h2>First answers that were no 2xx</h2><pre>{escape(said)}</pre>")
    made = (
        f"Python {python_version()}, uvicorn {version('uvicorn')}; service, Valkey and generator on the same machine."
    )
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>Load: {escape(run.profile)}</title>\
<style>{STYLE}</style>{''.join(parts)}<p>{made}</p></html>\n"


def _check_row(one: Check) -> list[str]:
    mark = "" if one.holds else "broken"
    return [one.what, f'<span class="{mark}">{one.found:.4g}</span>', f"{one.limit:g}"]


def _calls_table(run: Run) -> str:
    answers = run.answers
    rows: list[list[str]] = []
    for name in ["*", *sorted(answers.names)]:
        of_kind = answers.is_of(name)
        refused = int(answers.refused()[of_kind].sum())
        times = [f"{percentile(run, name, share):.1f}" for share in (50, 90, 99, 99.9)]
        title = "all" if name == "*" else escape(name)
        failed = f"{int(answers.failed()[of_kind].sum()):,}"
        rows.append([title, f"{int(of_kind.sum()):,}", failed, f"{refused:,}", *times])
    late = float(np.percentile(answers.late_ms, 99)) if len(answers.late_ms) else float("nan")
    note = (
        f"<p>Milliseconds from when a call was due. The generator itself was {late:.1f} ms late with one in a hundred."
        f" {answers.degraded:,} answers went without live state.</p>"
    )
    head = ["calls", "sent", "failed", "refused (4xx)", "p50", "p90", "p99", "p99.9"]
    return _table(head, rows) + note


def _plots(run: Run) -> list[str]:
    over_time: Series = {f"p{share}": _over_time(run, share) for share in (50, 99)}
    by_kind: Series = {
        name: [(place / 3, percentile(run, name, share)) for place, share in enumerate((50, 90, 99, 99.9))]
        for name in sorted(run.answers.names)
    }
    return [
        _figure("Latency over time, ms", over_time, run.seconds, "seconds"),
        _figure("Percentiles by kind of call, ms", by_kind, 1.0, "", ("p50", "p90", "p99", "p99.9")),
        _figure("Processor by process, cores", _processor(run), run.seconds, "seconds"),
        _figure("Memory of its own by process, MiB", _memory(run), run.seconds, "seconds"),
        _figure("Answers and failures a second", _rates(run), run.seconds, "seconds"),
        _figure("Speed of the machine, ms", _machine(run), run.seconds, "seconds"),
        _figure("Waiting, share of the time", _waiting(run), run.seconds, "seconds"),
    ]


def _over_time(run: Run, share: float) -> list[tuple[float, float]]:
    width = max(run.seconds / POINTS, 1.0)
    starts = np.arange(0.0, run.seconds, width)
    found = [(float(start + width / 2), percentile(run, "*", share, start, start + width)) for start in starts]
    return [point for point in found if not np.isnan(point[1])]


def _processor(run: Run) -> Series:
    series: Series = {}
    for before, after in zip(run.samples, run.samples[1:], strict=False):
        for name in before.vitals.keys() & after.vitals.keys():
            spent = sum(
                sign * (one.user_seconds + one.system_seconds)
                for sign, one in ((1, after.vitals[name]), (-1, before.vitals[name]))
            )
            series.setdefault(name, []).append((after.at, max(spent, 0.0) / (after.at - before.at)))
    return {name: series[name] for name in sorted(series)}


def _memory(run: Run) -> Series:
    names = sorted({name for sample in run.samples for name in sample.vitals})
    return {
        name: [(one.at, one.vitals[name].private_bytes / 2**20) for one in run.samples if name in one.vitals]
        for name in names
    }


def _machine(run: Run) -> Series:
    """The median over each stretch of time: a single look is too short to say much."""
    width = max(run.seconds / POINTS, 1.0)
    starts = np.arange(0.0, run.seconds, width)
    return {
        name: [(float(start + width / 2), _median(points, start, start + width)) for start in starts]
        for name, points in _looks(run).items()
    }


def _looks(run: Run) -> Series:
    return {
        "fixed work": [(one.at, one.machine.fixed_work_ms) for one in run.samples],
        "sync of a page": [(one.at, one.machine.sync_ms) for one in run.samples],
    }


def _waiting(run: Run) -> Series:
    """By what for, the share of the time since the last look that some process waited."""
    series: Series = {}
    for before, after in zip(run.samples, run.samples[1:], strict=False):
        for name, seconds in after.machine.waited.items():
            share = (seconds - before.machine.waited[name]) / (after.at - before.at)
            series.setdefault(name, []).append((after.at, share))
    return series


def _stretches_table(run: Run) -> str:
    """The same in numbers, for runs to be compared: latencies of all calls, medians of the rest."""
    width = run.seconds / STRETCHES
    starts = [width * n for n in range(STRETCHES)]
    rows = [
        [f"p{share}, ms", *(f"{percentile(run, '*', share, start, start + width):.1f}" for start in starts)]
        for share in (50, 99)
    ]
    series = {f"{name}, ms": points for name, points in _looks(run).items()}
    series |= {f"waited for {name}": points for name, points in _waiting(run).items()}
    series |= {f"{name}, cores": points for name, points in _processor(run).items()}
    series |= {f"{name}, MiB": points for name, points in _memory(run).items()}
    for name, points in series.items():
        rows.append([name, *(_number(_median(points, start, start + width)) for start in starts)])
    return _table(["from second", *(f"{start:.0f}" for start in starts)], rows)


def _median(points: Sequence[tuple[float, float]], since: float, until: float) -> float:
    found = [y for x, y in points if since <= x < until]
    return float(np.median(found)) if found else float("nan")


def _rates(run: Run) -> Series:
    due, failed = np.asarray(run.answers.due), run.answers.failed()
    width = max(run.seconds / POINTS, 1.0)
    edges = np.arange(0.0, run.seconds + width, width)

    def rate(chosen: NDArray[np.float64]) -> list[tuple[float, float]]:
        counts, _ = np.histogram(chosen, edges)
        return [(float(start + width / 2), float(n / width)) for start, n in zip(edges, counts, strict=False)][:-1]

    return {"answered": rate(due[~failed]), "failed": rate(due[failed])}


def _figure(title: str, series: Series, x_most: float, x_label: str, x_ticks: Sequence[str] = ()) -> str:
    found = [y for points in series.values() for _, y in points if not np.isnan(y)]
    y_most = max(found, default=1.0) or 1.0
    shapes = [
        curve([(min(x / x_most, 1.0), y / y_most) for x, y in points if not np.isnan(y)], COLOURS[n % len(COLOURS)])
        for n, points in enumerate(series.values())
    ]
    across = x_ticks or [f"{x_most * part / 4:.0f}" for part in range(5)]
    up = [_number(y_most * part / 4) for part in range(5)]
    legend = " ".join(
        f'<span style="color:{COLOURS[n % len(COLOURS)]}">■ {escape(name)}</span>' for n, name in enumerate(series)
    )
    return f"<figure>{plot(title, x_label, '', shapes, across, up)}<figcaption>{legend}</figcaption></figure>"


def _number(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML."""
    if not rows:
        return ""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"
