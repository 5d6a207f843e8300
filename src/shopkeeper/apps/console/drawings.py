"""Larger drawings as SVG text: a map of points, flows between columns, a grid of cells, a net of pairs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from markupsafe import Markup

_COLOURS: Final = 8
_WIDE: Final = 720.0


def _svg(body: str, caption: str, width: float, height: float, kind: str) -> Markup:
    text = escape(caption)
    return Markup(  # noqa: S704 - every text in it went through escape()
        f'<svg class="chart {kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{text}">{body}</svg>'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One point of a map."""

    x: float
    y: float
    colour: int
    """-1: of no group."""


def spots(points: Sequence[Spot], caption: str, across: str, up: str) -> Markup:
    """Points by two numbers, without names; the middle 99 % fill the map. ``across`` and ``up`` name the axes."""
    if not points:
        return Markup("")
    width, height, edge = 620.0, 420.0, 26.0
    xs, ys = sorted(point.x for point in points), sorted(point.y for point in points)
    cut = len(points) // 200
    ends = [(values[cut], values[-1 - cut]) for values in (xs, ys)]
    scale = [(size - 2 * edge) / max(high - low, 1e-9) for (low, high), size in zip(ends, (width, height), strict=True)]
    body = [f'<rect class="ground" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="8"/>']
    for point in points:
        x = edge + (min(max(point.x, ends[0][0]), ends[0][1]) - ends[0][0]) * scale[0]
        y = height - edge - (min(max(point.y, ends[1][0]), ends[1][1]) - ends[1][0]) * scale[1]
        number = point.colour % _COLOURS if point.colour >= 0 else 7
        body.append(f'<circle class="spot p{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>')
    body.append(f'<text class="axis" x="{width - 12}" y="{height - 10}" text-anchor="end">{escape(across)} →</text>')
    body.append(f'<text class="axis" x="12" y="20">↑ {escape(up)}</text>')
    return _svg("".join(body), caption, width, height, "map")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ribbon:
    """So many went from one place of a column to one of the next."""

    step: int
    before: str
    after: str
    size: float
    title: str


def ribbons(
    flows: Sequence[Ribbon], order: Sequence[str], columns: Sequence[str], names: Mapping[str, str], caption: str
) -> Markup:
    """Columns of bars, one a day, with bands as wide as what went from bar to bar. ``order``: the bars from the top;
    their place is their colour. Source: Sankey (1898); Schmidt (2008), The Sankey diagram in energy and material flow
    management."""
    if not flows:
        return Markup("")
    height, top, bar, gap, left, right = 330.0, 30.0, 16.0, 14.0, 8.0, 168.0
    out: dict[tuple[int, str], float] = {}
    into: dict[tuple[int, str], float] = {}
    for flow in flows:
        out[flow.step, flow.before] = out.get((flow.step, flow.before), 0) + flow.size
        into[flow.step + 1, flow.after] = into.get((flow.step + 1, flow.after), 0) + flow.size
    size = {key: max(out.get(key, 0), into.get(key, 0)) for key in out.keys() | into.keys()}
    fullest = max(sum(value for (step, _), value in size.items() if step == column) for column in range(len(columns)))
    scale = (height - gap * (len(order) - 1)) / max(fullest, 1e-9)
    xs = [left + place * (_WIDE - left - right - bar) / max(len(columns) - 1, 1) for place in range(len(columns))]
    y_of: dict[tuple[int, str], float] = {}
    for column in range(len(columns)):
        y = top
        for name in order:
            if (column, name) in size:
                y_of[column, name] = y
                y += size[column, name] * scale + gap
    body = []
    used_out = dict.fromkeys(size, 0.0)
    used_in = dict.fromkeys(size, 0.0)
    ranked = sorted(flows, key=lambda flow: (flow.step, order.index(flow.before), order.index(flow.after)))
    for flow in ranked:
        one, other = (flow.step, flow.before), (flow.step + 1, flow.after)
        thick = flow.size * scale
        y0, y1 = y_of[one] + used_out[one] + thick / 2, y_of[other] + used_in[other] + thick / 2
        used_out[one] += thick
        used_in[other] += thick
        x0, x1 = xs[flow.step] + bar, xs[flow.step + 1]
        middle = (x0 + x1) / 2
        number = order.index(flow.before) % _COLOURS
        body.append(
            f'<path class="ribbon r{number}" d="M{x0:.1f},{y0:.1f} C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} '
            f'{x1:.1f},{y1:.1f}" stroke-width="{max(thick, 1):.1f}"><title>{escape(flow.title)}</title></path>'
        )
    for (column, name), y in y_of.items():
        number = order.index(name) % _COLOURS
        tall = max(size[column, name] * scale, 1)
        body.append(
            f'<rect class="p{number}" x="{xs[column]:.1f}" y="{y:.1f}" width="{bar}" height="{tall:.1f}" rx="2"/>'
        )
        if column == len(columns) - 1:
            at = y + tall / 2 + 4
            body.append(f'<text class="name" x="{xs[column] + bar + 8:.1f}" y="{at:.1f}">{escape(names[name])}</text>')
    for place, label in enumerate(columns):
        anchor = "start" if place == 0 else "middle"
        x = xs[place] + (0 if place == 0 else bar / 2)
        body.append(f'<text class="axis" x="{x:.1f}" y="16" text-anchor="{anchor}">{escape(label)}</text>')
    return _svg("".join(body), caption, _WIDE, height + top + 14, "flows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a grid: how strong (0 to 1), what is written in it, and what is said when it is pointed at."""

    strength: float
    text: str
    title: str


def cells(
    rows: Sequence[Sequence[Cell]], row_names: Sequence[str], column_names: Sequence[str], caption: str
) -> Markup:
    """A grid whose cells are the darker the stronger."""
    size, tall, left = 76.0, 46.0, 96.0
    width, height = left + size * len(column_names) + 4, tall * len(rows) + 28
    body = []
    for place, row in enumerate(rows):
        y = place * tall
        body.append(
            f'<text class="axis" x="{left - 10}" y="{y + tall / 2 + 4:.1f}" text-anchor="end">'
            f"{escape(row_names[place])}</text>"
        )
        for column, cell in enumerate(row):
            level = min(9, max(0, math.ceil(cell.strength * 9)))
            x = left + column * size
            body.append(
                f'<g><rect class="cell c{level}" x="{x + 1:.1f}" y="{y + 1:.1f}" width="{size - 2}" '
                f'height="{tall - 2}" rx="3"/>'
                f'<text class="in {"pale" if level > 5 else ""}" x="{x + size / 2:.1f}" y="{y + tall / 2 + 4:.1f}" '
                f'text-anchor="middle">{escape(cell.text)}</text><title>{escape(cell.title)}</title></g>'
            )
    for column, name in enumerate(column_names):
        x = left + (column + 0.5) * size
        body.append(f'<text class="axis" x="{x:.1f}" y="{height - 8}" text-anchor="middle">{escape(name)}</text>')
    return _svg("".join(body), caption, width, height, "cells")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two things that go together."""

    one: str
    other: str
    strength: float
    title: str


def net(links: Sequence[Link], caption: str) -> Markup:
    """Names on a ring, strings between those that go together: the stronger, the thicker. Things that hang together
    stand side by side."""
    if not links:
        return Markup("")
    order = _side_by_side(links)
    width, height, radius = 760.0, 620.0, 190.0
    place = {name: 2 * math.pi * number / len(order) for number, name in enumerate(order)}
    top = max(link.strength for link in links) or 1.0
    degree = {name: sum(name in (link.one, link.other) for link in links) for name in order}

    def spot(name: str, far: float = radius) -> tuple[float, float]:
        return width / 2 + far * math.cos(place[name]), height / 2 + far * math.sin(place[name])

    body = []
    for link in links:
        (x0, y0), (x1, y1) = spot(link.one), spot(link.other)
        bend = 0.35
        mx, my = width / 2 + ((x0 + x1) / 2 - width / 2) * bend, height / 2 + ((y0 + y1) / 2 - height / 2) * bend
        body.append(
            f'<path class="string" d="M{x0:.1f},{y0:.1f} Q{mx:.1f},{my:.1f} {x1:.1f},{y1:.1f}" '
            f'stroke-width="{1 + 5 * link.strength / top:.1f}"><title>{escape(link.title)}</title></path>'
        )
    for name in order:
        x, y = spot(name)
        lx, ly = spot(name, radius + 14)
        right = math.cos(place[name]) >= 0
        turn = math.degrees(place[name]) + (0 if right else 180)
        body.append(f'<circle class="knot" cx="{x:.1f}" cy="{y:.1f}" r="{3 + min(degree[name], 8) / 2:.1f}"/>')
        body.append(
            f'<text class="name" x="{lx:.1f}" y="{ly + 4:.1f}" text-anchor="{"start" if right else "end"}" '
            f'transform="rotate({turn:.1f} {lx:.1f} {ly:.1f})">{escape(_short(name))}</text>'
        )
    return _svg("".join(body), caption, width, height, "net")


def _short(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _side_by_side(links: Sequence[Link]) -> list[str]:
    """Every name once, those of one string after each other, the strongest strings first."""
    beside: dict[str, list[str]] = {}
    for link in sorted(links, key=lambda link: -link.strength):
        beside.setdefault(link.one, []).append(link.other)
        beside.setdefault(link.other, []).append(link.one)
    found: list[str] = []
    seen: set[str] = set()
    for start in sorted(beside, key=lambda name: -len(beside[name])):
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            found.append(name)
            waiting += [each for each in reversed(beside[name]) if each not in seen]
    return found


def both_ways(rows: Sequence[tuple[str, float, str]], caption: str) -> Markup:
    """Names with a bar to the right for more and to the left for less, from a line in the middle."""
    if not rows:
        return Markup("")
    size, middle, left, width = 28.0, 390.0, 210.0, 640.0
    height = size * len(rows) + 10
    top = max(max(abs(value) for _, value, _ in rows), 1e-9)
    half = middle - left
    body = [f'<line class="grid" x1="{middle}" x2="{middle}" y1="2" y2="{height - 6}"/>']
    for place, (name, value, told) in enumerate(rows):
        y = place * size + 6
        long = abs(value) / top * (half - 6)
        x = middle if value >= 0 else middle - long
        side = "more" if value >= 0 else "less"
        body.append(f'<text class="name" x="{left - 12}" y="{y + 14:.1f}" text-anchor="end">{escape(name)}</text>')
        body.append(f'<rect class="way {side}" x="{x:.1f}" y="{y:.1f}" width="{max(long, 1):.1f}" height="18" rx="2"/>')
        body.append(f'<text class="axis" x="{width - 52}" y="{y + 14:.1f}" text-anchor="start">{escape(told)}</text>')
    return _svg("".join(body), caption, width, height, "ways")
