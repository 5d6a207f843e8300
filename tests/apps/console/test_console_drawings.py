"""Drawings are escaped, hold every mark once, and nothing where there is nothing."""

from xml.etree import ElementTree

from shopkeeper.apps.console.drawings import Cell, Link, Ribbon, Spot, both_ways, cells, net, ribbons, spots

EVIL = '<img src=x onerror="1">'


def marks(drawing: str, tag: str) -> int:
    tree = ElementTree.fromstring(str(drawing))  # noqa: S314 - our own drawing
    return len(tree.findall(f".//{tag}"))


def test_each_drawing_has_its_marks_and_no_foreign_tags() -> None:
    """Names that look like markup stay text; one mark for each point, band, cell, string and bar."""
    points = [Spot(x=n, y=n % 7, colour=n % 3) for n in range(30)]
    assert marks(spots(points, EVIL, EVIL, EVIL), "circle") == 30
    flows = [Ribbon(step=0, before="A", after=after, size=40, title=EVIL) for after in ("A", "B")]
    assert marks(ribbons(flows, ["A", "B"], [EVIL, "2"], {"A": EVIL, "B": "b"}, EVIL), "path") == 2
    grid = [[Cell(strength=0.5, text=EVIL, title=EVIL)] * 2] * 3
    assert marks(cells(grid, ["a", "b", EVIL], ["x", "y"], EVIL), "rect") == 6
    links = [Link(one=EVIL, other=str(n), strength=n, title=EVIL) for n in range(4)]
    assert marks(net(links, EVIL), "path") == 4
    assert marks(both_ways([(EVIL, 1.0, EVIL), ("b", -2.0, "c")], EVIL), "rect") == 2


def test_nothing_is_drawn_of_nothing() -> None:
    """Empty lists give an empty text, equal points one place, and no division by zero."""
    assert [spots([], "", "", ""), ribbons([], [], [], {}, ""), net([], ""), both_ways([], "")] == [""] * 4
    assert marks(spots([Spot(x=1, y=1, colour=-1)] * 3, "same", "x", "y"), "circle") == 3
    assert marks(both_ways([("zero", 0.0, "0")], "none"), "rect") == 1
