-- Long: a person's last 20 acts with a product, newest first; ties by event id and line. A return has the action
-- order_return.
WITH acts AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, "at", id AS event, 0 AS line, action, product
  FROM events
  WHERE product IS NOT NULL AND action NOT IN ('order', 'order_return', 'order_cancel', 'stock_change', 'price_change')
  UNION ALL
  SELECT coalesce(customer, 'visitor:' || visitor), "at", coalesce(event_id, order_id), coalesce(line, 1),
         CASE WHEN coalesce(quantity, 1) > 0 THEN 'order' ELSE 'order_return' END, product
  FROM order_lines WHERE product IS NOT NULL
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY person ORDER BY "at" DESC, event DESC, line DESC) AS place
  FROM acts WHERE person IS NOT NULL
)
SELECT person, place, "at", event, line, action, product FROM ranked WHERE place <= 20 ORDER BY person, place
