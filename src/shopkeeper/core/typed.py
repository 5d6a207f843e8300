"""A table of a settings file -> a frozen dataclass. Every mistake is named with its place and what is allowed."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from shopkeeper.core.errors import SettingsError

T = TypeVar("T")


def bad(where: str, name: str, value: object, wanted: str) -> typing.NoReturn:
    """Refuse a value.

    Raises:
        SettingsError: always; it says where the value stands, what it is and what is allowed.
    """
    raise SettingsError("setting_bad", where=where, name=name, value=str(value), wanted=wanted)


def build(kind: type[T], table: Mapping[str, Any], where: str) -> T:
    """A frozen settings dataclass from a TOML table, types checked; nested dataclasses and tuples are understood.

    Raises:
        SettingsError: an unknown name, or a value of the wrong type.
    """
    if not isinstance(table, Mapping):
        bad(where, "", table, "a table")
    hints = get_type_hints(kind)
    known = {part.name: part for part in fields(kind) if part.init}  # type: ignore[arg-type]  # callers pass dataclasses
    for name in table:
        if name not in known:
            raise SettingsError("setting_unknown", where=where, name=name, allowed=", ".join(known))
    for name, part in known.items():
        required = part.default is dataclasses.MISSING and part.default_factory is dataclasses.MISSING
        if required and name not in table:
            bad(where, name, "nothing", "a value")
    return kind(**{name: _value(hints[name], value, where, name) for name, value in table.items()})


def _value(wanted: Any, value: Any, where: str, name: str) -> Any:
    origin = get_origin(wanted)
    if origin in (typing.Union, types.UnionType):
        options = [kind for kind in get_args(wanted) if kind is not type(None)]
        return None if value is None else _value(options[0], value, where, name)
    if is_dataclass(wanted) and isinstance(wanted, type):
        return build(wanted, value, f"{where}.{name}")
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(get_args(wanted)[0], item, where, name) for item in value)
    if origin is typing.Literal:
        if value not in get_args(wanted):
            bad(where, name, value, ", ".join(map(str, get_args(wanted))))
        return value
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = origin or wanted
    if isinstance(plain, type) and (not isinstance(value, plain) or (plain is not bool and isinstance(value, bool))):
        bad(where, name, value, getattr(plain, "__name__", str(plain)))
    return value
