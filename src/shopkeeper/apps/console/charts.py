"""Charts as SVG text: lines, bars, and figures with their intervals. No script, no inline style; colours are classes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

_WIDTH, _HEIGHT = 760.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 12.0, 12.0, 26.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One mark: what it is called on the axis, its value, and what is said when it is pointed at."""

    label: str
    value: float
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A figure with its interval."""

    label: str
    value: float
    low: float
    high: float
    mark: str = ""
    """A class for rows that stand out."""


def ticks(high: float, wanted: int = 4) -> list[float]:
    """Round numbers from 0 to at least ``high``, about ``wanted`` steps of 1, 2 or 5 times a power of ten."""
    if not high > 0 or not math.isfinite(high):
        return [0.0, 1.0]
    rough = high / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    return [step * number for number in range(math.ceil(high / step - 1e-9) + 1)]


def short(value: float) -> str:
    """A number as an axis shows it: 1.2k, 35, 0.05."""
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


def _frame(body: str, caption: str, height: float = _HEIGHT) -> Markup:
    text = escape(caption)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH:g} {height:g}" role="img" aria-label="{text}">'
        f"<title>{text}</title>{body}</svg>"
    )  # noqa: S704 - every text in it went through escape()


def _grid(top: Sequence[float]) -> tuple[str, float]:
    scale = (_HEIGHT - _TOP - _BOTTOM) / top[-1]
    lines = []
    for value in top:
        y = _HEIGHT - _BOTTOM - value * scale
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>')
    return "".join(lines), scale


def _labels(points: Sequence[Point], xs: Sequence[float]) -> str:
    every = max(1, math.ceil(len(points) / 8))
    return "".join(
        f'<text class="axis" x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(point.label)}</text>'
        for place, (point, x) in enumerate(zip(points, xs, strict=True))
        if place % every == 0
    )


def line(points: Sequence[Point], caption: str) -> Markup:
    """A line over time with the area below it."""
    if not points:
        return Markup("")
    grid, scale = _grid(ticks(max(point.value for point in points)))
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(points) - 1, 1)
    xs = [_LEFT + step * place for place in range(len(points))]
    ys = [_HEIGHT - _BOTTOM - max(point.value, 0) * scale for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    floor = _HEIGHT - _BOTTOM
    dots = "".join(
        f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="7"><title>{escape(point.title or point.label)}</title></circle>'
        for x, y, point in zip(xs, ys, points, strict=True)
    )
    area = f'<polygon class="area" points="{xs[0]:.1f},{floor} {path} {xs[-1]:.1f},{floor}"/>'
    return _frame(grid + area + f'<polyline class="line" points="{path}"/>' + dots + _labels(points, xs), caption)


def bars(points: Sequence[Point], caption: str) -> Markup:
    """Upright bars, one a point."""
    if not points:
        return Markup("")
    grid, scale = _grid(ticks(max(point.value for point in points)))
    step = (_WIDTH - _LEFT - _RIGHT) / len(points)
    xs = [_LEFT + step * (place + 0.5) for place in range(len(points))]
    wide = min(step * 0.72, 46.0)
    body = "".join(
        f'<rect class="bar" x="{x - wide / 2:.1f}" width="{wide:.1f}" '
        f'y="{_HEIGHT - _BOTTOM - max(point.value, 0) * scale:.1f}" height="{max(point.value, 0) * scale:.1f}" rx="2">'
        f"<title>{escape(point.title or point.label)}</title></rect>"
        for x, point in zip(xs, points, strict=True)
    )
    return _frame(grid + body + _labels(points, xs), caption)


def lying_bars(points: Sequence[Point], caption: str) -> Markup:
    """Bars from left to right with their names before them and their values after them."""
    if not points:
        return Markup("")
    row, left = 30.0, 210.0
    height = row * len(points) + 8
    scale = (_WIDTH - left - 90) / (max(point.value for point in points) or 1.0)
    body = []
    for place, point in enumerate(points):
        y = row * place + 6
        wide = max(point.value, 0) * scale
        body.append(
            f'<text class="name" x="{left - 10}" y="{y + 15}" text-anchor="end">{escape(point.label[:30])}</text>'
        )
        body.append(f'<rect class="bar" x="{left}" y="{y}" width="{wide:.1f}" height="{row - 10}" rx="2"/>')
        body.append(
            f'<text class="axis" x="{left + wide + 8:.1f}" y="{y + 15}">{escape(point.title or short(point.value))}</text>'
        )
    return _frame("".join(body), caption, height)


def ranges(rows: Sequence[Range], caption: str) -> Markup:
    """Figures as dots with their intervals as bars: two that do not overlap really differ."""
    usable = [row for row in rows if math.isfinite(row.value)]
    if not usable:
        return Markup("")
    size, left = 34.0, 170.0
    height = size * len(usable) + 40
    top = ticks(max(row.high for row in usable), 5)
    scale = (_WIDTH - left - 90) / top[-1]
    body = [
        f'<line class="grid" x1="{left + value * scale:.1f}" x2="{left + value * scale:.1f}" y1="4" y2="{height - 26}"/>'
        f'<text class="axis" x="{left + value * scale:.1f}" y="{height - 8}" text-anchor="middle">{short(value)}</text>'
        for value in top
    ]
    for place, row in enumerate(usable):
        y = size * place + 22
        low, high, at = (left + value * scale for value in (max(row.low, 0), row.high, row.value))
        body.append(f'<text class="name" x="{left - 12}" y="{y + 5}" text-anchor="end">{escape(row.label)}</text>')
        body.append(f'<line class="whisker {row.mark}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
        body.append(f'<circle class="mean {row.mark}" cx="{at:.1f}" cy="{y}" r="5"/>')
        body.append(f'<text class="axis" x="{high + 10:.1f}" y="{y + 4}">{row.value:.4f}</text>')
    return _frame("".join(body), caption, height)
