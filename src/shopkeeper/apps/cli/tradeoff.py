"""What a goal costs in accuracy: the table, and the curve as an SVG file that needs nothing beside it."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Final

from shopkeeper.apps.cli import say
from shopkeeper.shop.tradeoffs import COLUMNS, Step, curve

_WIDTH: Final = 560
_HEIGHT: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 30, 60
_FONT: Final = 'font-family="system-ui, sans-serif" font-size="13" fill="#4a433a"'
_WON: Final = {"diversity": "diversity", "novelty_weight": "novelty", "margin_weight": "margin", "new_share": "new"}
"""Which column of a step each setting is meant to raise."""


def show_tradeoff(setting: str, steps: Sequence[Step], plot: Path | None, *, as_json: bool) -> None:
    """One row a value of the setting."""
    if plot is not None:
        plot.write_text(tradeoff_plot(setting, steps), "utf-8")
    if as_json:
        say.as_json([{name: _null(value) for name, value in asdict(step).items()} for step in steps])
        return
    rows = [
        [
            f"{step.value:g}", f"{step.ndcg.value:.4f}",
            f"{step.cost.value:+.4f} ({step.cost.low:+.4f} … {step.cost.high:+.4f})",
            *(_figure(getattr(step, name)) for name in COLUMNS),
        ]
        for step in steps
    ]  # fmt: skip
    names = [setting, "NDCG@10", say.text("tradeoff_cost"), *(say.text(f"tradeoff_{name}") for name in COLUMNS)]
    say.table(say.text("tradeoff_title", setting=setting), names, rows, numbers=0)
    if all(math.isnan(step.margin) for step in steps):
        say.line("tradeoff_no_costs")
    if plot is not None:
        say.line("tradeoff_plot", file=str(plot))


def tradeoff_plot(setting: str, steps: Sequence[Step]) -> str:
    """How right the lists stay (y) against what the setting is to raise (x); each point names its value."""
    points = [(x, y) for x, y in curve(steps, _WON[setting]) if math.isfinite(x) and math.isfinite(y)]
    (left, right), (low, high) = _span([x for x, _ in points]), _span([y for _, y in points])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)
        return _LEFT + across, _HEIGHT - _BOTTOM - (y - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    body = [f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fffdf9"/>']
    for part in range(5):
        x, y = left + (right - left) * part / 4, low + (high - low) * part / 4
        (px, _), (_, py) = at(x, low), at(left, y)
        body.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{py:.1f}" y2="{py:.1f}" stroke="#e4dacb"/>')
        body.append(f'<text x="{_LEFT - 8}" y="{py + 4:.1f}" text-anchor="end" {_FONT}>{y:.3f}</text>')
        body.append(f'<text x="{px:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle" {_FONT}>{x:.3g}</text>')
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (at(x, y) for x, y in points))
    body.append(f'<polyline points="{path}" fill="none" stroke="#b3392f" stroke-width="2"/>')
    for step, (x, y) in zip(steps, points, strict=False):
        px, py = at(x, y)
        body.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="#b3392f"/>')
        body.append(f'<text x="{px + 7:.1f}" y="{py - 7:.1f}" {_FONT}>{step.value:g}</text>')
    won, kept = say.text(f"tradeoff_{_WON[setting]}"), "NDCG@10"
    body.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle" {_FONT}>{escape(won)}</text>')
    body.append(f'<text x="{_LEFT}" y="18" {_FONT}>{kept}</text>')
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{"".join(body)}</svg>\n'


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Where an axis begins and ends, with a little room; never nothing."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.08 or 0.01
    return low - room, high + room


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _null(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
