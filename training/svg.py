"""Plots as SVG: a frame with ticks, and shapes in it by shares of its width and height, from its lower left corner."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, EDGE = 480, 360, 56  # pixels
INK, PAPER, OURS = "#1f2933", "#ffffff", "#0b7285"
COLOURS = (OURS, "#d9480f", "#5f3dc4", "#2b8a3e", "#c2255c", "#e67700", "#495057", "#1864ab", "#862e9c")


def plot(
    title: str, x_label: str, y_label: str, shapes: Sequence[str], x_ticks: Sequence[str], y_ticks: Sequence[str]
) -> str:
    """The whole picture; ticks stand at even distances, from the beginning of an axis to its end."""
    axes = [line(0, 0, 1, 0), line(0, 0, 0, 1)]
    words = [_text(WIDTH / 2, 24, title, size=15), _text(WIDTH / 2, HEIGHT - 10, x_label), _text(EDGE, 42, y_label)]
    words += [_text(_x(place / (len(x_ticks) - 1)), _y(0) + 18, tick) for place, tick in enumerate(x_ticks)]
    words += [_text(_x(0) - 26, _y(place / (len(y_ticks) - 1)) + 4, tick) for place, tick in enumerate(y_ticks)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>',
            *axes, *shapes, *words, "</svg>\n",
        ]
    )  # fmt: skip


def bar(left: float, right: float, top: float) -> str:
    """A bar that stands on the axis."""
    width, height = _x(right) - _x(left), _y(0) - _y(top)
    return f'<rect x="{_x(left):.1f}" y="{_y(top):.1f}" width="{width:.1f}" height="{height:.1f}" fill="{OURS}"/>'


def line(x1: float, y1: float, x2: float, y2: float, *, dashed: bool = False) -> str:
    """A straight line."""
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    ends = f'x1="{_x(x1):.1f}" y1="{_y(y1):.1f}" x2="{_x(x2):.1f}" y2="{_y(y2):.1f}"'
    return f'<line {ends} stroke="{INK}"{dash}/>'


def dot(x: float, y: float) -> str:
    """A point."""
    return f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="4" fill="{OURS}"/>'


def curve(points: Sequence[tuple[float, float]], colour: str) -> str:
    """A line through points."""
    through = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _text(x: float, y: float, words: str, size: int = 11) -> str:
    style = f'font-family="sans-serif" font-size="{size}" text-anchor="middle" fill="{INK}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def _x(share: float) -> float:
    return EDGE + share * (WIDTH - 2 * EDGE)


def _y(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)
