"""Plots of an evaluation as SVG: calibration, and lift by tenth; one file of each a type of campaign."""

from collections.abc import Sequence
from pathlib import Path

from training.evaluate.report_file import write_text
from training.offers.report import CouponReport, Tenth, TypeReport

WIDTH, HEIGHT, EDGE = 480, 360, 56  # pixels
INK, PAPER, OURS = "#1f2933", "#ffffff", "#0b7285"


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
    shapes = [_line(_x(0), _y(0), _x(1), _y(1), dashed=True)]
    for one in report.tenths:
        x = _x(one.predicted / most)
        shapes += [_line(x, _y(one.low / most), x, _y(one.high / most)), _dot(x, _y(one.redeemed / most))]
    ticks = [f"{most * part / 4:.1%}" for part in range(5)]
    return _plot(f"{report.name}: calibration", "predicted probability", "redeemed", shapes, ticks, ticks)


def lift(report: TypeReport) -> str:
    """How much more of each tenth was redeemed than of all pairs, the most likely tenth first."""
    most = max(max(one.lift for one in report.tenths), 1.0)
    shapes = [_bar(place, len(report.tenths), one, most) for place, one in enumerate(report.tenths)]
    shapes.append(_line(_x(0), _y(1 / most), _x(1), _y(1 / most), dashed=True))
    across = ["most likely", "", "tenths of the pairs", "", "least likely"]
    return _plot(
        f"{report.name}: lift", "", "redeemed, mean = 1", shapes, across, [f"{most * p / 4:.1f}" for p in range(5)]
    )


def _plot(
    title: str, x_label: str, y_label: str, shapes: Sequence[str], x_ticks: Sequence[str], y_ticks: Sequence[str]
) -> str:
    axes = [_line(_x(0), _y(0), _x(1), _y(0)), _line(_x(0), _y(0), _x(0), _y(1))]
    words = [_text(WIDTH / 2, 24, title, size=15), _text(WIDTH / 2, HEIGHT - 10, x_label), _text(EDGE, 42, y_label)]
    words += [_text(_x(place / 4), _y(0) + 18, tick) for place, tick in enumerate(x_ticks)]
    words += [_text(_x(0) - 26, _y(place / 4) + 4, tick) for place, tick in enumerate(y_ticks)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{title}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
            *axes, *shapes, *words, "</svg>\n",
        ]
    )  # fmt: skip


def _bar(place: int, n: int, tenth: Tenth, most: float) -> str:
    left, right = _x((place + 0.1) / n), _x((place + 0.9) / n)
    top = _y(tenth.lift / most)
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{_y(0) - top:.1f}" fill="{OURS}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{INK}"{dash}/>'


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{OURS}"/>'


def _text(x: float, y: float, words: str, size: int = 11) -> str:
    style = f'font-family="sans-serif" font-size="{size}" text-anchor="middle" fill="{INK}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{words}</text>'


def _x(share: float) -> float:
    return EDGE + share * (WIDTH - 2 * EDGE)


def _y(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)
