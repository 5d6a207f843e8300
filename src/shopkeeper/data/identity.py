"""Which browser was whose, and from when: read from the events that name both, as of any moment, in SQL.

A *run* begins with the first of a browser's sign-ins in a row by the same customer. The runs that began before a
moment are those that were known then, whatever happened since: one small table answers for every moment, without
looking ahead. Nothing is written into the lake; a link that is refused later leaves no trace in it.

A telephone number that stands for a customer in orders is read like a browser (``phone:+86…``): from the moment that a
customer's row bears it all its orders are theirs, and nobody's where the rows of two customers bear it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shopkeeper.core.identity import IS_PHONE, PHONE, LinkRules, Runs
from shopkeeper.core.ids import PLACEHOLDERS, PersonKey
from shopkeeper.data.batch import Batch
from shopkeeper.data.duck import Duck
from shopkeeper.data.lake import Lake

_TIME: Final = pa.timestamp("us", tz="UTC")
LINKS: Final = pa.schema([("visitor", pa.string()), ("customer", pa.string()), ("from_at", _TIME), ("until_at", _TIME)])
"""From when (inclusive) until when (exclusive) a browser's nameless events are a customer's. Spans of a browser do not
overlap."""
NO_LINKS: Final = LINKS.empty_table()
_DUCK: Final = Duck()

_NOBODY: Final = ", ".join("'" + word.replace("'", "''") + "'" for word in sorted(PLACEHOLDERS))
_DIGITS: Final = "translate({column}, ' -()./', '')"
"""A telephone number as it is compared."""
_SIGN_INS: Final = f"""
  SELECT visitor, customer, "at", id AS event FROM lake_events
  WHERE visitor IS NOT NULL AND customer IS NOT NULL AND action NOT IN ('stock_change', 'price_change')
    AND NOT {IS_PHONE}
  UNION ALL
  SELECT visitor, customer, "at", coalesce(event_id, order_id) FROM lake_order_lines
  WHERE visitor IS NOT NULL AND customer IS NOT NULL AND NOT {IS_PHONE}
  UNION ALL
  SELECT '{PHONE}' || ordering.customer, c.id, c."at", c.id FROM lake_customers c
  JOIN (SELECT customer FROM lake_order_lines WHERE customer LIKE '+%'
        UNION SELECT customer FROM lake_events WHERE customer LIKE '+%') ordering
    ON {_DIGITS.format(column="ordering.customer")} = {_DIGITS.format(column="c.phone")}
  WHERE c.phone LIKE '+%' AND c.id NOT LIKE '+%'
"""
_RUNS: Final = f"""
WITH sign_ins AS ({_SIGN_INS}), pairs AS (
  SELECT visitor, customer, min("at") AS first_at FROM sign_ins GROUP BY visitor, customer
), named AS (
  SELECT visitor, customer, first_at FROM pairs
  WHERE lower(trim(visitor)) NOT IN ({_NOBODY}) AND lower(trim(customer)) NOT IN ({_NOBODY})
), owners AS (SELECT visitor, count(*) AS customers FROM named GROUP BY visitor
), several AS (
  SELECT s.visitor, s.customer, s."at", s.event,
         lag(s.customer) OVER (PARTITION BY s.visitor ORDER BY s."at", s.event, s.customer) AS before
  FROM sign_ins s JOIN named n ON n.visitor = s.visitor AND n.customer = s.customer
       JOIN owners o ON o.visitor = s.visitor
  WHERE o.customers > 1
)
SELECT visitor, customer, first_at AS "at", 1 AS run
FROM named WHERE visitor IN (SELECT visitor FROM owners WHERE customers = 1)
UNION ALL
SELECT visitor, customer, "at", CAST(row_number() OVER (PARTITION BY visitor ORDER BY "at", event, customer) AS INTEGER)
FROM several WHERE before IS NULL OR before <> customer
"""
"""``lag`` gives the customer of the sign-in before, by (time, event, customer): as live sign-ins are sorted."""

_PAIRS: Final = f"""
WITH known AS (
  SELECT visitor, customer, "at", run FROM runs WHERE "at" < $moment
), counted AS (
  SELECT k.visitor, k.customer, min(k."at") AS first_at, count(*) AS runs, any_value(a.visitor) IS NOT NULL AS apart
  FROM known k LEFT JOIN apart a ON a.visitor = k.visitor GROUP BY k.visitor, k.customer
), crowds AS (
  SELECT *, count(*) OVER (PARTITION BY visitor) AS customers,
         sum(CASE WHEN apart THEN 0 ELSE 1 END) OVER (PARTITION BY customer) AS visitors
  FROM counted
)
SELECT visitor, customer, first_at, runs, customers, CAST(visitors AS BIGINT) AS visitors,
       CASE WHEN apart THEN 'unlinked'
            WHEN customers > CASE WHEN {IS_PHONE} THEN 1 ELSE $most_customers END THEN 'too_many_customers'
            WHEN visitors > $most_visitors THEN 'too_many_visitors'
            WHEN NOT {{agreed}} THEN 'no_consent' ELSE 'linked' END AS verdict
FROM crowds
"""
_KEY: Final = f"CASE WHEN {IS_PHONE} THEN substr(visitor, {len(PHONE) + 1}) ELSE 'visitor:' || visitor END"
_AGREED: Final = f"(customer IN (SELECT person FROM agreed) AND {_KEY} IN (SELECT person FROM agreed))"
_COUNTS: Final = f"""
WITH lenders AS ({{pairs}}), pairs AS (SELECT * FROM lenders WHERE NOT {IS_PHONE}), browsers AS (
  SELECT visitor, count(*) FILTER (verdict = 'linked') AS linked, min(verdict) FILTER (verdict <> 'linked') AS refused
  FROM pairs GROUP BY visitor
)
SELECT count(*) AS browsers, count(*) FILTER (linked > 0) AS linked, count(*) FILTER (linked > 1) AS shared,
       (SELECT count(DISTINCT customer) FROM pairs WHERE verdict = 'linked') AS customers,
       count(*) FILTER (linked = 0 AND refused = 'unlinked') AS unlinked,
       count(*) FILTER (linked = 0 AND refused = 'no_consent') AS no_consent,
       count(*) FILTER (linked = 0 AND refused = 'too_many_customers') AS too_many_customers,
       count(*) FILTER (linked = 0 AND refused = 'too_many_visitors') AS too_many_visitors,
       (SELECT count(*) FROM lenders WHERE {IS_PHONE} AND verdict = 'linked') AS phones,
       (SELECT count(DISTINCT visitor) FROM lenders
        WHERE {IS_PHONE} AND verdict = 'too_many_customers') AS phones_shared
FROM browsers
"""
_CROWDS: Final = f"""
WITH pairs AS ({{pairs}})
SELECT CASE WHEN {IS_PHONE} THEN 'phone' ELSE 'visitor' END AS kind, visitor AS id,
       max(customers) AS others FROM pairs
WHERE verdict = 'too_many_customers' GROUP BY visitor
UNION ALL
SELECT 'customer', customer, max(visitors) FROM pairs WHERE verdict = 'too_many_visitors' GROUP BY customer
ORDER BY others DESC, kind, id LIMIT $most
"""
_LINKS: Final = f"""
WITH pairs AS ({{pairs}}), spans AS (
  SELECT visitor, customer, CASE WHEN {IS_PHONE} THEN TIMESTAMPTZ '1970-01-01 00:00:00+00'
              WHEN run = 1 THEN "at" - $window ELSE "at" END AS from_at,
         coalesce(lead("at") OVER (PARTITION BY visitor ORDER BY run), TIMESTAMPTZ '9999-12-31 00:00:00+00') AS until_at
  FROM runs WHERE "at" < $moment
), linked AS (
  SELECT s.visitor, s.customer, s.from_at, s.until_at
  FROM spans s JOIN pairs p ON p.visitor = s.visitor AND p.customer = s.customer
  WHERE p.verdict = 'linked' AND s.from_at < s.until_at
)
SELECT l.visitor, coalesce(phone.customer, l.customer) AS customer, l.from_at, l.until_at
FROM linked l LEFT JOIN linked phone ON phone.visitor = '{PHONE}' || l.customer ORDER BY l.visitor, l.from_at
"""
"""A browser that was signed in as a telephone number is the customer's whose number it is."""


def runs_of(lake: Lake, batch: Batch) -> pa.Table:
    """Every run of every browser: (visitor, customer, at, run), ``run`` counts a browser's from 1."""
    with batch.over(lake, {}) as tables:
        return tables.ask(_RUNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What is known of who used which browser, and what may be made of it."""

    runs: pa.Table
    rules: LinkRules
    apart: Collection[str] = ()
    """Browsers that were unlinked: at every moment as if nobody had ever signed in with them."""
    agreed: pa.Array | None = None
    """Person keys of whom something may be joined; None: of everybody."""

    def links(self, moment: datetime) -> pa.Table:
        """The spans (``LINKS``) that were known before a moment."""
        if not self.runs.num_rows:
            return NO_LINKS
        window = f"INTERVAL {self.rules.window_micros} MICROSECOND"
        sql = _LINKS.format(pairs=self._pairs()).replace("$window", window)
        return self._ask(sql, moment).cast(LINKS)

    def pairs(self, moment: datetime) -> pa.Table:
        """Each browser and customer who were seen together before a moment: since when, how many runs, how many
        customers the browser had and browsers the customer, and the ``Verdict``."""
        return self._ask(f"{self._pairs()} ORDER BY visitor, customer", moment)

    def about(self, person: str) -> "Identity":
        """The same for questions about one customer or visitor: with the browsers of theirs alone."""
        visitor = person.removeprefix("visitor:")
        who = pc.field("visitor") == visitor
        if visitor == person:
            lent = pc.field("visitor") == PHONE + person
            theirs = self.runs.filter((pc.field("customer") == person) | lent)
            names = [person, *theirs.column("customer").to_pylist()]
            names += [
                name.removeprefix(PHONE) for name in theirs.column("visitor").to_pylist() if name.startswith(PHONE)
            ]
            who = pc.field("customer").isin(names) | lent
        theirs = self.runs.filter(who)
        if visitor != person:  # whether a customer has too many browsers is seen from all of them
            theirs = self.runs.filter(pc.is_in(self.runs.column("customer"), value_set=pc.unique(theirs["customer"])))
        browsers = pc.unique(theirs.column("visitor"))
        return replace(self, runs=self.runs.filter(pc.is_in(self.runs.column("visitor"), value_set=browsers)))

    def whose(self, person: PersonKey, moment: datetime) -> PersonKey:
        """The customer whose telephone number this is; any other key itself."""
        if not person.startswith("+"):
            return person
        found = self.about(person).links(moment).filter(pc.field("visitor") == PHONE + person).to_pylist()
        return PersonKey(found[0]["customer"]) if found else person

    def counts(self, moment: datetime) -> dict[str, int]:
        """How many browsers were seen signed in, are linked, and are not, by the first reason why."""
        (row,) = self._ask(_COUNTS.format(pairs=self._pairs()), moment).to_pylist()
        return {name: int(value) for name, value in row.items()}

    def crowds(self, moment: datetime, most: int) -> list[dict[str, Any]]:
        """The browsers with too many customers and the customers with too many browsers: (kind, id, others)."""
        rows: list[dict[str, Any]] = self._ask(_CROWDS.format(pairs=self._pairs()), moment, most=most).to_pylist()
        return rows

    def runs_of(self, keys: pa.Array, moment: datetime) -> Runs:
        """The runs that began before a moment, of browsers whose keys are among some person keys: for serving."""
        before = pc.field("at") < pa.scalar(moment, _TIME)
        found = of_those(self.runs.filter(before), keys, customers=False).sort_by(
            [("visitor", "ascending"), ("run", "ascending")]
        )
        return Runs(
            visitor=_in_bytes(found.column("visitor")), customer=_in_bytes(found.column("customer")),
            at=found.column("at").cast(pa.int64()).to_numpy(),
        )  # fmt: skip

    def _pairs(self) -> str:
        return _PAIRS.format(agreed="TRUE" if self.agreed is None else _AGREED)

    def _ask(self, sql: str, moment: datetime, **more: int) -> pa.Table:
        values: dict[str, Any] = {
            "moment": moment, "most_customers": self.rules.most_customers, "most_visitors": self.rules.most_visitors,
            **more,
        }  # fmt: skip
        with _DUCK.session() as con:
            con.register("runs", self.runs)
            con.register("apart", pa.table({"visitor": pa.array(sorted(self.apart), pa.string())}))
            if self.agreed is not None:
                con.register("agreed", pa.table({"person": self.agreed}))
            return con.sql(sql, params=values).to_arrow_table()


def of_those(rows: pa.Table, keys: pa.Array, *, customers: bool = True) -> pa.Table:
    """Spans or runs of browsers and (where not told otherwise) customers who are among some person keys."""
    if not rows.num_rows:
        return rows
    names = rows.column("visitor")
    own = pc.if_else(
        pc.starts_with(names, PHONE), pc.utf8_slice_codeunits(names, len(PHONE)),
        pc.binary_join_element_wise("visitor:", names, ""),
    )  # fmt: skip
    inside = pc.is_in(own, value_set=keys)
    return rows.filter(pc.and_(inside, pc.is_in(rows.column("customer"), value_set=keys)) if customers else inside)


def _in_bytes(names: pa.ChunkedArray) -> NDArray[np.bytes_]:
    return np.array(names.cast(pa.binary()).to_pylist(), "S" if len(names) else "S1")
