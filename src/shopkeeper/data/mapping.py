"""The map file: what a person says about a file that its columns' names do not."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shopkeeper.core.errors import DataError
from shopkeeper.core.money import exponent


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """What the map file says: which of their columns is which, and how their values are written."""

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By our column: their words and what each means."""
    date_format: str = ""
    decimal: str = "."
    timezone: str = ""
    currency: str = ""
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    returns: bool = False
    """Order lines with a negative quantity are returns (otherwise they are held)."""
    free: bool = False
    """Prices may be zero, and discounts larger than prices: gifts (otherwise they are held)."""


NO_MAPPING: Final = MapFile()
_TEXTS: Final = ("date_format", "decimal", "timezone", "currency", "encoding", "delimiter", "sheet")
_FLAGS: Final = ("returns", "free")
_TABLES: Final = ("columns", "constants", "values")


def load_mapping(path: Path) -> MapFile:
    """Read a map file: TOML with ``canonical = "their column"`` at top level or in ``[columns]``, ``[constants]``,
    ``[values.canonical]`` and the declarations ``date_format decimal timezone currency encoding delimiter sheet returns
    free``.

    Raises:
        DataError: unreadable, or an impossible declaration.
    """
    return mapping_of(table_of(path), str(path))


def table_of(path: Path) -> dict[str, Any]:
    """What stands in a map file.

    Raises:
        DataError: unreadable.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError("map_unreadable", file=str(path), why=str(error)) from error


def told_again(before: Mapping[str, Any], said: Mapping[str, Any], where: str = "map") -> MapFile:
    """A stored mapping with what is said of the file now: tables are joined, anything else replaces what was said."""
    merged = {name: value for name, value in before.items() if value not in ("", None)} | dict(said)
    for name in _TABLES:
        merged[name] = {**before.get(name, {}), **said.get(name, {})}
    return mapping_of(merged, where)


def pairs_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Declarations ``name=value`` as a table.

    Raises:
        DataError: no such declaration.
    """
    said: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in (*_TEXTS, *_FLAGS):
            wanted = f"one of {', '.join((*_TEXTS, *_FLAGS))}"
            raise DataError("map_bad", file="--declare", name=name, value=value, wanted=wanted)
        said[name] = value == "true" if name in _FLAGS else value
    return said


def mapping_of(table: Mapping[str, Any], where: str = "map") -> MapFile:
    """A mapping from parsed TOML or JSON."""
    columns = dict(table.get("columns", {}))
    declared = {name: table[name] for name in _TEXTS if name in table}
    others = {*_TEXTS, *_FLAGS, *_TABLES}
    columns |= {name: value for name, value in table.items() if name not in others}
    constants = dict(table.get("constants", {}))
    values = table.get("values", {})
    for name, words in values.items():
        if not isinstance(words, Mapping):
            raise DataError("map_bad", file=where, name=f"values.{name}", value=str(words), wanted="a table")
    said = {f"values.{name}.{word}": its for name, words in values.items() for word, its in words.items()}
    for name, value in {**columns, **constants, **declared, **said}.items():
        if not isinstance(value, str):
            raise DataError("map_bad", file=where, name=name, value=str(value), wanted="a text in quotes")
    returns, free = (table.get(name) is True for name in _FLAGS)
    mapping = MapFile(columns=columns, constants=constants, values=values, returns=returns, free=free, **declared)
    _check_declared(mapping, where)
    return mapping


def declare(mapping: MapFile, pairs: Sequence[str]) -> MapFile:
    """A mapping with more said about it: ``name=value`` for each declaration a map file can make.

    Raises:
        DataError: no such declaration, or an impossible value.
    """
    mapping = replace(mapping, **pairs_of(pairs))
    _check_declared(mapping, "--declare")
    return mapping


def _check_declared(mapping: MapFile, where: str) -> None:
    def refuse(name: str, value: str, wanted: str) -> None:
        raise DataError("map_bad", file=where, name=name, value=value, wanted=wanted)

    if mapping.decimal not in (".", ","):
        refuse("decimal", mapping.decimal, "'.' or ','")
    try:
        ZoneInfo(mapping.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse("timezone", mapping.timezone, "an IANA zone such as Asia/Shanghai")
    if mapping.currency:
        try:
            exponent(mapping.currency)
        except ValueError:
            refuse("currency", mapping.currency, "an ISO 4217 code such as USD or CNY")
