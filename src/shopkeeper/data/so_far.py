"""What has come back of an order so far, as some systems state it again in each export, turned into what is new.

An export's row says "of this order so much was refunded until now", or "this order was cancelled: all of it". The shop
keeps what came back since it last heard of the order, so that revenue is right whichever exports it saw. More than is
known is an event of its own (its id ends with the sum); as much is a duplicate, less a conflict.
"""

from typing import Any, Final

from shopkeeper.core.action import BACK_SQL
from shopkeeper.data.marks import DUPLICATE, ID_CONFLICT

_BACK: Final = f"action IN {BACK_SQL} AND order_id IS NOT NULL"
_NOTHING: Final = "SELECT NULL AS id, NULL AS order_id, NULL AS currency, 0 AS price_minor LIMIT 0"
_KNOWN: Final = f"""
SELECT id, order_id, currency, price_minor FROM {{events}} WHERE {_BACK}
AND order_id IN (SELECT order_id FROM staged WHERE code = 0 AND {_BACK})
"""
_SUMS: Final = f"""
CREATE TABLE sums AS
WITH known AS ({{known}}), told AS (
  SELECT rowid AS row, id, action, order_id, currency, price_minor AS total FROM staged WHERE code = 0 AND {_BACK}
), back AS (
  SELECT order_id, currency, sum(price_minor) AS back FROM known GROUP BY ALL
), own AS (
  SELECT row, sum(coalesce(price_minor, 0)) AS said FROM told JOIN known USING (order_id)
  WHERE known.id = told.id OR starts_with(known.id, told.id || ':') GROUP BY row
), placed AS (
  SELECT row, said, total, row_number() OVER (PARTITION BY id ORDER BY total, row) AS place,
    greatest(coalesce(back, 0), coalesce(max(total) OVER earlier, 0)) AS before
  FROM told LEFT JOIN own USING (row) LEFT JOIN back USING (order_id, currency)
  WINDOW earlier AS (
    PARTITION BY order_id ORDER BY total, action DESC, row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT row, said, total, CASE WHEN total > before THEN (total - before)::BIGINT END AS new,
  said IS NOT NULL OR place > 1 AS again FROM placed
"""
"""``said``: what is known under the row's own id; ``new``: what came back since; ``again``: the id is known."""
_TOLD: Final = """
UPDATE staged SET price_minor = new, id = CASE WHEN again THEN id || ':' || total ELSE id END
FROM sums WHERE staged.rowid = sums.row AND (new IS NOT NULL OR NOT again)
"""
_MARKED: Final = f"""
INSERT INTO marked SELECT row, CASE WHEN total < said THEN {ID_CONFLICT} ELSE {DUPLICATE} END
FROM sums WHERE again AND new IS NULL
"""


def tell_apart(con: Any, events: str) -> None:
    """Change the staged rows that state such sums, and mark those that say nothing new. ``events``: SQL of the events
    that the shop knows, empty where there are none."""
    for sql in (_SUMS.format(known=_KNOWN.format(events=events) if events else _NOTHING), _TOLD, _MARKED):
        con.execute(sql)
