"""Dashboard, alerts, runbooks and compose file: they name only what there is, and each alert has its page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from recommender.cli import app as cli

ROOT = Path(__file__).parents[2]
# Words of PromQL that stand where a metric could, and `up`, which Prometheus itself makes.
GRAMMAR = frozenset(["sum", "rate", "by", "increase", "delta", "absent", "max", "time", "histogram_quantile", "up"])
PARTS = re.compile(r"_(bucket|count|sum)$")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return json.loads((ROOT / "deploy/grafana/recommender.json").read_text())["panels"]


def documented() -> dict[str, tuple[str, set[str], str]]:
    """Type, labels and alerts of each metric; that the page has these and no others is tested where it is served."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\|[^|]*\|([^|]*)\|$", page("docs/observability.md"), re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels)), alert) for name, kind, labels, alert in rows}


def page(name: str) -> str:
    return (ROOT / name).read_text()


def metrics_in(expression: str) -> set[str]:
    """Names of metrics of a query, of histograms without their ending."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without) \([^)]*\)|\b[\d.]+\w*", "", bare)
    known, found = documented(), set(re.findall(r"[a-z_:]\w*", bare)) - GRAMMAR
    return {name if name in known else PARTS.sub("", name) for name in found}


def labels_in(expression: str) -> set[str]:
    grouped = ",".join(re.findall(r"\bby \(([^)]*)\)", expression)).split(",")
    matched = re.findall(r"([a-z_]\w*)\s*[=!]~?\s*\"", expression)
    return {name.strip() for name in [*grouped, *matched] if name.strip()} - {"le", "job"}


EXPRESSIONS = [
    *((rule["alert"], rule["expr"]) for rule in alerts()),
    *((panel["title"], target["expr"]) for panel in panels() for target in panel.get("targets", [])),
]


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS)
def test_a_query_names_only_metrics_and_labels_that_there_are(name: str, expression: str) -> None:
    known, used = documented(), metrics_in(expression)
    assert used or name == "ServiceDown"
    assert used <= set(known)
    assert labels_in(expression) <= {label for metric in used for label in known[metric][1]}
    for metric in used:
        kind = known[metric][0]
        assert (kind == "histogram") == bool(re.search(rf"{metric}_(bucket|count|sum)\b", expression))


def test_the_dashboard_shows_every_metric_and_its_panels_do_not_overlap() -> None:
    shown = {metric for _, expression in EXPRESSIONS[len(alerts()) :] for metric in metrics_in(expression)}
    assert shown == set(documented())
    taken = set[tuple[int, int]]()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken
        taken |= cells


def test_every_alert_has_its_page_and_the_table_names_them_all() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    assert {file.stem for file in (ROOT / "docs/runbooks").glob("*.md")} == set(names)
    for rule in alerts():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        text = page(rule["annotations"]["runbook_url"])
        assert rule["expr"].strip() in text
        for part in ("What it means", "What shoppers see", "Look first", "Do"):
            assert f"\n## {part}\n" in text
        for metric in metrics_in(rule["expr"]):
            if metric != "recommender_recommendations_total":  # the whole of several shares
                assert rule["alert"] in documented()[metric][2]


def test_the_pages_name_commands_and_settings_that_there_are() -> None:
    text = "".join(page(f"docs/runbooks/{rule['alert']}.md") for rule in alerts())
    settings = page("docs/settings.md")
    for variable in re.findall(r"\bRECOMMENDER_[A-Z_]+\b", text):
        assert f"`{variable}`" in settings
    for command in set(re.findall(r"`recommender ([a-z -]+?)(?: --\w+)?`", text)):
        assert CliRunner().invoke(cli.app, [*command.split(), "--help"]).exit_code == 0, command


def test_the_compose_file_starts_prometheus_and_grafana_only_when_asked_to() -> None:
    compose = yaml.safe_load(page("compose.yaml"))
    observing = {name for name, service in compose["services"].items() if "profiles" in service}
    assert observing == {"prometheus", "grafana"}
    for name in observing:
        service = compose["services"][name]
        assert service["profiles"] == ["observability"]
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:")
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"]
    scraped = yaml.safe_load(page("deploy/prometheus/prometheus.yaml"))
    assert scraped["rule_files"] == ["alerts.yaml"]
    assert scraped["scrape_configs"][0]["static_configs"][0]["targets"] == ["api:8000"]
    for file in (ROOT / "deploy").rglob("*.yaml"):
        assert yaml.safe_load(file.read_text())
