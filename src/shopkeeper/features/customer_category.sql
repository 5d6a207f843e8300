-- Long: how much a person cares for each widest category: what they did with its products, each act weighing half as
-- much every 60 days. $moment: when. Weights are summed as whole billionths: no order of the rows changes a digit.
WITH acts AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, "at",
         CASE action WHEN 'product_view' THEN 1.0 WHEN 'click' THEN 1.0 WHEN 'wishlist_add' THEN 2.0
                     WHEN 'cart_add' THEN 3.0 END AS worth
  FROM events
  WHERE action IN ('product_view', 'click', 'wishlist_add', 'cart_add') AND product IS NOT NULL
  UNION ALL
  SELECT coalesce(customer, 'visitor:' || visitor), product, "at", 5.0
  FROM order_lines WHERE coalesce(quantity, 1) > 0
)
SELECT person, category_1 AS category,
       sum(CAST(floor(worth * pow(2.0, (epoch_us(acts."at") - epoch_us($moment)) / (60 * 86400000000.0)) * 1e9 + 0.5) AS BIGINT))
         / 1e9 AS weight, count(*) AS acts
FROM acts JOIN products ON products.id = acts.product
WHERE person IS NOT NULL AND category_1 IS NOT NULL
GROUP BY person, category_1
ORDER BY person, weight DESC, category
