"""Charts as SVG text: lines, bars, and figures with their intervals. No script, no style; colours are classes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from markupsafe import Markup

_WIDTH: Final = 480.0
_WIDE: Final = 560.0
_HEIGHT: Final = 200.0
_LEFT: Final = 48.0
_RIGHT: Final = 16.0
_TOP: Final = 14.0
_BOTTOM: Final = 30.0
_FLOOR: Final = _HEIGHT - _BOTTOM
_LEAST: Final = 1e-9
_MOST: Final = 1e15
_COLOURS: Final = 8


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
    """Round numbers from 0 to at least ``high``, about ``wanted`` steps of 1, 2 or 5 times a power of ten.

    0 and 1 where there is nothing to cover: NaN, infinite, negative or too small to be seen.
    """
    if not _LEAST < high <= _MOST:
        return [0.0, 1.0]
    rough = high / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10, 20) if size * power >= rough * 0.999)
    count = math.ceil(high / step)
    count += step * count < high
    return [step * number for number in range(count + 1)]


def both_ways(low: float, high: float) -> list[float]:
    """Round numbers from at most ``low`` to at least ``high``, 0 among them; as ``ticks`` where nothing is below 0."""
    step = ticks(max(high, -low))[1]
    return [step * number for number in range(-math.ceil(-low / step), max(1, math.ceil(high / step)) + 1)]


def short(value: float) -> str:
    """A number as an axis shows it: 1.2k, 35, 0.05."""
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{sign}"
    return f"{value:.3g}"


Say = Callable[[float], str]


def shown(value: float) -> float:
    """What of a value can be drawn: at least 0, finite, and large enough to be seen."""
    return value if _LEAST < value <= _MOST else 0.0


def _drawn(value: float) -> float:
    """The same of a value that may be below 0."""
    return -shown(-value) if value < 0 else shown(value)


def _frame(body: str, caption: str, *, width: float = _WIDTH, height: float = _HEIGHT, kind: str = "") -> Markup:
    text = escape(caption)
    return Markup(  # noqa: S704 - every text in it went through escape()
        f'<svg class="chart {kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{text}">{body}</svg>'
    )


def _grid(top: Sequence[float], say: Say) -> tuple[str, float]:
    scale = (_FLOOR - _TOP) / (top[-1] - top[0])
    lines = []
    for value in top:
        y = _FLOOR - (value - top[0]) * scale
        kind = "grid zero" if value == 0 > top[0] else "grid"
        lines.append(f'<line class="{kind}" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        said = escape(say(value).replace("-", "−"))
        lines.append(f'<text class="axis" x="{_LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{said}</text>')
    return "".join(lines), scale


def _labels(points: Sequence[Point], xs: Sequence[float]) -> str:
    every = max(1, math.ceil(len(points) / 6))
    return "".join(
        f'<text class="axis" x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(point.label)}</text>'
        for place, (point, x) in enumerate(zip(points, xs, strict=True))
        if place % every == every // 2
    )


def _title(point: Point) -> str:
    return f"<title>{escape(point.title or point.label)}</title>"


def line(points: Sequence[Point], caption: str, say: Say = short) -> Markup:
    """A line over time with the area between it and 0."""
    if not points:
        return Markup("")
    values = [_drawn(point.value) for point in points]
    low = min([0.0, *values])
    marks = both_ways(low, max(values)) if low < 0 else ticks(max(values))
    grid, scale = _grid(marks, say)
    zero = _FLOOR + marks[0] * scale
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(points) - 1, 1)
    xs = [_LEFT + step * place for place in range(len(points))]
    ys = [zero - value * scale for value in values]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    dots = "".join(
        f'<g class="point"><rect x="{x - step / 2:.1f}" y="{_TOP}" width="{step:.1f}" height="{_FLOOR - _TOP}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>{_title(point)}</g>'
        for x, y, point in zip(xs, ys, points, strict=True)
    )
    area = f'<polygon class="area" points="{xs[0]:.1f},{zero:.1f} {path} {xs[-1]:.1f},{zero:.1f}"/>'
    return _frame(grid + area + f'<polyline class="line" points="{path}"/>' + dots + _labels(points, xs), caption)


def bars(points: Sequence[Point], caption: str, say: Say = short) -> Markup:
    """Upright bars, one a point."""
    if not points:
        return Markup("")
    grid, scale = _grid(ticks(max(shown(point.value) for point in points)), say)
    step = (_WIDTH - _LEFT - _RIGHT) / len(points)
    xs = [_LEFT + step * (place + 0.5) for place in range(len(points))]
    wide = min(step * 0.72, 46.0)
    body = "".join(
        f'<rect class="bar" x="{x - wide / 2:.1f}" width="{wide:.1f}" y="{_FLOOR - shown(point.value) * scale:.1f}" '
        f'height="{shown(point.value) * scale:.1f}" rx="2">{_title(point)}</rect>'
        for x, point in zip(xs, points, strict=True)
    )
    return _frame(grid + body + _labels(points, xs), caption)


def lying_bars(points: Sequence[Point], caption: str, say: Say = short) -> Markup:
    """A list of names, each with a bar from left to right and its value."""
    if not points:
        return Markup("")
    scale = 100 / (max(shown(point.value) for point in points) or 1.0)
    rows = "".join(
        f'<li><span class="name">{escape(point.label)}</span>'
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="bar" width="{shown(point.value) * scale:.2f}" height="10"/></svg>'
        f'<span class="value">{escape(point.title or say(point.value))}</span></li>'
        for point in points
    )
    return Markup(f'<ul class="lying" aria-label="{escape(caption)}">{rows}</ul>')  # noqa: S704 - texts are escaped


def shares(parts: Mapping[str, float], colour: Mapping[str, int], caption: str) -> Markup:
    """What each part adds to a whole, as one bar of pieces. ``colour`` numbers the parts for a whole page."""
    total = sum(shown(value) for value in parts.values())
    if not total > 0:
        return Markup("")
    body, left = [], 0.0
    for name, value in parts.items():
        wide = shown(value) / total * 100
        number = colour.get(name, 0) % _COLOURS
        body.append(
            f'<rect class="part p{number}" x="{left:.2f}" width="{wide:.2f}" height="8">'
            f"<title>{escape(name)}: {wide:.0f}%</title></rect>"
        )
        left += wide
    return Markup(  # noqa: S704 - every text in it went through escape()
        f'<svg class="shares" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{escape(caption)}">'
        f"{''.join(body)}</svg>"
    )


def ranges(rows: Sequence[Range], caption: str, base: float | None = None) -> Markup:
    """Figures as dots with their intervals as bars: two that do not overlap really differ. ``base`` is what they are
    compared with: a line from top to bottom."""
    usable = [row for row in rows if 0 <= row.value <= _MOST]
    if not usable:
        return Markup("")
    size, left, right = 34.0, 164.0, 76.0
    height = size * len(usable) + 36
    top = ticks(max(max(shown(row.high), row.value) for row in usable), 4)
    scale = (_WIDE - left - right) / top[-1]
    foot = height - 26
    body = [
        f'<line class="grid" x1="{left + value * scale:.1f}" x2="{left + value * scale:.1f}" y1="4" y2="{foot}"/>'
        f'<text class="axis" x="{left + value * scale:.1f}" y="{height - 8}" text-anchor="middle">{short(value)}</text>'
        for value in top
    ]
    if base is not None and 0 <= base <= top[-1]:
        x = left + base * scale
        body.append(f'<line class="base" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{foot}"/>')
    for place, row in enumerate(usable):
        y = size * place + 22
        low, high, at = (left + shown(value) * scale for value in (row.low, max(row.high, row.value), row.value))
        mark = escape(row.mark)
        body.append(
            f'<text class="name {mark}" x="{left - 14}" y="{y + 5}" text-anchor="end">{escape(row.label)}</text>'
        )
        body.append(f'<line class="whisker {mark}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
        body.append(f'<circle class="mean {mark}" cx="{at:.1f}" cy="{y}" r="5"/>')
        body.append(f'<text class="axis" x="{high + 12:.1f}" y="{y + 4}">{row.value:.4f}</text>')
    return _frame("".join(body), caption, width=_WIDE, height=height, kind="ranges")
