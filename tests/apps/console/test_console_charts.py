"""Laws of the charts: round axes that cover the data, nothing that breaks them, no text that becomes markup."""

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.apps.console.charts import Point, Range, bars, both_ways, line, lying_bars, ranges, shares, short, ticks

ANY = st.floats(allow_nan=True, allow_infinity=True)
HOSTILE = "<img src=x onerror=alert(1)>\"'&"
points = st.lists(st.builds(Point, label=st.text(max_size=8), value=ANY), max_size=40)


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)  # noqa: S314  # our own text; that it is well-formed is the law


@given(st.floats(min_value=1e-8, max_value=1e15))
def test_ticks_are_round_and_cover_the_data(high: float) -> None:
    """From 0 in equal steps of 1, 2 or 5 times a power of ten to at least the greatest value, in 2 to 11 marks."""
    marks = ticks(high)
    step = marks[1]
    assert marks[0] == 0
    assert marks[-1] >= high
    assert marks[-2] < high
    assert 2 <= len(marks) <= 11
    assert round(step / 10 ** math.floor(math.log10(step * 1.0000001)), 6) in (1, 2, 5, 10)


@pytest.mark.parametrize("nothing", [0.0, -5.0, math.nan, math.inf, -math.inf, 5e-324])
def test_ticks_of_nothing_are_an_empty_axis(nothing: float) -> None:
    """Where there is nothing to cover the axis goes from 0 to 1."""
    assert ticks(nothing) == [0.0, 1.0]


@given(points)
def test_any_numbers_make_a_chart_without_nan(some: list[Point]) -> None:
    """NaN, infinite and negative values never reach the drawing; no points make no chart."""
    plain = [Point(label="x", value=point.value) for point in some]
    for draw in (line, bars, lying_bars):
        drawn = draw(plain, "caption")
        if not some:
            assert drawn == ""
            continue
        numbers = [
            value for part in parsed(drawn).iter() for name, value in part.attrib.items() if name != "aria-label"
        ]
        assert not [value for value in numbers if "nan" in value or "inf" in value]


@given(st.lists(st.builds(Range, label=st.just("x"), value=ANY, low=ANY, high=ANY), max_size=8), ANY)
def test_any_intervals_make_a_chart_without_nan(some: list[Range], base: float) -> None:
    """Rows without a value are left out; the rest is drawn with finite numbers."""
    drawn = ranges(some, "caption", base)
    usable = [row for row in some if 0 <= row.value <= 1e15]
    assert (drawn == "") == (not usable)
    if usable:
        texts = [value for part in parsed(drawn).iter() for value in part.attrib.values()]
        assert not [value for value in texts if "nan" in value or "inf" in value]


def test_texts_in_charts_are_escaped() -> None:
    """Labels, titles and captions that look like markup come out as the text they are."""
    point, row = (
        Point(label=HOSTILE, value=1.0, title=HOSTILE),
        Range(label=HOSTILE, value=1, low=0, high=2, mark=HOSTILE),
    )
    drawn = [line([point], HOSTILE), bars([point], HOSTILE), lying_bars([point], HOSTILE), ranges([row], HOSTILE),
             shares({HOSTILE: 1.0}, {HOSTILE: 0}, HOSTILE)]  # fmt: skip
    for text in drawn:
        assert "<img" not in text
        assert HOSTILE in ["".join(part.itertext()) for part in parsed(text).iter()] + [
            part.get("aria-label") for part in parsed(text).iter()
        ]


@given(st.dictionaries(st.sampled_from("abcdefgh"), ANY, max_size=8))
def test_shares_fill_the_whole_bar(parts: dict[str, float]) -> None:
    """The pieces of a bar stand end to end and fill it; without anything positive there is no bar."""
    drawn = shares(parts, {}, "caption")
    if not any(1e-9 < value <= 1e15 for value in parts.values()):
        assert drawn == ""
        return
    widths = [float(part.get("width", "0")) for part in parsed(drawn)]
    assert sum(widths) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (950, "950"), (1200, "1.2k"), (3.4e6, "3.4M"), (0.05, "0.05")])
def test_axis_numbers_are_short(value: float, said: str) -> None:
    """Thousands and millions are written with a letter."""
    assert short(value) == said


@given(st.lists(st.floats(min_value=-1e12, max_value=1e12), min_size=2, max_size=30))
def test_what_is_below_zero_is_drawn_below_zero(values: list[float]) -> None:
    """The line goes through every value on one axis with round marks, 0 among them, and the area hangs on 0."""
    drawn = parsed(line([Point(label="x", value=value) for value in values], "caption"))
    marks = both_ways(min(0.0, *values), max(values)) if min(values) < -1e-9 else ticks(max(values))
    assert 0.0 in marks
    assert marks[0] <= min(0.0, *values) + 1e-9
    assert marks[-1] >= max(values) - 1e-9
    scale = 156.0 / (marks[-1] - marks[0])
    path = drawn.find(".//polyline[@class='line']")
    assert path is not None
    heights = [float(pair.split(",")[1]) for pair in path.attrib["points"].split()]
    for value, y in zip(values, heights, strict=True):
        shown_as = value if abs(value) > 1e-9 else 0.0
        assert y == pytest.approx(170.0 - (shown_as - marks[0]) * scale, abs=0.06)


def test_a_day_below_zero_stands_below_a_line() -> None:
    """Where something is negative the line of zero is another one, and amounts below it bear the sign of minus."""
    low, high = Point(label="a", value=-1200.0, title="a"), Point(label="b", value=900.0, title="b")
    drawn = line([low, high], "c", short)
    assert drawn.count('class="grid zero"') == 1
    assert ">−1k<" in drawn
    assert ">-" not in drawn
    assert "zero" not in line([high], "c", short)
