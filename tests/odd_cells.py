# ruff: noqa: E501  # tables are easier to read in long lines
"""What shops' files are known to contain, and rows of every kind with some of it in them."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from shopkeeper.core.action import Action
from shopkeeper.core.ids import PLACEHOLDERS
from shopkeeper.data.cleaning.columns import COLUMNS, Kind
from shopkeeper.data.cleaning.rows import TOTALS
from shopkeeper.data.cleaning.values import BLANKS
from shopkeeper.data.rows import LINE

ODD: Final = [
    "1", "-1", "0", "-0.0", "1.5", "1e5", "6.22E+17", "1,299.00", "12,50", "12,500", "1.005", "1.500", "NaN", "inf", "１２",
    "2026-11-01", "2026-11-01T10:00:00Z", "2026-11-01 10:00", "2026-11-01T10:00:00.123+08:00", "2026-11-01 24:00:00",
    "2026-11-01 10:00:60", "2027-02-29", "0001-01-01", "1970-01-01T00:00:00Z", "9999-12-31", "2026/1/5", "2026/11/1 15:05",
    "03/04/2026", "1760000000", "1760000000000", "1760000000000000", "12345678901", "2026-11-25", "1999-12-31",
    "0000-01-01", "guest", "Guest", "NULL", "gueſt", "游客", "true", "YES", "否", "USD", "usd", "XXX", "product_view", "fly",
    "x" * 257, "a\x07b", "[object Object]", "99999999999999", "1000001", "100001", "86401", "10.5", "2026-11-01T10:00:00 Z",
    "2026-11-01 10:00:00Z", "2026-11-01 10:00:00", "2026-11-1  10:00:00Z", "2026-11-01  9:00:00Z", "2026-11-01 24:00:00Z", "2026-11-01 10:00:0 Z",
    "0044-03-15 10:00:00Z", "0000-11-01 10:00:00Z", "12026-11-01 10:00:0", "2026-11-01 10:00:0.Z", "infinity", "epoch", "2026/11/01 10:00:00Z",
    "16.90", "16.9", "0.00", "-0.00", ".50", "01.50", "+1.50", "1_000.00", "9999999999999.99", "10000000000000.00", "99999999999999.99",
    "2026-11-01T10:00:00+0800", "2026-11-01T10:00:00+08", "2026-11-01T10:00:00 +08:00", "2026-11-01T10:00:00UTC",
]  # fmt: skip
ODDER: Final = [
    "a\nb", "a\r\nb", " x ", "\u3000x\u200b", "e\u0301te\u0301", "\u00e9t\u00e9", "カ\u3099", "a\"b\\c", "/a/", "\x7f", "\x1f1", "İ", "NİL", "ΟΣ", "Σ", "😀",
    "", " ", "\u2028", "x\u2028", "\n", "abc\n", "Total :", "合计：", "GRAND TOTAL", "12\u00a0000,50", "€ 5", "￥12.00", "1.234,56", "1,23,456.00",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1" * 15, "1" * 16, "2147483648", "1d", "1f", "0x1F", " 7 ", "7.", "1.5e3",
    "1" * 15 + "." + "9" * 9, "0.1", "+5", "--5", "5-", "1760000000.5", "2026-03-08 02:30:00", "2026-11-01 01:30:00", "2026-11-01 01:30",
    "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00.999999", "2025-11-02 01:59:59", "2025-03-09 02:00:00", "2024/11/03 01:30", "2024/3/10 2:30",
    "2026-04-05 01:45:00", "2025-10-05 02:15:00", "2024-02-30 10:00", "2026-11-01 10:00:00+14:59", "2026-11-01 10:00:00-1459", "2026-11-01 10:00:00-14",
    "2026-11-01 10:00 +05", "2000-01-01", "1999-12-31T23:59:59.999999Z", "2026-11-25T00:00:00Z", "2026-11-25T00:00:00.000001Z", "2026-11-25 08:00:00",
    "1900-01-01 00:00:00", "1883-11-18 12:00:00", "176000000", "999999999", "000000001", "099999999", "100000000", "1760000000123", "176000000012",
    "1760000000123456", "176000000012345", "0000000000001", "2026-11-01T10", "2026-11-01T10:00", "20261101", "2026-13-01", "2026-1-5", "2026/01/05 1:00",
    "2026/01/05 01:00:00.5", "2026-11-01 10:00:00.1234567", "2026-11-01T10:00:00z", "2026-11-01T10:00Z", "2026-11-01T10:00+05:30",
]  # fmt: skip
"""What one engine reads and another does not."""
LOCAL: Final = [
    "05/11/2026", "11/05/2026", "5.11.26", "31.12.2025 23:59", "05/11/2026 1:30 PM", "05/11/2026 01:30:00 am", "05/11/2026 3:05 下午", "2026年11月5日",
    "2026年2月30日", "05-11-2026 10:00:00", "32/01/2026", "5/1/2026", "05/11/2026 25:00", "05/11/2026x", " 05/11/2026", "01/11/2026 1:30", "2026-11-05",
]  # fmt: skip
"""Times as people write them, each by a format that must be said."""


def _times(dice: random.Random) -> str:
    return dice.choice([
        f"2026-10-{dice.randint(1, 31):02} {dice.randint(0, 23):02}:{dice.randint(0, 59):02}:00",
        f"2026-10-0{dice.randint(1, 9)}T10:00:00Z", f"2026-11-01 0{dice.randint(0, 3)}:{dice.randint(0, 59):02}:00",
    ])  # fmt: skip


GOOD: Final[Mapping[str, Callable[[random.Random], str | None]]] = {
    "id": lambda dice: f"P{dice.randrange(40)}", "person": lambda dice: f"c{dice.randrange(20)}",
    "text": lambda dice: dice.choice(["Tea", "茶 x", "a b"]), "action": lambda dice: dice.choice(list(Action)).word,
    "currency": lambda dice: dice.choice(["USD", "USD", "JPY", "KWD", "CNY", "SEK"]), "time": _times,
    "number": lambda dice: f"{dice.randint(0, 99)}.{dice.randint(0, 99)}", "integer": lambda dice: str(dice.randint(0, 99)),
    "quantity": lambda dice: dice.choice(["1", "2", "0.35", "3.00"]), "level": lambda dice: str(dice.randint(0, 9)),
    "rating": lambda dice: dice.choice(["4.5", "3"]), "seconds": lambda dice: f"{dice.randint(1, 99)}.5",
    "position": lambda dice: str(dice.randint(0, 5)), "amount": lambda dice: dice.choice(["16.90", "5", "1,299.00", "7.5"]),
    "flag": lambda dice: dice.choice(["yes", "0", "是"]), "agreed": lambda dice: dice.choice(["yes", "1", "是", "yes", "no"]),
}  # fmt: skip
"""A usual cell of each form."""


def odd_rows(kind: Kind, count: int, seed: int, without: tuple[str, ...] = ()) -> pa.Table:
    """Rows of texts of one kind, numbered: a third as they should be, others with up to four odd cells, some twice, some
    with the ids of another; of events also a robot's, and a browser that a hundred and one customers signed in with."""
    dice = random.Random(seed)  # noqa: S311 - cells to compare, not a secret
    columns = [column for column in COLUMNS[kind] if column.name not in without]
    odd = [*ODD, *ODDER, *LOCAL, *sorted(PLACEHOLDERS), *TOTALS, *(f"{blank}x" for blank in BLANKS), None]
    rows = list[dict[str, Any]]()
    for _ in range(count):
        row = {
            column.name: GOOD[column.form](dice) if column.required or dice.random() < 0.6 else None
            for column in columns
        }
        for _ in range(dice.choice([0, 0, 1, 1, 2, 4])):
            row[dice.choice(columns).name] = dice.choice(odd)
        rows.append(row)
    rows += [dict(row) for row in dice.sample(rows, count // 10)]
    rows += [row | {columns[-1].name: "another"} for row in dice.sample(rows, count // 10)]
    rows += _crowds() if kind == "events" else []
    cells = {column.name: pa.array([row.get(column.name) for row in rows], pa.string()) for column in columns}
    return pa.table({LINE: pa.array(range(len(rows)), pa.int64()), **cells})


def _crowds() -> list[dict[str, Any]]:
    start = datetime(2026, 10, 5, 12)
    view = {"action": "product_view", "product": "P1"}
    robot = [
        view | {"id": f"r{n}", "at": f"{start + timedelta(seconds=n / 4):%Y-%m-%d %H:%M:%S.%f}Z", "visitor": "robot"}
        for n in range(150)
    ]
    till = [
        view | {"id": f"t{n}", "at": f"{start + timedelta(hours=n)}Z", "visitor": "till", "customer": f"k{n}"}
        for n in range(101)
    ]
    return robot + till
