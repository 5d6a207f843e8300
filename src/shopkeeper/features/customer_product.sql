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
)
SELECT person, product,
       sum(CAST(floor(worth * pow(2.0, (epoch_us("at") - epoch_us($moment)) / (60 * 86400000000.0)) * 1e9 + 0.5) AS BIGINT))
         / 1e9 AS weight, count(*) AS acts,
       count(DISTINCT bought_in) AS orders, max(CASE WHEN bought_in IS NOT NULL THEN "at" END) AS last_order_at
FROM acts WHERE person IS NOT NULL
GROUP BY person, product
ORDER BY person, product
