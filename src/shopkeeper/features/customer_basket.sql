-- Long: a person's usual basket: the products they bought in at least three orders, and the share of their orders that
-- each was part of.
WITH bought AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, coalesce(event_id, order_id) AS event, "at"
  FROM order_lines
  WHERE coalesce(quantity, 1) > 0 AND product IS NOT NULL AND coalesce(customer, visitor) IS NOT NULL
), totals AS (
  SELECT person, count(DISTINCT event) AS orders FROM bought GROUP BY person
), parts AS (
  SELECT person, product, count(DISTINCT event) AS orders, max("at") AS last_order_at
  FROM bought GROUP BY person, product
)
SELECT parts.person, product, parts.orders, parts.orders / totals.orders AS order_share, last_order_at
FROM parts JOIN totals ON totals.person = parts.person
WHERE parts.orders >= 3
ORDER BY parts.person, parts.orders DESC, product
