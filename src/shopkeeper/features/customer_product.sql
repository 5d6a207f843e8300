-- Long: what a person did with each product. "weight" is as in customer_category; "orders" counts the orders it was
-- part of. $moment: when.
WITH acts AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, "at", CAST(NULL AS VARCHAR) AS bought_in,
         CASE action WHEN 'product_view' THEN 1.0 WHEN 'click' THEN 1.0 WHEN 'wishlist_add' THEN 2.0
                     WHEN 'cart_add' THEN 3.0 END AS worth
  FROM events
  WHERE action IN ('product_view', 'click', 'wishlist_add', 'cart_add') AND product IS NOT NULL
  UNION ALL
  SELECT coalesce(customer, 'visitor:' || visitor), product, "at", coalesce(event_id, order_id), 5.0
  FROM order_lines WHERE coalesce(quantity, 1) > 0 AND product IS NOT NULL
), by_order AS (
  SELECT person, product, bought_in, count(*) AS acts, max("at") AS last_at,
         sum(CAST(floor(worth * pow(2.0, (epoch_us("at") - epoch_us($moment)) / (60 * 86400000000.0)) * 1e9 + 0.5) AS BIGINT)) AS weight
  FROM acts WHERE person IS NOT NULL GROUP BY person, product, bought_in
)
SELECT person, product, sum(weight) / 1e9 AS weight, CAST(sum(acts) AS BIGINT) AS acts,
       count(bought_in) AS orders, max(CASE WHEN bought_in IS NOT NULL THEN last_at END) AS last_order_at
FROM by_order GROUP BY person, product
ORDER BY person, product
