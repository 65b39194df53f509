"""The evaluation as one HTML page that needs nothing else: figures, plots, and lists of a few shoppers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from recommender.errors import InvalidInput
from training.evaluate.bootstrap import Interval
from training.evaluate.report import PIPELINE, EvaluationReport, Example
from training.evaluate.report_file import write_text
from training.evaluate.table import COLUMNS, source_of
from training.evaluate.trial import Scope
from training.offers.report import Tenth

PAGE = "evaluation.html"


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a plot: a value with its interval, as shares of the longest of the plot.

    Attributes:
        text: the value in words.
        ours: whether it is of the pipeline.
    """

    name: str
    text: str
    share: float
    low: float
    high: float
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A tenth of the scores in the plot of calibration, as shares of its height."""

    share: float
    low: float
    high: float
    text: str


def make_folder(folder: Path) -> None:
    """Make the folder of the report; raises InvalidInput where that is not possible: before the work, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder} cannot be made: {error.strerror or error}."
        raise InvalidInput(message, field="report", remedy="Name a folder that can be written.") from error


def write_page(report: EvaluationReport, folder: Path) -> Path:
    """Write PAGE into a folder that is there; returns the file. Raises InvalidInput where that fails."""
    write_text(render(report), folder / PAGE)
    return folder / PAGE


def template(name: str) -> Template:
    """A template that lies here."""
    environment = Environment(
        loader=PackageLoader("training.evaluate", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(name)


def render(report: EvaluationReport) -> str:
    """The page."""
    return template("page.html.j2").render(
        report=report, source=source_of(report.ran_on), columns=COLUMNS, pipeline=PIPELINE,
        scopes=[(scope, _bars(report, scope), _coverage(report, scope)) for scope in report.scopes],
        groups=_groups(report), ticks={name: ticks(found) for name, found in report.calibration.items()},
        examples=_examples(report.examples), settings=json.dumps(report.ran_on.settings, indent=2),
    )  # fmt: skip


def bars(values: Sequence[tuple[str, Interval, bool]], words: Callable[[float], str] = "{:.4f}".format) -> list[Bar]:
    """Lines of a plot; all shares are of the longest interval's end."""
    most = max((interval.high for _, interval, _ in values), default=0.0) or 1.0
    return [
        Bar(name, words(one.mean), one.mean / most, one.low / most, one.high / most, ours) for name, one, ours in values
    ]


def ticks(found: Sequence[Tenth]) -> list[Tick]:
    """The plot of calibration."""
    most = max((one.high for one in found), default=0.0) or 1.0
    return [Tick(one.redeemed / most, one.low / most, one.high / most, f"{one.redeemed:.1%}") for one in found]


def _bars(report: EvaluationReport, scope: Scope) -> list[Bar]:
    known = report.intervals[scope.name]
    names = [result.name for result in report.results]
    return bars([(name, known[name][scope.headline], name == PIPELINE) for name in names])


def coverage_bars(found: Sequence[tuple[str, float]]) -> list[Bar]:
    """Lines of shares that have no interval."""
    most = max(value for _, value in found) or 1.0
    return [Bar(name, f"{value:.1%}", value / most, 0.0, 0.0, name == PIPELINE) for name, value in found]


def _coverage(report: EvaluationReport, scope: Scope) -> list[Bar]:
    return coverage_bars([(result.name, result.quality[scope.name].coverage) for result in report.results])


def _groups(report: EvaluationReport) -> dict[str, list[tuple[str, str, list[Bar]]]]:
    """By group, per comparison its name, the lead in words, and the two lines."""
    groups = dict[str, list[tuple[str, str, list[Bar]]]]()
    titles = {scope.name: scope.title for scope in report.scopes}
    for one in report.comparisons:
        both = bars([(PIPELINE, one.ours, True), (one.baseline, one.theirs, False)])
        lead = f"{one.lead.mean:+.4f} ({one.lead.low:+.4f} to {one.lead.high:+.4f})"
        about = f"{one.name}, {titles[one.scope].lower()}: {one.shoppers} shoppers, {one.metric}"
        groups.setdefault(one.group, []).append((about, lead, both))
    return groups


def _examples(examples: Sequence[Example]) -> list[tuple[int, Example]]:
    return list(enumerate(examples, start=1))
