"""DuckDB's SQL as Spark's, by sqlglot and by what it does not know: the same text, the same answers.

Source: Spark SQL reference, "Built-in Functions"; sqlglot, "Transpiling"; DuckDB, "JSON" and "Regular Expressions".
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import sqlglot
from sqlglot import exp

from shopkeeper.data.spark_functions import COMPOSED, HASH, MOMENT, PARSED

_MILLION: Final = exp.Literal.number(1_000_000)
_TEXTS: Final = "MAP<STRING, STRING>"
_TYPES: Final[Mapping[object, str]] = {
    exp.DataType.Type.INT128: "DECIMAL(38, 0)", exp.DataType.Type.UINT: "BIGINT", exp.DataType.Type.ENUM: "STRING",
    exp.DataType.Type.UTINYINT: "INT",
}  # fmt: skip


@lru_cache(maxsize=512)
def spark_sql(sql: str) -> str:
    """DuckDB's SQL as Spark's, with the same answers: moments count to the microsecond, whole numbers of 128 bits are
    decimals, and what Spark calls otherwise is called so.

    Raises:
        sqlglot.errors.UnsupportedError: Spark has no such thing.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    for node in reversed(list(tree.walk())):  # what is inside comes first
        other = _translated(node)
        if other is not node:
            tree = other if node is tree else tree
            node.replace(other)
    return tree.sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE, comments=False)


def _translated(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        named = _FUNCTIONS.get(node.name.lower())
        return named(node.expressions) if named else node
    rule = _NODES.get(type(node))
    return rule(node) if rule else node


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _text(text: str) -> exp.Expr:
    return exp.Literal.string(text)


def _micros(moment: exp.Expr) -> exp.Expr:
    return _call("UNIX_MICROS", moment)


def _type(node: exp.DataType) -> exp.Expr:
    other = _TYPES.get(node.this)
    return exp.DataType.build(other, dialect="spark") if other else node


def _epoch(node: exp.TimeToUnix) -> exp.Expr:
    return exp.Paren(this=exp.Div(this=_micros(node.this), expression=_MILLION.copy()))


def _percentile(node: exp.PercentileCont) -> exp.Expr:
    return _call("PERCENTILE", node.this, node.expression)


def _weekday(node: exp.Extract) -> exp.Expr:
    if node.name.upper() != "ISODOW":
        return node
    return exp.Extract(this=exp.Var(this="DAYOFWEEK_ISO"), expression=node.expression.copy())


def _number(node: exp.Literal) -> exp.Expr:
    """A number with a point is a float, as in DuckDB's answers, and no decimal."""
    if node.is_string or "." not in node.name or isinstance(node.parent, exp.Cast):
        return node
    return exp.Cast(this=node.copy(), to=exp.DataType.build("DOUBLE"))


def _cell(node: exp.JSONExtractScalar) -> exp.Expr:
    """A value of a JSON object by a path that is a parameter, ``$."name"``: Spark's paths must stand in the query."""
    path = node.expression
    if not isinstance(path, exp.Placeholder | exp.Parameter):
        return node
    four = exp.Literal.number(4)
    inner = _call("SUBSTRING", path, four, exp.Sub(this=_call("LENGTH", path), expression=four))
    plain = _call("REPLACE", _call("REPLACE", inner, _text('\\"'), _text('"')), _text("\\\\"), _text("\\"))
    return _call("TRY_ELEMENT_AT", _call("FROM_JSON", node.this, _text(_TEXTS)), plain)


def _shaped(node: exp.FromJson) -> exp.Expr:
    """JSON read into a shape, which Spark says in the words of its tables."""
    return _call("FROM_JSON", node.this, _text(_shape(json.loads(node.expression.name))))


def _shape(shape: Any) -> str:
    if isinstance(shape, list):
        return f"ARRAY<{_shape(shape[0])}>"
    if isinstance(shape, dict):
        return f"STRUCT<{', '.join(f'{name}: {_shape(one)}' for name, one in shape.items())}>"
    return exp.DataType.build(shape, dialect="duckdb").sql(dialect="spark")


def _sum(arguments: list[exp.Expr]) -> exp.Expr:
    """The sum of a list of floats; of none, NULL."""
    said = "IF(SIZE(numbers) > 0, AGGREGATE(numbers, CAST(0 AS DOUBLE), (total, one) -> total + one), NULL)"
    whole = sqlglot.parse_one(said, read="spark")
    for column in list(whole.find_all(exp.Column)):
        if column.name == "numbers":
            column.replace(arguments[0].copy())
    return whole


def _full(node: exp.RegexpFullMatch) -> exp.Expr:
    """A pattern of the whole text: Java's ``$`` is true before a line end too."""
    return exp.RegexpLike(this=node.this.copy(), expression=_text(f"\\A(?:{node.expression.name})\\z"))


def _glob(node: exp.Glob) -> exp.Expr:
    """``?`` is any character, ``*`` any text; a set of characters is written as in a pattern."""
    pattern = re.escape(node.expression.name).replace("\\?", ".").replace("\\*", ".*")
    pattern = re.sub(r"\\\[(.*?)\\\]", lambda its: f"[{its[1].replace(chr(92), '')}]", pattern)
    return exp.RegexpLike(this=node.this.copy(), expression=_text(rf"(?s)\A{pattern}\z"))


def _last(node: exp.Bracket) -> exp.Expr:
    """``text[-1]``, the last character (sqlglot counts places from zero)."""
    place = node.expressions[0]
    if isinstance(place, exp.Neg) and place.this.name == "2":
        return _call("RIGHT", node.this, exp.Literal.number(1))
    return node


def _lower(node: exp.Lower) -> exp.Expr:
    """Letter by letter: Java makes two letters of one, and looks at those beside it."""
    return exp.Lower(this=_call("TRANSLATE", node.this, _text("\u0130\u03a3"), _text("i\u03c3")))


def _shift(node: exp.BitwiseRightShift) -> exp.Expr:
    """Hashes have no sign."""
    return _call("SHIFTRIGHTUNSIGNED", node.this, node.expression)


def _hex(node: exp.Format) -> exp.Expr:
    """A hash as 16 digits."""
    if node.name != "{:016x}":
        raise sqlglot.errors.UnsupportedError(f"format({node.name})")
    return exp.Lower(this=_call("LPAD", exp.Hex(this=node.expressions[0].copy()), exp.Literal.number(16), _text("0")))


def _json(arguments: list[exp.Expr]) -> exp.Expr:
    """JSON of a row says what is NULL in it too."""
    return _call("TO_JSON", arguments[0], _call("MAP", _text("ignoreNullFields"), _text("false")))


def _told(node: exp.TryCast) -> exp.Expr:
    """A cell, or a text put together of one, as a moment; what a cell is Spark knows before it looks at any."""
    text = isinstance(node.this, exp.Column) or node.this.find(exp.Replace)
    if node.to.this != exp.DataType.Type.TIMESTAMPTZ or not text:
        return node
    cell = exp.cast(node.this.copy(), "TEXT")
    return exp.If(
        this=exp.EQ(this=_call("TYPEOF", node.this), expression=_text("string")),
        true=_call(MOMENT, _call("REPLACE", cell, _text("/"), _text("-"))), false=node.copy(),
    )  # fmt: skip


def _joined(node: exp.Join) -> exp.Expr:
    if node.kind in ("SEMI", "ANTI"):
        node.set("side", "LEFT")
    return node


def _plain(node: exp.CTE) -> exp.Expr:
    """A part of a query that DuckDB works out once; Spark decides by itself."""
    node.set("materialized", None)
    return node


def _place(arguments: list[exp.Expr]) -> exp.Expr:
    return _call("TRY_ELEMENT_AT", *arguments)


_FUNCTIONS: Final[Mapping[str, Callable[[list[exp.Expr]], exp.Expr]]] = {
    "epoch_us": lambda arguments: _micros(arguments[0]),
    "list_sum": _sum,
    "strlen": lambda arguments: _call("OCTET_LENGTH", *arguments),
    "make_timestamptz": lambda arguments: _call("TIMESTAMP_MICROS", *arguments),
    "to_json": _json,
    "hash": lambda arguments: _call(HASH, *arguments),
    "nfc_normalize": lambda arguments: _call(COMPOSED, *arguments),
    "try_strptime": lambda arguments: _call(PARSED, *arguments),
    "list_extract": _place,
}
"""Functions that sqlglot does not know, by DuckDB's name."""
_NODES: Final[Mapping[type[exp.Expr], Callable[[Any], exp.Expr]]] = {
    exp.DataType: _type, exp.TimeToUnix: _epoch, exp.PercentileCont: _percentile, exp.Extract: _weekday,
    exp.Literal: _number, exp.JSONExtractScalar: _cell, exp.FromJson: _shaped,
    exp.CTE: _plain, exp.RegexpFullMatch: _full, exp.Glob: _glob, exp.Bracket: _last, exp.Lower: _lower,
    exp.BitwiseRightShift: _shift, exp.Format: _hex, exp.TryCast: _told, exp.Join: _joined,
}  # fmt: skip
