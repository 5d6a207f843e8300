-- Long: what a person's orders are like, counted: the hour and weekday they order at (in the zone $timezone), the widest
-- category, brand and price band (third of its category's products by price) of what they buy, which lines were bought
-- below their list price ("deal"), which came back ("returned"), and the channel they come through. $currency: prices in
-- other currencies are of no band and no deal.
WITH goods AS (
$product_band$
), lines AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, coalesce(event_id, order_id) AS event, "at",
         coalesce(quantity, 1) > 0 AS bought, category_1 AS category, brand, band,
         CASE WHEN currency = $currency AND price_minor > 0
              THEN CASE WHEN coalesce(discount_minor, 0) > 0 THEN 1 ELSE 0 END END AS deal
  FROM order_lines LEFT JOIN goods ON goods.id = order_lines.product
  WHERE coalesce(customer, visitor) IS NOT NULL
), orders AS (
  SELECT person, event, min("at") AT TIME ZONE $timezone AS local_at FROM lines WHERE bought GROUP BY person, event
), whole AS (
  SELECT person, count(CASE WHEN bought THEN deal END) AS priced,
         CAST(coalesce(sum(CASE WHEN bought THEN deal END), 0) AS BIGINT) AS deals,
         CAST(sum(CASE WHEN bought THEN 1 ELSE 0 END) AS BIGINT) AS kept,
         CAST(sum(CASE WHEN bought THEN 0 ELSE 1 END) AS BIGINT) AS returned
  FROM lines GROUP BY person
)
SELECT person, 'hour' AS habit, CAST(extract(hour FROM local_at) AS VARCHAR) AS value, count(*) AS acts
FROM orders GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'weekday', CAST(extract(isodow FROM local_at) AS VARCHAR), count(*) FROM orders GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'price_band', band, count(*) FROM lines WHERE bought AND band IS NOT NULL GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'category', category, count(*) FROM lines WHERE bought AND category IS NOT NULL GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'brand', brand, count(*) FROM lines WHERE bought AND brand IS NOT NULL GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'discount', 'deal', deals FROM whole WHERE priced > 0
UNION ALL
SELECT person, 'discount', 'full', priced - deals FROM whole WHERE priced > 0
UNION ALL
SELECT person, 'return', 'returned', least(returned, kept) FROM whole WHERE kept > 0
UNION ALL
SELECT person, 'return', 'kept', kept - least(returned, kept) FROM whole WHERE kept > 0
UNION ALL
SELECT coalesce(customer, 'visitor:' || visitor), 'channel', channel, count(*)
FROM events WHERE channel IS NOT NULL AND coalesce(customer, visitor) IS NOT NULL GROUP BY 1, 2, 3
