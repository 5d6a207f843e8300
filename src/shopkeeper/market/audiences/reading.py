"""Rules from JSON and to JSON: a closed list of words, everything else is refused with its place."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError, NotAllowed
from shopkeeper.core.floor import FLOOR
from shopkeeper.core.sensitive import is_sensitive
from shopkeeper.market.audiences.rules import (
    ABOUT,
    FIELDS,
    NOT_ASKED,
    All,
    Did,
    Field,
    Like,
    Measure,
    Not,
    Rule,
    Some,
    Tagged,
    Told,
    Word,
)

_DEEPEST: Final = 8
_MOST_PARTS: Final = 100
_MOST_VALUES: Final = 100
_LONGEST: Final = 200
_MOST_BYTES: Final = 64 * 1024
_MOST_DAYS: Final = 3_650.0
_MOST_TIMES: Final = 100_000
_MOST_NUMBER: Final = 1e15
Json = Mapping[str, Any]


def read_text(text: str, *, scale: int = 100, sensitive: tuple[str, ...] = ()) -> Rule:
    """A rule from JSON text.

    Raises:
        DataError: it is no JSON, names a key twice, or is no rule (``audience_bad``).
        NotAllowed: it asks for something sensitive.
    """
    if len(text.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
        _bad("", "JSON of at most 64 kB")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _bad("", "JSON")
    return read(found, scale=scale, sensitive=sensitive)


def read(value: Any, *, scale: int = 100, sensitive: tuple[str, ...] = ()) -> Rule:
    """A rule from JSON values. ``scale``: minor units of one unit of the shop's currency.

    Raises:
        DataError: it is no rule; the error names the place and what is wanted there (``audience_bad``).
        NotAllowed: it asks for something sensitive (``audience_sensitive``).
    """
    return _Reader(scale, sensitive).rule(value, "", 0)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _bad(place: str, wanted: str) -> NoReturn:
    raise DataError("audience_bad", place=place or ".", wanted=wanted)


class _Reader:
    """Reads one rule; counts its parts."""

    def __init__(self, scale: int, sensitive: tuple[str, ...]) -> None:
        self._scale, self._sensitive, self._parts = scale, sensitive, 0

    def rule(self, value: Any, place: str, depth: int) -> Rule:
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            _bad(place, f"at most {_MOST_PARTS} conditions, {_DEEPEST} deep")
        if not isinstance(value, Mapping):
            _bad(place, "an object")
        readers: dict[str, Callable[[Json, str, int], Rule]] = {
            "all": self._all, "any": self._any, "not": self._not, "field": self._field, "told": self._told,
            "tag": self._tag, "did": self._did, "like": self._like,
        }  # fmt: skip
        named = [key for key in readers if key in value]
        if len(named) != 1:
            _bad(place, "one of " + ", ".join(readers))
        return readers[named[0]](value, place, depth)

    def _all(self, value: Json, place: str, depth: int) -> Rule:
        return All(self._several(value, "all", place, depth))

    def _any(self, value: Json, place: str, depth: int) -> Rule:
        parts = self._several(value, "any", place, depth)
        if not parts:
            _bad(f"{place}.any", "at least one condition")
        return Some(parts)

    def _several(self, value: Json, key: str, place: str, depth: int) -> tuple[Rule, ...]:
        _only(value, place, key)
        if not isinstance(value[key], list):
            _bad(f"{place}.{key}", "a list")
        return tuple(self.rule(part, f"{place}.{key}[{n}]", depth + 1) for n, part in enumerate(value[key]))

    def _not(self, value: Json, place: str, depth: int) -> Rule:
        _only(value, place, "not")
        return Not(self.rule(value["not"], f"{place}.not", depth + 1))

    def _field(self, value: Json, place: str, depth: int) -> Rule:  # noqa: ARG002
        name = _text(value["field"], f"{place}.field")
        self._asked(name)
        field = FIELDS.get(name)
        if field is None:
            _bad(f"{place}.field", ", ".join(FIELDS))
        if field.kind == "word":
            _only(value, place, "field", "is", "in")
            return Word(field=name, values=_values(value, place))
        _only(value, place, "field", "at_least", "at_most")
        ends = [self._number(value[key], f"{place}.{key}", field) if key in value else None
                for key in ("at_least", "at_most")]  # fmt: skip
        if ends == [None, None]:
            _bad(place, "at_least or at_most")
        return Measure(field=name, low=ends[0], high=ends[1])

    def _number(self, value: Any, place: str, field: Field) -> float:
        found = _finite(value, place)
        if field.kind == "share" and not 0 <= found <= 1:
            _bad(place, "a share from 0 to 1")
        return round(found * self._scale) if field.kind == "money" else found

    def _told(self, value: Json, place: str, depth: int) -> Rule:  # noqa: ARG002
        _only(value, place, "told", "is", "in")
        name = _text(value["told"], f"{place}.told")
        self._asked(name)
        if name.startswith("tag."):
            _bad(f"{place}.told", "a registration field; what third parties say is asked for by tag")
        return Told(field=name, values=_values(value, place))

    def _tag(self, value: Json, place: str, depth: int) -> Rule:  # noqa: ARG002
        _only(value, place, "tag", "origin", "is", "in", "at_least", "at_most")
        name = _text(value["tag"], f"{place}.tag")
        self._asked(name)
        origin = _text(value["origin"], f"{place}.origin") if "origin" in value else ""
        if "is" in value or "in" in value:
            if "at_least" in value or "at_most" in value:
                _bad(place, "is or in, or at_least and at_most")
            values = _values(value, place)
            for word in values:
                self._asked(word)
            return Tagged(tag=name, origin=origin, values=values)
        ends = [_finite(value[key], f"{place}.{key}") if key in value else None for key in ("at_least", "at_most")]
        if ends == [None, None]:
            _bad(place, "is, in, at_least or at_most")
        return Tagged(tag=name, origin=origin, low=ends[0], high=ends[1])

    def _did(self, value: Json, place: str, depth: int) -> Rule:  # noqa: ARG002
        _only(value, place, "did", "times_at_least", "times_at_most", "days", *ABOUT)
        action = Action.of(_text(value["did"], f"{place}.did"))
        if action is None or action in NOT_ASKED:
            _bad(f"{place}.did", ", ".join(one.word for one in Action if one not in NOT_ASKED))
        about = tuple((name, _text(value[name], f"{place}.{name}")) for name in ABOUT if name in value)
        for name, word in about:
            if name == "category":
                self._asked(word)
        high = _times(value, "times_at_most", place)
        low = _times(value, "times_at_least", place)
        if low is None and high is None:
            low = 1
        days = _finite(value["days"], f"{place}.days") if "days" in value else None
        if days is not None and not 0 < days <= _MOST_DAYS:
            _bad(f"{place}.days", f"a number above 0, at most {_MOST_DAYS:g}")
        return Did(action=action, about=about, low=low, high=high, days=days)

    def _like(self, value: Json, place: str, depth: int) -> Rule:  # noqa: ARG002
        _only(value, place, "like", "people")
        people = value.get("people")
        if not isinstance(people, int) or isinstance(people, bool) or not FLOOR <= people <= 10**9:
            _bad(f"{place}.people", f"a whole number from {FLOOR} on")
        return Like(audience=_text(value["like"], f"{place}.like"), people=people)

    def _asked(self, word: str) -> None:
        if is_sensitive(word, self._sensitive):
            raise NotAllowed("audience_sensitive", word=word)


def _only(value: Json, place: str, *allowed: str) -> None:
    for key in value:
        if key not in allowed:
            _bad(f"{place}.{key}"[:_LONGEST], "only " + ", ".join(allowed))


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST or not value.isprintable():
        _bad(place, f"a text of at most {_LONGEST} characters")
    return value


def _values(value: Json, place: str) -> tuple[str, ...]:
    if ("is" in value) == ("in" in value):
        _bad(place, "is or in")
    if "is" in value:
        return (_text(value["is"], f"{place}.is"),)
    found = value["in"]
    if not isinstance(found, list) or not 0 < len(found) <= _MOST_VALUES:
        _bad(f"{place}.in", f"a list of 1 to {_MOST_VALUES} texts")
    return tuple(_text(each, f"{place}.in[{number}]") for number, each in enumerate(found))


def _finite(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _MOST_NUMBER:
        _bad(place, "a number")
    return float(value)


def _times(value: Json, key: str, place: str) -> int | None:
    if key not in value:
        return None
    found = _finite(value[key], f"{place}.{key}")
    if not (0 <= found <= _MOST_TIMES and math.floor(found) == found):
        _bad(f"{place}.{key}", f"a whole number from 0 to {_MOST_TIMES}")
    return int(found)


def written(rule: Rule, *, scale: int = 100) -> dict[str, Any]:
    """The JSON of a rule: ``read(written(rule)) == rule``."""
    match rule:
        case All(parts):
            return {"all": [written(part, scale=scale) for part in parts]}
        case Some(parts):
            return {"any": [written(part, scale=scale) for part in parts]}
        case Not(part):
            return {"not": written(part, scale=scale)}
        case Measure(field=name, low=low, high=high):
            unit = scale if FIELDS[name].kind == "money" else 1
            ends = {"at_least": low, "at_most": high}
            return {"field": name, **{key: _plain(end / unit) for key, end in ends.items() if end is not None}}
        case Word(field=name, values=values):
            return {"field": name, "in": list(values)}
        case Told(field=name, values=values):
            return {"told": name, "in": list(values)}
        case Tagged():
            found: dict[str, Any] = {"tag": rule.tag} | ({"origin": rule.origin} if rule.origin else {})
            found |= {"in": list(rule.values)} if rule.values else {}
            pair = (("at_least", rule.low), ("at_most", rule.high))
            return found | {key: _plain(end) for key, end in pair if end is not None}
        case Like(audience=audience, people=people):
            return {"like": audience, "people": people}
        case Did():
            asked = {"times_at_least": rule.low, "times_at_most": rule.high,
                     "days": None if rule.days is None else _plain(rule.days)}  # fmt: skip
            told = {key: value for key, value in asked.items() if value is not None}
            return {"did": rule.action.word, **dict(rule.about), **told}


def _plain(number: float) -> float | int:
    return int(number) if number == math.floor(number) else number
