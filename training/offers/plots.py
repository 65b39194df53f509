"""Plots of an evaluation as SVG: calibration, and lift by tenth; one file of each a type of campaign."""

from pathlib import Path

from training.evaluate.report_file import write_text
from training.offers.report import CouponReport, Tenth, TypeReport
from training.svg import bar, dot, line, plot


def write_plots(report: CouponReport, folder: Path) -> list[Path]:
    """Write the plots into a folder that is there; returns the files. Raises InvalidInput where that fails."""
    written = list[Path]()
    for one in report.types:
        stem = one.name.lower().replace(" ", "-")
        for name, text in (("calibration", calibration(one)), ("lift", lift(one))):
            written.append(folder / f"{stem}.{name}.svg")
            write_text(text, written[-1])
    return written


def calibration(report: TypeReport) -> str:
    """Share redeemed over predicted probability, a point with its interval a tenth; the line is where both agree."""
    most = max(max(one.high, one.predicted) for one in report.tenths)
    shapes = [line(0, 0, 1, 1, dashed=True)]
    for one in report.tenths:
        x = one.predicted / most
        shapes += [line(x, one.low / most, x, one.high / most), dot(x, one.redeemed / most)]
    ticks = [f"{most * part / 4:.1%}" for part in range(5)]
    return plot(f"{report.name}: calibration", "predicted probability", "redeemed", shapes, ticks, ticks)


def lift(report: TypeReport) -> str:
    """How much more of each tenth was redeemed than of all pairs, the most likely tenth first."""
    most = max(max(one.lift for one in report.tenths), 1.0)
    shapes = [_bar(place, len(report.tenths), one, most) for place, one in enumerate(report.tenths)]
    shapes.append(line(0, 1 / most, 1, 1 / most, dashed=True))
    across = ["most likely", "", "tenths of the pairs", "", "least likely"]
    return plot(
        f"{report.name}: lift", "", "redeemed, mean = 1", shapes, across, [f"{most * p / 4:.1f}" for p in range(5)]
    )


def _bar(place: int, n: int, tenth: Tenth, most: float) -> str:
    return bar((place + 0.1) / n, (place + 0.9) / n, tenth.lift / most)
