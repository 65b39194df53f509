"""What commands print: reports as tables for people."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from rich.console import Group, RenderableType
from rich.table import Table

from features.artifact.manifest import Manifest, read_manifest
from features.artifact.shelf import ArtifactShelf
from features.import_file import ImportReport
from training.prepare.complete_journey import PrepareReport
from training.run import TrainReport

HEADLINES = (
    ("home", "ndcg@10"), ("home", "recall@20"), ("home", "coverage@20"),
    ("discover", "ndcg@20"), ("discover", "recall@20"),
)  # fmt: skip


def facts(values: Mapping[str, object], title: str | None = None) -> Table:
    """Names and values, one a line; numbers with thousands separated."""
    table = Table(title=title, show_header=False, box=None, title_justify="left")
    for name, value in values.items():
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
        shown = f"{shown:,.4g}" if isinstance(shown, float) else shown
        table.add_row(name.replace("_", " "), str(shown))
    return table


def prepared(report: PrepareReport) -> RenderableType:
    """What `prepare` made."""
    return facts(asdict(report), "prepared")


def imported(report: ImportReport) -> RenderableType:
    """What became of the rows of a file."""
    counts: dict[str, object] = {
        "accepted": report.accepted,
        "already there": report.duplicates,
        "rejected": report.rejected,
    }
    if report.suppressed:
        counts["of people who were erased, not kept"] = report.suppressed
    if report.unforgotten:
        counts["withdrawn, but Redis is away: import again while it runs, and it forgets them"] = report.unforgotten
    if report.rejected_file is not None:
        counts["rejected rows, with reasons"] = report.rejected_file
    return facts(counts)


def trained(report: TrainReport) -> RenderableType:
    """What a training run published, and why it was allowed to."""
    if report.already_published:
        return (
            f"[bold]{report.artifact_id}[/] was published from these inputs before; it serves now. --force trains anew."
        )
    return Group(f"published [bold]{report.artifact_id}[/]", _quality(report.manifest), _costs(report.manifest))


def artifacts(shelf: ArtifactShelf) -> RenderableType:
    """Every artifact that is kept."""
    table = Table(box=None)
    for heading in ("", "artifact", "published", "learnt until", "items", "gate"):
        table.add_column(heading, no_wrap=True)
    current = shelf.current_id()
    for kept in shelf.list():
        table.add_row(
            "serves" if kept.artifact_id == current else "",
            kept.artifact_id,
            kept.published_at[:16],
            _day(kept.cut_day)[:16],
            f"{kept.counts.get('items', 0):,}",
            "overridden" if kept.gate.get("overridden") else "passed",
        )
    return table if table.row_count else "no artifact yet: `recommender train` publishes one"


def manifest(shelf: ArtifactShelf, artifact_id: str | None) -> RenderableType:
    """All that an artifact says about itself."""
    shown = read_manifest(shelf.path(artifact_id or shelf.current()))
    gains = Table("ranker", "feature", "share of gain", title="What the rankers look at", title_justify="left")
    for ranker, shares in shown.gains.items():
        for feature, share in sorted(shares.items(), key=lambda entry: -entry[1])[:10]:
            gains.add_row(ranker, feature, f"{share:.1%}")
    inputs = json.dumps(shown.inputs, indent=2, sort_keys=True)
    return Group(
        facts({"artifact": shown.artifact_id, "published": shown.published_at, "learnt until": _day(shown.cut_day)}),
        _quality(shown),
        gains,
        _costs(shown),
        facts(shown.counts, "counts"),
        f"inputs\n{inputs}",
        facts({name: f"{entry.size:,} bytes  {entry.sha256}" for name, entry in shown.files.items()}, "files"),
    )


def _quality(shown: Manifest) -> RenderableType:
    """Headline figures on the test window, the pipeline first, then each baseline."""
    table = Table(title=f"gate: {shown.gate.get('reason', '')}", title_justify="left")
    table.add_column("measured on the test window")
    for placement, metric in HEADLINES:
        table.add_column(f"{placement}\n{metric}", justify="right")
    metrics = cast("Mapping[str, Any]", shown.metrics)
    for what, figures in _figures(metrics):
        table.add_row(what, *(f"{figures[placement][metric]:.4f}" for placement, metric in HEADLINES))
    return Group(table, *_leads(metrics), f"response to coupons: {shown.response.get('reason', 'nothing was learnt.')}")


def _leads(metrics: Mapping[str, Any]) -> list[str]:
    """How far the pipeline is ahead of the best baseline, a line a placement; artifacts of before say nothing of it."""
    return [
        f"{placement}: {lead['metric']} {lead['difference']['mean']:+.4f} over {lead['baseline']}, 95 % interval "
        f"{lead['difference']['low']:+.4f} to {lead['difference']['high']:+.4f}, {metrics['shoppers']:,} shoppers"
        for placement, lead in metrics.get("leads", {}).items()
    ]


def _figures(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Mapping[str, float]]]]:
    """Who was measured, and by placement its figures; nothing if the training had too little history to measure."""
    if not metrics:
        return []
    return [("served pipeline", metrics), *metrics["baselines"].items()]


def _costs(shown: Manifest) -> RenderableType:
    seconds = facts({step: f"{value:.1f} s" for step, value in shown.seconds.items()}, "seconds per step")
    total = sum(shown.seconds.values())
    found = shown.index
    index = f"{found.kind}, recall@{found.k} {found.recall:.4f}, {found.microseconds:.0f} µs a search"
    return Group(
        seconds, facts({"total": f"{total:.1f} s", "peak memory": f"{shown.peak_memory_mib:,.0f} MiB", "index": index})
    )


def _day(day: float) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).isoformat(timespec="minutes")
