# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Laws of large odd files: what is held is exact however much it is, and needs no more memory for it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.data.held_pile import HeldPile
from shopkeeper.data.importing import Importer
from shopkeeper.data.lake import Lake
from shopkeeper.data.mapping import MapFile
from shopkeeper.data.quarantine import Quarantine
from shopkeeper.data.rows import Held
from shopkeeper.data.sources.delimited import _often_ragged
from shopkeeper.data.sources.header import read_header

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
LINE_MARK = re.compile(r'"__line":"?[0-9]+"?,')
WHEN = MapFile(constants={"at": "2026-03-01T10:00:00+00:00"})


@pytest.fixture
def importer(tmp_path: Path) -> Iterator[Importer]:
    quarantine = Quarantine(tmp_path / "quarantine.db")
    yield Importer(lake=Lake(tmp_path / "lake"), quarantine=quarantine)
    quarantine.close()


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 5))
def test_a_pile_gives_back_what_was_put_on_it(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[int], piece: int
) -> None:
    """In order, as often as it is asked, with its counts and lines, whether or not it was put away."""
    rows = [
        Held(
            reason=f"r{kind}",
            line=place if kind else None,
            column="价",
            facts={"value": "x", "n": kind, "share": 0.5},
            raw="{}",
        )
        for place, kind in enumerate(kinds)
    ]
    pile = HeldPile(tmp_path_factory.mktemp("pile"), piece=piece)
    pile.extend(rows)
    assert list(pile) == list(pile) == rows
    assert len(pile) == len(rows)
    assert list(pile.lines) == [one.line for one in rows if one.line is not None]
    assert pile.by_reason.total() == len(rows)


def ragged(path: Path, rows: int) -> Path:
    """A log of which every third row is too short or too long, and every ninth names an action that nobody knows."""

    def line(n: int) -> str:
        whole = f"2026-03-01 10:{n // 60 % 60:02}:{n % 60:02} UTC,{'fork' if n % 9 == 1 else 'view'},{n % 500},22,a.b,x,{n % 90 + 1}.5,u{n},s{n}"
        return (whole if n % 3 else whole[: whole.index(",22")] if n % 6 else f"{whole},y") + "\n"

    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for begin in range(0, rows, 10_000):
            file.write("".join(map(line, range(begin, min(begin + 10_000, rows)))))
    return path


def test_a_log_with_every_third_row_bad(importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by either way, each bad row is held under its line with its text, and the account is exact."""
    monkeypatch.setattr("shopkeeper.data.sources.delimited._LARGE", 1 << 18)
    small = importer.take(ragged(tmp_path / "small.csv", 3_600))
    large = ragged(tmp_path / "large.csv", 9_000)
    header = read_header(HEADER, WHEN, large)
    assert (_often_ragged(tmp_path / "small.csv", header), _often_ragged(large, header)) == (False, True)
    again = importer.take(large)
    for accounts, rows in ((small, 3_600), (again, 9_000)):
        (events,) = (one for one in accounts if one.kind == "events")
        assert events.read == rows == events.kept + events.duplicate + events.quarantined
        assert events.by_reason == {
            "too_few_cells": rows // 6,
            "too_many_cells": rows // 6,
            "unknown_action": rows // 9,
        }
    kept: dict[str, dict[int | None, tuple[str, str, str]]] = {"small.csv": {}, "large.csv": {}}
    for row in importer.quarantine.list(limit=200_000):
        if row.line and row.line < 3_600:
            kept[Path(row.file).name][row.line] = (row.reason, row.column, LINE_MARK.sub("", row.original or row.raw))
    assert kept["small.csv"] == kept["large.csv"]


def test_duckdb_refuses_few_lines_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps what it refuses: one line in two hundred is few of a small file and many of a larger one."""
    monkeypatch.setattr("shopkeeper.data.sources.delimited._LARGE", 1 << 16)
    monkeypatch.setattr("shopkeeper.data.sources.delimited._REFUSED", 60)
    found = []
    for rows in (8_000, 20_000):
        path = tmp_path / f"{rows}.csv"
        lines = (f"2026-03-01 10:00:00 UTC,view,{n},22,a.b,x,1.5,u{n}" for n in range(rows))
        path.write_text(HEADER + "".join(f"{line},s\n" if n % 200 else f"{line}\n" for n, line in enumerate(lines)))
        found.append(_often_ragged(path, read_header(HEADER, WHEN, path)))
    assert found == [False, True]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_baskets_are_read_in_pieces(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """However the pieces fall, each line is an order and each name one of its products; blank lines count, names in
    quotes keep their delimiters."""
    text = ["牛奶,bread", "", '"tea, green",牛奶', 'an "odd" name', " jam ,, honey", "  "]
    for size in (1, 7, 1 << 22):
        monkeypatch.setattr("shopkeeper.data.sources.baskets._CHUNK", size)
        path = tmp_path / f"b{size}{len(ends)}{ord(ends[-1])}.txt"
        path.write_bytes(ends.join(text).encode())
        (account,) = importer.take(path, "baskets", mapping=WHEN)
        assert (account.read, account.kept, account.by_reason) == (8, 7, {"missing_value": 1})
        with importer.lake.connect() as con:
            rows = con.execute(
                "SELECT order_id, line, product FROM order_lines WHERE source = ? ORDER BY order_id, line",
                [f"file:{path.name}"],
            ).fetchall()
        assert [(order.rpartition(":")[2], line, product) for order, line, product in rows] == [
            ("1", 1, "牛奶"), ("1", 2, "bread"), ("3", 1, "tea, green"), ("3", 2, "牛奶"), ("4", 1, 'an "odd" name'),
            ("5", 1, "jam"), ("5", 3, "honey"),
        ]  # fmt: skip


def bad_log(path: Path, rows: int) -> Path:
    """A REES46 log, forty events a second, of which every third row is bad: too short, too long, of an unknown action,
    of no price, or of somebody who is faster than people are."""

    def line(n: int) -> str:
        second, way = n // 40, n // 3 % 5 if n % 3 == 0 else 5
        action = "fork" if way == 2 else ("view", "view", "cart", "purchase")[n % 4]
        price = "cheap" if way == 3 else f"{n % 900 + 1}.{n % 90 + 10}"
        user = f"9{n // 200_000:08}" if way == 4 else f"5{n * 7919 % 400_000:08}"
        if way == 4:
            action = "view"
        at = f"2019-10-{second // 86400 % 28 + 1:02} {second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02} UTC"
        told = f"{at},{action},{n * 31 % 60_000},2053013552326770905,appliances.kitchen.k{n % 50},b{n % 300},{price},{user}"
        return told + ("\n" if way == 0 else f",72d76fde-8bb3-4e00-8c23-{n:012}" + (",y\n" if way == 1 else "\n"))

    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for begin in range(0, rows, 10_000):
            file.write("".join(map(line, range(begin, min(begin + 10_000, rows)))))
    return path


def peak_kib(folder: Path, file: Path, kind: str, memory: str) -> int:
    """The most memory that a process of its own holds which imports a file and asserts its account."""
    program = (
        "import sys, resource; from pathlib import Path\n"
        "from shopkeeper.data.importing import Importer; from shopkeeper.data.lake import Lake\n"
        "from shopkeeper.data.mapping import MapFile; from shopkeeper.data.quarantine import Quarantine\n"
        "at = MapFile(constants={'at': '2026-03-01T10:00:00+00:00'})\n"
        "place, file, kind, memory = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] or None, sys.argv[4]\n"
        "its = Importer(lake=Lake(place / 'lake'), quarantine=Quarantine(place / 'quarantine.db'), memory=memory)\n"
        "told = its.take(file, kind, mapping=at if kind else MapFile())\n"
        "assert all(one.read == one.kept + one.duplicate + one.quarantined for one in told)\n"
        "assert sum(its.quarantine.counts().values()) == sum(one.quarantined for one in told)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    folder.mkdir()
    asked = [sys.executable, "-c", program, str(folder), str(file), kind, memory]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)  # our own program


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ragged", "baskets"])
def test_what_is_odd_needs_little_memory(tmp_path: Path, kind: str) -> None:
    """120 MB of it, with half a gigabyte for the engine, need less than a gigabyte and a half in all."""
    path = tmp_path / f"{kind}.{'csv' if kind == 'ragged' else 'txt'}"
    if kind == "ragged":
        ragged(path, 1_500_000)
    else:
        with path.open("w") as file:
            for begin in range(0, 3_600_000, 10_000):
                file.write(
                    "".join(
                        ",".join(f"p{(n * 31 + k) % 5000}" for k in range(1 + n % 12)) + "\n"
                        for n in range(begin, begin + 10_000)
                    )
                )
    assert peak_kib(tmp_path / "shop", path, "baskets" if kind == "baskets" else "", "512MB") < 1_500_000


@pytest.mark.slow
def test_memory_does_not_grow_with_a_bad_log(tmp_path: Path) -> None:
    """Three times as many rows, every third one bad, need as much: 30 bytes more of each row at the most (a row that is
    held would be a kilobyte in memory), and half a gigabyte more than the engine may take in all."""
    small, large = 700_000, 2_100_000
    needed = [peak_kib(tmp_path / str(n), bad_log(tmp_path / f"{n}.csv", n), "", "256MB") for n in (small, large)]
    assert needed[1] - needed[0] < (large - small) * 30 / 1024
    assert needed[1] < (256 + 512) * 1024
