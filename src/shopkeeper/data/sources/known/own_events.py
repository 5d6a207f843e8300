"""Our own events as JSON Lines, the way the API takes them: an order's ``lines`` stand inside its event."""

from typing import Final

from shopkeeper.data.sources.known.format import Known, Part, each, text

_AMOUNTS: Final = ", ".join(f"{text('one', name)} AS {name}" for name in ("price", "discount", "tax", "refund"))
_LINES: Final = f"""
SELECT {{line}}, coalesce("order", id) AS "order", number AS line, "at", visitor, customer,
  {text("one", "product")} AS product, {text("one", "variant")} AS variant,
  CASE WHEN action = 'order_return' THEN '-' ELSE '' END || ltrim(coalesce({text("one", "quantity")}, '1'), '-')
    AS quantity,
  {_AMOUNTS}, currency, decision, id AS event
FROM (SELECT *, unnest({each("lines")}) AS one, unnest(range(1, len({each("lines")}) + 1))::VARCHAR AS number
      FROM {{rows}} WHERE action IN ('order', 'order_return'))
"""

OWN_EVENTS: Final = Known(
    name="Shopkeeper events",
    needs=("action", "lines"),
    uses=("id", "at", "visitor", "customer", "order", "currency", "decision"),
    nested=("lines",),
    parts=(
        Part(kind="order_lines", select=_LINES, of="events", orders=False, returns=True),
        Part(kind="events", select='SELECT * EXCLUDE (lines) FROM {rows}'),
    ),
)  # fmt: skip
