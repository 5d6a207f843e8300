"""UCI's Online Retail order lines: cancellations are invoices that begin with C, and some stock codes are no products.

What is no sale and no cancellation (a negative quantity in another invoice) moves stock and is held; so are the
adjustments of bad debts, invoices that begin with A, whose negative halves no price can be. Postage, fees and
the like stay lines of their orders; as products they are not offered to anybody.
Source: Chen, D. (2019), Online Retail II, UCI Machine Learning Repository, doi:10.24432/C5CG6D.
"""

from typing import Final

from shopkeeper.data.rows import Refused
from shopkeeper.data.sources.known.format import Known, Part

NOT_PRODUCTS: Final = (
    "POST", "DOT", "M", "m", "D", "S", "B", "C2", "C3", "BANK CHARGES", "ADJUST", "ADJUST2", "AMAZONFEE", "CRUK",
    "GIFT", "TEST001", "TEST002",
)  # fmt: skip
"""Postage, carriage, manual entries, discounts, samples, bad debt, bank and marketplace fees, donations, tests."""
_LINES: Final = """
SELECT {{line}}, "{invoice}" AS "order", "InvoiceDate" AS "at", regexp_replace("{customer}", '\\.0$', '') AS customer,
  "StockCode" AS product, "Quantity" AS quantity, "{price}" AS price
FROM {{rows}}
"""
_PRODUCTS: Final = """
WITH dated AS (
  SELECT *, coalesce(strftime(try_strptime("InvoiceDate", nullif({{dates}}, '')), '%Y-%m-%d %H:%M:%S'), "InvoiceDate")
    AS moment FROM {{rows}}
)
SELECT min({{line}}) AS {{line}}, "StockCode" AS id,
  coalesce(min_by("Description", (moment, "Description")) FILTER ("Description" IS NOT NULL), "StockCode") AS name,
  min_by("{price}", (moment, "{price}")) FILTER (regexp_full_match("{price}", '[0-9]+(\\.[0-9][0-9]?0*)?')
    AND TRY_CAST("{price}" AS DOUBLE) > 0) AS price,
  CASE WHEN "StockCode" IN {codes!r} THEN 'false' ELSE 'true' END AS active,
  CASE WHEN "StockCode" IN {codes!r} THEN '["not_recommendable"]' END AS tags,
  min_by("InvoiceDate", moment) AS "at"
FROM dated WHERE "StockCode" IS NOT NULL GROUP BY "StockCode"
"""
_ADJUSTMENT: Final = Refused(
    reason="stock_adjustment", column="quantity",
    condition="""starts_with(quantity, '-') AND upper(left("order", 1)) <> 'C'""",
)  # fmt: skip
_BAD_DEBT: Final = Refused(
    reason="debt_adjustment", column="order", condition="""upper(left("order", 1)) = 'A' AND product = 'B'""",
)  # fmt: skip
_SALE_IN_CANCELLATION: Final = Refused(
    reason="sale_in_cancellation", column="quantity",
    condition="""NOT starts_with(quantity, '-') AND upper(left("order", 1)) = 'C'""",
)  # fmt: skip


def _format(name: str, invoice: str, price: str, customer: str) -> Known:
    names = {"invoice": invoice, "price": price, "customer": customer, "codes": NOT_PRODUCTS}
    return Known(
        name=name, needs=(invoice, "StockCode", "Description", "Quantity", "InvoiceDate", price, customer),
        parts=(
            Part(kind="products", select=_PRODUCTS.format(**names), derived=True),
            Part(
                kind="order_lines", select=_LINES.format(**names), returns=True,
                refused=(_BAD_DEBT, _ADJUSTMENT, _SALE_IN_CANCELLATION),
            ),
        ),
        dated="InvoiceDate", declared={"currency": "GBP", "timezone": "Europe/London"},
    )  # fmt: skip


ONLINE_RETAIL: Final = _format("UCI Online Retail", "InvoiceNo", "UnitPrice", "CustomerID")
ONLINE_RETAIL_II: Final = _format("UCI Online Retail II", "Invoice", "Price", "Customer ID")
