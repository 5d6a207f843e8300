"""The calibration plot of several learners as one SVG file that needs nothing beside it."""

from collections.abc import Mapping, Sequence
from html import escape

from shopkeeper.measure.probability import Bin

_SIDE = 400
_LEFT, _TOP = 60, 24
_COLOURS = ("#4f6d7a", "#c48a2c", "#5d7f4e", "#7d5a86", "#3f8a8c", "#b3392f")
_FONT = 'font-family="system-ui, sans-serif" font-size="13" fill="#4a433a"'


def calibration_plot(bins: Mapping[str, Sequence[Bin]], said: str, came: str) -> str:
    """What was said (x) against what came (y), ten groups a learner; the diagonal is perfect. ``said`` and ``came``
    name the axes."""
    body = [f'<rect width="{_LEFT + _SIDE + 220}" height="{_TOP + _SIDE + 64}" fill="#fffdf9"/>']
    for tick in range(0, 11, 2):
        x, y = _at(tick / 10, 0)[0], _at(0, tick / 10)[1]
        body.append(f'<line x1="{_LEFT}" x2="{_LEFT + _SIDE}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4dacb"/>')
        body.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" {_FONT}>{tick * 10}%</text>')
        body.append(f'<text x="{x:.1f}" y="{_TOP + _SIDE + 20}" text-anchor="middle" {_FONT}>{tick * 10}%</text>')
    (left, low), (right, high) = _at(0, 0), _at(1, 1)
    body.append(f'<line x1="{left}" y1="{low}" x2="{right}" y2="{high}" stroke="#8a8f98" stroke-dasharray="4 4"/>')
    for number, (name, groups) in enumerate(bins.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = [_at(group.said, group.came) for group in groups]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"><title>{group.rows:,}</title></circle>'
            for (x, y), group in zip(points, groups, strict=True)
        ]
        y = _TOP + 16 + 24 * number
        body.append(f'<circle cx="{_LEFT + _SIDE + 24}" cy="{y - 4}" r="5" fill="{colour}"/>')
        body.append(f'<text x="{_LEFT + _SIDE + 36}" y="{y}" {_FONT}>{escape(name)}</text>')
    middle = _LEFT + _SIDE / 2
    body.append(f'<text x="{middle}" y="{_TOP + _SIDE + 46}" text-anchor="middle" {_FONT}>{escape(said)}</text>')
    upright = f'transform="translate(16 {_TOP + _SIDE / 2}) rotate(-90)"'
    body.append(f'<text {upright} text-anchor="middle" {_FONT}>{escape(came)}</text>')
    size = f'viewBox="0 0 {_LEFT + _SIDE + 220} {_TOP + _SIDE + 64}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{"".join(body)}</svg>\n'


def _at(said: float, came: float) -> tuple[float, float]:
    return _LEFT + _SIDE * said, _TOP + _SIDE * (1 - came)
