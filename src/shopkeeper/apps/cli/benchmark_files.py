"""The files of ``shopkeeper benchmark``: reading what people have, writing what they asked for."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from shopkeeper.core.errors import DataError

T = TypeVar("T")
Histories = dict[str, list[str]]
Baskets = dict[str, list[list[str]]]


def read_sequences(path: Path) -> Histories:
    """``user item item …`` a line, oldest first: user -> items, in the order of the file.

    Raises:
        DataError: unreadable, empty, a blank line, a user without an item, or a user named twice; says which line.
    """
    found: Histories = {}
    first: dict[str, int] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        user, *items = line.split() or [""]
        if not user:
            raise DataError("benchmark_blank_line", file=str(path), line=number)
        if not items:
            raise DataError("benchmark_no_item", file=str(path), line=number, user=user)
        if user in found:
            raise DataError("benchmark_duplicate_user", file=str(path), line=number, user=user, first=first[user])
        found[user], first[user] = items, number
    return _not_empty(found, path)


def read_baskets_by_user(path: Path) -> Baskets:
    """``{"user": [[item, …], …]}``, oldest basket first; numbers are read as their text, empty baskets are dropped.

    Raises:
        DataError: unreadable, no JSON, another shape, a user named twice or without an item.
    """
    try:
        raw = json.loads(_text(path), object_pairs_hook=lambda pairs: _distinct(pairs, path))
    except json.JSONDecodeError as error:
        raise DataError("benchmark_bad_json", file=str(path), line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise DataError("benchmark_bad_json", file=str(path), line=1, column=1) from None
    if not isinstance(raw, dict):
        raise DataError("benchmark_not_by_user", file=str(path))
    return _not_empty({user: _baskets_of(user, baskets, path) for user, baskets in raw.items()}, path)


def _distinct(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for user, value in pairs:
        if user in found:
            raise DataError("benchmark_twice", file=str(path), user=user)
        found[user] = value
    return found


def _baskets_of(user: str, baskets: Any, path: Path) -> list[list[str]]:
    right = isinstance(baskets, list) and all(isinstance(basket, list) for basket in baskets)
    if not right or not all(_is_name(item) for basket in baskets for item in basket):
        raise DataError("benchmark_wrong_baskets", file=str(path), user=user)
    kept = [[str(item) for item in basket] for basket in baskets if basket]
    if not kept:
        raise DataError("benchmark_no_basket", file=str(path), user=user)
    return kept


def _is_name(item: Any) -> bool:
    return isinstance(item, (str, int)) and not isinstance(item, bool) and str(item).strip() != ""


def read_basket_lines(path: Path) -> tuple[list[list[str]], int]:
    """A basket a line, comma separated, quotes as in CSV: baskets, and how many empty lines were left out.

    White space around a name does not belong to it; empty cells are nothing; an item twice in a basket counts once.

    Raises:
        DataError: unreadable, no basket at all, or a line that is no CSV.
    """
    reader = csv.reader(_text(path).splitlines(keepends=True), skipinitialspace=True, strict=True)
    try:
        rows = [list(dict.fromkeys(cell.strip() for cell in row if cell.strip())) for row in reader]
    except csv.Error as error:
        raise DataError("benchmark_bad_csv", file=str(path), line=reader.line_num, why=str(error)) from None
    baskets = [row for row in rows if row]
    if not baskets:
        raise DataError("benchmark_empty", file=str(path))
    return baskets, len(rows) - len(baskets)


def read_attributes(path: Path) -> dict[str, list[str]]:
    """``{"item": [attribute, …]}``: item -> attributes as text.

    Raises:
        DataError: unreadable, no JSON or another shape.
    """
    try:
        raw = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise DataError("benchmark_bad_json", file=str(path), line=error.lineno, column=error.colno) from None
    if not isinstance(raw, dict) or not all(isinstance(value, list) for value in raw.values()):
        raise DataError("benchmark_bad_attributes", file=str(path))
    return {item: [str(attribute) for attribute in value] for item, value in raw.items()}


def read_lists(path: Path) -> Histories:
    """``user,rank,item`` as ``next-item`` writes it: user -> items, best first, whatever order the rows have.

    Raises:
        DataError: unreadable, no CSV, without those columns, or a rank that is no whole number; says which.
    """
    rows = read_rows(path)
    missing = sorted({"user", "rank", "item"} - set(rows))
    if missing:
        raise DataError("benchmark_no_lists", file=str(path), columns=", ".join(missing))
    found: dict[str, list[tuple[int, str]]] = {}
    for line, (user, rank, item) in enumerate(zip(rows["user"], rows["rank"], rows["item"], strict=True), start=2):
        if not rank.strip().isdecimal():
            raise DataError("benchmark_bad_rank", file=str(path), line=line, rank=rank)
        found.setdefault(user, []).append((int(rank), item))
    return {user: [item for _, item in sorted(own, key=lambda pair: pair[0])] for user, own in found.items()}


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file, whole or not at all.

    Raises:
        DataError: the folder is missing, or may not be written, or is full.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """A text file, whole or not at all: it is written beside its place and then moved there.

    Raises:
        DataError: the folder is missing, or may not be written, or is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise DataError("benchmark_cannot_write", file=str(path), why=error.strerror or str(error)) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError("benchmark_unreadable", file=str(path), why=error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise DataError("benchmark_not_utf8", file=str(path), byte=error.start) from None


def _not_empty(found: dict[str, T], path: Path) -> dict[str, T]:
    if not found:
        raise DataError("benchmark_empty", file=str(path))
    return found


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_rows(path: Path) -> dict[str, list[str]]:
    """A CSV file with a header, its delimiter "," ";" or tab: column -> cells, as text.

    Raises:
        DataError: unreadable, empty, not CSV, a column named twice, or a row of another length; says which line.
    """
    text = _text(path)
    header = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(keepends=True), delimiter=max(",;\t", key=header.count), strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if rows and row and len(row) != len(rows[0]):
                why = f"{len(row)} != {len(rows[0])}"
                raise DataError("benchmark_bad_csv", file=str(path), line=reader.line_num, why=why)
            if row:
                rows.append(row)
    except csv.Error as error:
        raise DataError("benchmark_bad_csv", file=str(path), line=reader.line_num, why=str(error)) from None
    if len(rows) < 2:
        raise DataError("benchmark_empty", file=str(path))
    names = [name.strip() for name in rows[0]]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError("benchmark_twice", file=str(path), user=name)
    return dict(zip(names, ([*cells] for cells in zip(*rows[1:], strict=True)), strict=True))
