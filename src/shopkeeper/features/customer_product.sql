-- Long: what a person did with each product. "weight" is as in customer_category; "orders" counts the orders it was
-- part of. $moment: when.
WITH bought AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, coalesce(event_id, order_id) AS bought_in,
         count(*) AS acts, max("at") AS "at",
         sum(CAST(floor(5.0 * pow(2.0, (epoch_us("at") - epoch_us($moment)) / (60 * 86400000000.0)) * 1e9 + 0.5) AS BIGINT)) AS worth
  FROM order_lines
  WHERE coalesce(quantity, 1) > 0 AND product IS NOT NULL AND coalesce(customer, visitor) IS NOT NULL
  GROUP BY 1, 2, 3
), acts AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, 1 AS acts, 0 AS orders,
         CAST(NULL AS TIMESTAMPTZ) AS last_order_at,
         CAST(floor(CASE action WHEN 'product_view' THEN 1.0 WHEN 'click' THEN 1.0 WHEN 'wishlist_add' THEN 2.0
                                WHEN 'cart_add' THEN 3.0 END
                    * pow(2.0, (epoch_us("at") - epoch_us($moment)) / (60 * 86400000000.0)) * 1e9 + 0.5) AS BIGINT) AS worth
  FROM events
  WHERE action IN ('product_view', 'click', 'wishlist_add', 'cart_add') AND product IS NOT NULL
        AND coalesce(customer, visitor) IS NOT NULL
  UNION ALL
  SELECT person, product, acts, CASE WHEN bought_in IS NULL THEN 0 ELSE 1 END,
         CASE WHEN bought_in IS NOT NULL THEN "at" END, worth FROM bought
)
SELECT person, product, sum(worth) / 1e9 AS weight, CAST(sum(acts) AS BIGINT) AS acts,
       CAST(sum(orders) AS BIGINT) AS orders, max(last_order_at) AS last_order_at
FROM acts GROUP BY person, product
ORDER BY person, product
