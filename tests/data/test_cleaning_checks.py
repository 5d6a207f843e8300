# ruff: noqa: E501  # tables are easier to read in long lines
"""Each check says the same of a cell in SQL (files) and in Python (requests)."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odd_cells import ODD
from shopkeeper import locale
from shopkeeper.core.action import Action
from shopkeeper.core.ids import PLACEHOLDERS
from shopkeeper.data.cleaning import bots
from shopkeeper.data.cleaning.checks import CHECKS
from shopkeeper.data.cleaning.quick import quick_sql, usual_sql
from shopkeeper.data.cleaning.rules import RULES
from shopkeeper.data.cleaning.values import FORMS, Reading, trimmed, trimmed_sql

READING = Reading(currency="USD", now=datetime(2026, 11, 24, tzinfo=UTC))
CELLS = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(sorted(PLACEHOLDERS)),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.from_regex(r"-?[0-9]{1,14}([.,][0-9]{0,6})?", fullmatch=True),
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.isoformat()),
    st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)).map(lambda at: f"{at:%Y-%m-%d %H:%M}+05:30"),
    st.builds(
        lambda at, place, sign: (
            f"{at:%Y-%m-%d %H:%M:%S}Z"[:place] + sign + f"{at:%Y-%m-%d %H:%M:%S}Z"[place + len(sign) :]
        ),
        st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)),
        st.integers(0, 19),
        st.sampled_from(["", "", " ", "0", "-", "Z", "9"]),
    ),
)


@cache
def connection() -> Any:
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    con.execute("SET threads=1")
    return con


def in_sql(form: str, cells: list[str], reading: Reading = READING, *, quick: bool = True) -> list[Any]:
    """Trimmed text, value and each check's verdict of each cell. ``quick``: by the quick reading first, where there is one."""
    first = FORMS[form].first("r", reading) if quick else ""
    value = FORMS[form].sql("r", reading, first="f") if first else FORMS[form].sql("r", reading)
    checks = ", ".join(f"coalesce({check.sql('r', 'v', reading)}, false)" for check in CHECKS[form])
    sql = (
        f"SELECT r, v{', ' if checks else ''}{checks} FROM (SELECT *, {value} AS v FROM (SELECT *, {first or 'NULL'} AS f FROM ("
        f"SELECT {trimmed_sql('x')} AS r FROM (SELECT unnest($cells) AS x))))"
    )
    return connection().execute(sql, {"cells": cells}).fetchall()


@pytest.mark.parametrize("form", sorted(FORMS))
@given(cells=st.lists(CELLS, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_sql_and_python_agree(form: str, cells: list[str]) -> None:
    """Trimming, value and every check of a form give the same answer in both executions."""
    assert_agree(form, cells)


_SIGNS = " 019-+:.TZ/_a"
"""What one or two characters of a good time are exchanged for."""


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
@pytest.mark.parametrize(
    "good", ["2026-10-12 22:34:05Z", "2026-10-12T22:34:05", "2026-10-12 22:34:05+08:00", "2026-10-12T22:34:05-0330"]
)
def test_a_time_is_read_quickly_only_where_it_is_read_slowly(good: str, zone: str) -> None:
    """With any one or two of its characters exchanged, a time that the quick reading takes is the same by the full one."""
    changed = {good[:a] + one + good[a + 1 :] for a in range(len(good)) for one in _SIGNS}
    cells = sorted(
        {two[:b] + one + two[b + 1 :] for two in changed for b in range(len(good)) for one in _SIGNS} | {good}
    )
    reading = Reading(timezone=zone)
    quick = FORMS["time"].sql("r", reading, first="f")
    sql = f"SELECT r, {quick} AS quick, {FORMS['time'].sql('r', reading)} AS slow FROM (SELECT r, {FORMS['time'].first('r', reading)} AS f FROM (SELECT unnest($cells) AS r))"
    con = connection().cursor()
    con.execute(f"SET TimeZone='{zone}'")
    assert con.execute(f"FROM ({sql}) WHERE quick IS DISTINCT FROM slow", {"cells": cells}).fetchall() == []
    assert con.execute(f"SELECT count(*) FROM ({sql}) WHERE quick IS NOT NULL", {"cells": cells}).fetchone()[0] > 400


@pytest.mark.parametrize("form", sorted(FORMS))
def test_sql_and_python_agree_on_known_oddities(form: str) -> None:
    """The same on the list of things that shops' files are known to contain."""
    assert_agree(form, ODD + sorted(PLACEHOLDERS))


def assert_agree(form: str, cells: list[str]) -> None:
    found = in_sql(form, cells)
    assert found == in_sql(form, cells, quick=False)
    for cell, (text, value, *verdicts) in zip(cells, found, strict=True):
        mine = trimmed(cell)
        assert mine == text
        if mine is not None:
            its = FORMS[form].python(mine, READING)
            assert its == value, (cell, its, value)
            assert [check.bad(mine, its, READING) for check in CHECKS[form]] == verdicts, cell


@pytest.mark.parametrize(
    ("timezone", "decimal", "currency"), [("Asia/Shanghai", ".", "JPY"), ("UTC", ",", "KWD"), ("UTC", ".", "KWD")]
)
@pytest.mark.parametrize("form", ["time", "amount"])
def test_the_quick_reading_is_the_usual_one(form: str, timezone: str, decimal: str, currency: str) -> None:
    """In other zones, with a decimal comma, and for money with no places or with three."""
    reading = Reading(currency=currency, timezone=timezone, decimal=decimal)
    connection().execute(f"SET TimeZone='{timezone}'")
    assert in_sql(form, ODD, reading) == in_sql(form, ODD, reading, quick=False)
    connection().execute("SET TimeZone='UTC'")


@pytest.mark.parametrize("form", sorted(FORMS))
@given(cells=st.lists(CELLS, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_the_quick_condition_lets_nothing_bad_through(form: str, cells: list[str]) -> None:
    """Where it is true, no check of the form finds the cell bad."""
    assert_quick_is_safe(form, cells)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_quick_condition_lets_no_known_oddity_through(form: str) -> None:
    """The same on the list of oddities and placeholders."""
    assert_quick_is_safe(form, ODD + sorted(PLACEHOLDERS) + [word.upper() for word in sorted(PLACEHOLDERS)])


def assert_quick_is_safe(form: str, cells: list[str]) -> None:
    checks = " OR ".join(f"coalesce({check.sql('r', 'v', READING)}, false)" for check in CHECKS[form]) or "false"
    for condition in (usual_sql, quick_sql):
        sql = (
            f"SELECT r FROM (SELECT *, {FORMS[form].sql('r', READING)} AS v FROM (SELECT {trimmed_sql('x')} AS r FROM ("
            f"SELECT unnest($cells) AS x))) WHERE {condition(form, 'r', 'v', READING, plain=False)} AND ({checks})"
        )
        assert connection().execute(sql, {"cells": cells}).fetchall() == []


@pytest.mark.parametrize("rule", RULES["events"], ids=lambda rule: rule.name)
@given(
    st.fixed_dictionaries(
        {
            **{name: st.none() | st.just("x") for name in ("product", "customer", "visitor", "order")},
            "price": st.sampled_from([None, 0.0, 9.9]),
        }
    ),
    st.sampled_from([action.word for action in Action]),
    st.sampled_from([None, 0.0, 2.0]),
)
@settings(max_examples=40, deadline=None)
def test_whole_row_rules_agree(rule: Any, cells: dict[str, Any], action: str, quantity: float | None) -> None:
    """A rule says the same of a row in SQL and in Python, and its good form is the opposite of its bad one."""
    row = {**cells, "action": action, "quantity": quantity}
    kinds = {"quantity": "DOUBLE", "price": "DOUBLE"}
    values = ", ".join(f"${name}::{kinds.get(name, 'VARCHAR')} AS v_{name}" for name in row)
    sql = f"SELECT {rule.sql('v_{}'.format)}, {rule.good('v_{}'.format)} FROM (SELECT {values})"
    bad = rule.bad(row)
    assert connection().execute(sql, row).fetchall() == [(bad, not bad)]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 40)), max_size=6),
    st.integers(0, 200),
)
@settings(max_examples=30, deadline=None)
def test_bots_are_the_same_in_both(extra: list[tuple[str | None, int]], burst: int) -> None:
    """A person with more than the limit in one minute or hour is too fast in SQL exactly where it is in Python."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [("bot", start + timedelta(milliseconds=200 * n)) for n in range(burst)]
    rows += [(who, start + timedelta(seconds=second)) for who, second in extra]
    con = connection()
    con.execute(
        "CREATE OR REPLACE TABLE acts AS SELECT unnest($who) AS visitor, NULL::VARCHAR AS customer, unnest($at) AS \"at\", "
        "0 AS code", {"who": [who for who, _ in rows] or [None], "at": [at for _, at in rows] or [start]},
    )  # fmt: skip
    found = con.execute(
        f"SELECT row FROM ({bots.rows_sql('(SELECT rowid AS row, * FROM acts)', 5)}) t(row, mark)"
    ).fetchall()
    assert sorted(row for (row,) in found) == [n for n, fast in enumerate(bots.too_fast(rows)) if fast]


def test_many_in_an_hour_are_too_fast_though_no_minute_has_many() -> None:
    """2,100 events in one hour, 35 a minute, are a bot's; 1,900 in the next are not."""
    hours = ((0, 2_100), (1, 1_900))
    con = connection()
    con.execute(
        "CREATE OR REPLACE TABLE acts AS SELECT NULL::VARCHAR AS visitor, 'c' AS customer, TIMESTAMPTZ '2026-01-01 00:00:00Z' "
        '+ to_hours(hour) + to_milliseconds(3599000 * n // many) AS "at", 0 AS code, hour '
        "FROM (SELECT hour, many, unnest(range(many)) AS n FROM (SELECT unnest($hours) AS hour, unnest($many) AS many))",
        {"hours": [hour for hour, _ in hours], "many": [many for _, many in hours]},
    )
    sql = bots.rows_sql("(SELECT rowid AS row, * FROM acts)", 5)
    found = con.execute(
        f"SELECT hour, count(*) FROM acts JOIN ({sql}) t(row, mark) ON row = acts.rowid GROUP BY hour"
    ).fetchall()
    assert found == [(0, 2_100)]


def test_every_reason_has_a_sentence() -> None:
    """Every check and rule is a key of the area ``checks``."""
    names = {check.name for checks in CHECKS.values() for check in checks}
    names |= {rule.name for rules in RULES.values() for rule in rules}
    assert names <= locale.keys("en", "checks")
