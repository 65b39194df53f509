"""What the protocol next-item found as one HTML page that needs nothing else."""

import json
from pathlib import Path

from training.evaluate.next_item_report import COLUMNS, HEADLINE, SCOPES, SERVED, NextItemReport
from training.evaluate.page import PAGE, Bar, bars, coverage_bars, template, ticks
from training.evaluate.report_file import write_text


def write_next_item_page(report: NextItemReport, folder: Path) -> Path:
    """Write PAGE into a folder that is there; returns the file. Raises InvalidInput where that fails."""
    write_text(render_next_item(report), folder / PAGE)
    return folder / PAGE


def render_next_item(report: NextItemReport) -> str:
    """The page."""
    return template("next_item.html.j2").render(
        report=report, columns=COLUMNS, scopes=SCOPES, served=SERVED,
        plots={scope: {metric: _bars(report, scope, metric) for metric in HEADLINE} for scope in report.intervals},
        coverage=coverage_bars([(result.name, result.coverage) for result in report.results]),
        groups=_groups(report), ticks={scope: ticks(found) for scope, found in report.calibration.items()},
        settings=json.dumps(report.data.settings, indent=2),
    )  # fmt: skip


def _bars(report: NextItemReport, scope: str, metric: str) -> list[Bar]:
    known = report.intervals[scope]
    return bars([(name, of[metric], name == SERVED) for name, of in known.items()], _per_cent)


def _groups(report: NextItemReport) -> dict[str, list[tuple[str, str, list[Bar]]]]:
    """By group, per comparison its name, the lead in words, and the two lines."""
    groups = dict[str, list[tuple[str, str, list[Bar]]]]()
    for one in report.comparisons:
        both = bars([(SERVED, one.ours, True), (one.baseline, one.theirs, False)], _per_cent)
        lead = f"{100 * one.lead.mean:+.2f} ({100 * one.lead.low:+.2f} to {100 * one.lead.high:+.2f})"
        about = f"{one.name}, {one.scope}: {one.beginnings} beginnings, {COLUMNS[HEADLINE[0]]}"
        groups.setdefault(one.group, []).append((about, lead, both))
    return groups


def _per_cent(share: float) -> str:
    return f"{100 * share:.2f}"
