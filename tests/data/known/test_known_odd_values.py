# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""No value of a cell makes a known format fail: what cannot be read is held, and the account adds up."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from taking import by_kind, importing, write

from shopkeeper.core.errors import DataError
from shopkeeper.data.account import Account
from shopkeeper.data.sources.known import ALL
from shopkeeper.data.sources.known.format import Known

TEXTS = ["", "x", "-1", "0", "1e309", "nan", "1,299.00", "99999999999999999999", "'", '"', "a|b;c", "{", '{"a":1}', "[1,2]",
         "é红🙂", "null", "2026-11-01", "1793527200", "%s", "\\", "a\nb", " ", "-", "C1", "9" * 400]  # fmt: skip
NESTED: list[Any] = [None, True, 5, -1.5, [], {}, [[]], [{}], [{"a": None}], {"b": [1]}, [{"item_id": {}, "price": [], "quantity": "x"}],
                     [{"key": 5, "value": {"string_value": []}}], [{"key": "a"}, {"key": "a"}], [{"name": "t", "value": [1]}]]  # fmt: skip
WORDS = [
    "purchase",
    "track",
    "order",
    "view",
    "transaction",
    "ranking",
    "item",
    "interaction",
    "Order Completed",
    "identify",
]


def file_of(known: Known, folder: Path, seed: int) -> Path:
    """A file that is recognised, full of odd values."""
    dice = random.Random(seed)  # noqa: S311  # it makes test data
    names = list(dict.fromkeys([*known.needs, *known.uses, *(group[0] for group in known.any_of), *known.places]))
    records = [
        {name: dice.choice([*TEXTS, *WORDS, *NESTED]) for name in names if dice.random() < 0.9} for _ in range(60)
    ]
    records[0] = {name: records[0].get(name, "x") for name in names}
    if known.nested:
        return write(folder, "odd.jsonl", "".join(json.dumps(one) + "\n" for one in records))
    cells = [[str(one.get(name) or "").replace('"', '""') for name in names] for one in records]
    return write(folder, "odd.csv", "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in [names, *cells]))


@pytest.mark.parametrize("known", ALL, ids=lambda known: f"{known.name} {len(known.places)}")
def test_odd_values(tmp_path: Path, known: Known) -> None:
    """Every part adds up; a file may be refused as a whole only for what it does not prove."""
    with importing(tmp_path) as importer:
        for seed in range(3):
            path = file_of(known, tmp_path, seed)
            refused, accounts = "", list[Account]()
            try:
                accounts = importer.take(path)
            except DataError as error:
                refused = error.key
            assert refused in ("", "decimal_unclear", "date_format_unclear", "currency_unclear")
            assert refused or {one.format for one in by_kind(accounts).values()} == {known.name}
