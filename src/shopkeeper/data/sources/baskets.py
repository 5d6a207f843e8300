# ruff: noqa: E501  # statements and tables are easier to read in long lines
"""Market baskets: a basket a line, its products side by side, no header. When they were bought must be said."""

import csv
from pathlib import Path
from typing import Any

from shopkeeper.core.errors import DataError
from shopkeeper.data.cleaning.values import quoted
from shopkeeper.data.mapping import NO_MAPPING, MapFile
from shopkeeper.data.rows import LINE, Rows
from shopkeeper.data.sources.encodings import detect_encoding, guessed

_PART = "\x1f"


class Baskets:
    """Each line is an order of its own, named after the file and the line; each product one of it."""

    def open(self, con: Any, path: Path, mapping: MapFile = NO_MAPPING, scratch: Path = Path()) -> Rows:
        if not {"at"} & {*mapping.constants}:
            raise DataError("baskets_without_time", file=str(path))
        encoding, sure = (mapping.encoding, True) if mapping.encoding else detect_encoding(path)
        clean = scratch / "baskets.txt"
        delimiter = mapping.delimiter or ","
        with path.open("r", encoding=encoding, errors="replace") as file, clean.open("w", encoding="utf-8") as out:
            for line in file:
                out.write(f"{_PART.join(_members(line, delimiter))}\n")
        con.execute(
            f"CREATE TABLE basket_lines AS SELECT row_number() OVER () AS place, line FROM (SELECT unnest(string_split("
            f"content, chr(10))) AS line FROM read_text({quoted(str(clean))}))"
        )
        con.execute(
            f"CREATE TABLE basket_rows AS SELECT place AS {LINE}, 'basket:' || {quoted(path.stem)} || ':' || place AS \"order\", "
            f"trim(product) AS product, number::VARCHAR AS line FROM (SELECT place, "
            f"unnest(string_split(line, {quoted(_PART)})) AS product, "
            f"unnest(range(1, len(string_split(line, {quoted(_PART)})) + 1)) AS number FROM basket_lines "
            f"WHERE trim(line) <> '')"
        )
        warnings = () if sure else (guessed(path, encoding),)
        return Rows(relation="basket_rows", columns=("order", "product", "line"), numbered=True, warnings=warnings)


def _members(line: str, delimiter: str) -> list[str]:
    """The products of a line; a delimiter in quotes is part of a name."""
    plain = line.rstrip("\r\n").replace("\0", "").replace(_PART, "")
    if '"' in plain:
        return next(csv.reader([plain], delimiter=delimiter, skipinitialspace=True), [])
    return plain.split(delimiter)
