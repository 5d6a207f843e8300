"""A rule as SQL over the table of people and the lake. Text of users is never part of it: values are parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from shopkeeper.core.action import Action
from shopkeeper.market.audiences.rules import FIELDS, All, Did, Like, Measure, Not, Rule, Some, Tagged, Told, Word

_EVENT_COLUMNS: Final = {
    "product": "e.product = {value}", "campaign": "e.campaign = {value}", "coupon": "e.coupon = {value}",
    "channel": "e.channel = {value}", "placement": "e.placement = {value}",
}  # fmt: skip
_LINE_COLUMNS: Final = {"product": "e.product = {value}"}
_GOODS: Final = {
    "category": "{value} IN (p.category_1, p.category_2, p.category_3, p.category_4, p.category_5)",
    "brand": "p.brand = {value}",
}
_LINES: Final = (Action.ORDER, Action.ORDER_RETURN)
_NOTHING: Final = "FALSE"
THIRD_PARTY: Final = "may_third_party"
"""The table of the numbers of those who agree to third parties, which a rule with tags is asked with."""


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that gives the numbers of the people of an audience, and its parameters."""

    sql: str
    values: Mapping[str, Any]


@dataclass(slots=True)
class _Writer:
    moment: datetime
    likes: Mapping[Like, str]
    values: dict[str, Any] = field(default_factory=dict)
    tables: dict[Did, str] = field(default_factory=dict)
    ctes: list[str] = field(default_factory=list)

    def value(self, value: object) -> str:
        """A parameter of this value."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"${name}"

    def condition(self, rule: Rule) -> str:
        """SQL that is TRUE or FALSE, never NULL."""
        match rule:
            case All(parts):
                return "(" + " AND ".join([self.condition(part) for part in parts] or ["TRUE"]) + ")"
            case Some(parts):
                return "(" + " OR ".join(self.condition(part) for part in parts) + ")"
            case Not(part):
                return f"(NOT {self.condition(part)})"
            case Measure(field=name, low=low, high=high):
                column = FIELDS[name].column
                ends = [f"{column} >= {self.value(low)}"] if low is not None else []
                ends += [f"{column} <= {self.value(high)}"] if high is not None else []
                return f"coalesce({' AND '.join(ends)}, FALSE)"
            case Word(field=name, values=values):
                return f"coalesce(list_contains({self.value(list(values))}, {FIELDS[name].column}), FALSE)"
            case Told(field=name, values=values):
                told = f"json_extract_string(people.attributes, {self.value(_path(name))})"
                return f"coalesce(list_contains({self.value(list(values))}, {told}), FALSE)"
            case Tagged():
                return self._tagged(rule)
            case Like():
                return f"people.number IN (SELECT number FROM {self.likes[rule]})"
            case Did():
                return self._did(rule)

    def _tagged(self, rule: Tagged) -> str:
        """The newest value of a tag, from each who says it."""
        tests = [f"name = {self.value(rule.tag)}"]
        if rule.origin:
            tests.append(f"origin = {self.value(rule.origin)}")
        fits = []
        if rule.values:
            fits.append(f"list_contains({self.value(list(rule.values))}, value)")
        number = "TRY_CAST(value AS DOUBLE)"
        fits += [f"{number} >= {self.value(rule.low)}"] if rule.low is not None else []
        fits += [f"{number} <= {self.value(rule.high)}"] if rule.high is not None else []
        newest = (
            "SELECT customer, value, row_number() OVER (PARTITION BY customer, origin "
            f'ORDER BY "at" DESC, value) AS age FROM attributes WHERE {" AND ".join(tests)}'
        )
        who = f"SELECT customer FROM ({newest}) WHERE age = 1 AND coalesce({' AND '.join(fits)}, FALSE)"
        return f"(people.number IN (SELECT number FROM {THIRD_PARTY}) AND people.person IN ({who}))"

    def _did(self, rule: Did) -> str:
        name = self.tables.get(rule)
        if name is None:
            name = self.tables[rule] = f"did_{len(self.tables)}"
            self.ctes.append(f"{name} AS ({self._counted(rule)})")
        times = f"coalesce({name}.times, 0)"
        ends = [f"{times} >= {self.value(rule.low)}"] if rule.low is not None else []
        ends += [f"{times} <= {self.value(rule.high)}"] if rule.high is not None else []
        return f"({' AND '.join(ends)})"

    def _counted(self, rule: Did) -> str:
        """How often each customer did it. Lines of one order or return count once."""
        of_lines = rule.action in _LINES
        known = {**(_LINE_COLUMNS if of_lines else _EVENT_COLUMNS), **_GOODS}
        tests = [known[key].format(value=self.value(value)) if key in known else _NOTHING for key, value in rule.about]
        if of_lines:
            tests.append(f"coalesce(e.quantity, 1) {'>' if rule.action is Action.ORDER else '<='} 0")
        else:
            tests.append(f"e.action = {self.value(rule.action.word)}")
        if rule.days is not None:
            tests.append(f'e."at" >= {self.value(self.moment - timedelta(days=rule.days))}')
        goods = " JOIN products p ON p.id = e.product" if any(key in _GOODS for key, _ in rule.about) else ""
        what = "count(DISTINCT coalesce(e.event_id, e.order_id))" if of_lines else "count(*)"
        table = "order_lines" if of_lines else "events"
        return (
            f"SELECT e.customer AS person, {what} AS times FROM {table} e{goods} "
            f"WHERE e.customer IS NOT NULL AND {' AND '.join(tests)} GROUP BY e.customer"
        )


def _path(name: str) -> str:
    """A JSON path to one name, whatever characters it has."""
    return '$."' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def statement_of(rule: Rule, moment: datetime, likes: Mapping[Like, str] | None = None) -> Statement:
    """The numbers of the people of an audience, ascending. ``likes`` names the table of numbers of each likeness.

    Nobody known to be under age is in any audience.
    """
    writer = _Writer(moment=moment, likes=likes or {})
    where = writer.condition(rule)
    joins = "".join(f" LEFT JOIN {name} ON {name}.person = people.person" for name in writer.tables.values())
    begin = f"WITH {', '.join(writer.ctes)} " if writer.ctes else ""
    sql = f"{begin}SELECT people.number FROM people{joins} WHERE NOT people.minor AND {where} ORDER BY people.number"
    return Statement(sql=sql, values=writer.values)
