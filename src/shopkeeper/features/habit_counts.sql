-- Long: what a person's orders are like, counted: the hour and weekday they order at (in the zone $timezone), the
-- price band (third of its category's products by price) and brand of what they buy, and the channel they come through.
WITH lines AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, coalesce(event_id, order_id) AS event,
         "at" AT TIME ZONE $timezone AS local_at, product
  FROM order_lines WHERE coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL
), orders AS (
  SELECT person, event, min(local_at) AS local_at FROM lines GROUP BY person, event
), goods AS (
  SELECT id, brand, CASE WHEN price_minor IS NULL OR category_1 IS NULL THEN NULL
                         ELSE ntile(3) OVER (PARTITION BY category_1, price_minor IS NULL ORDER BY price_minor) END AS band
  FROM products
)
SELECT person, 'hour' AS habit, CAST(extract(hour FROM local_at) AS VARCHAR) AS value, count(*) AS acts
FROM orders GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'weekday', CAST(extract(isodow FROM local_at) AS VARCHAR), count(*) FROM orders GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'price_band', CAST(band AS VARCHAR), count(*)
FROM lines JOIN goods ON goods.id = lines.product WHERE band IS NOT NULL GROUP BY 1, 2, 3
UNION ALL
SELECT person, 'brand', brand, count(*)
FROM lines JOIN goods ON goods.id = lines.product WHERE brand IS NOT NULL GROUP BY 1, 2, 3
UNION ALL
SELECT coalesce(customer, 'visitor:' || visitor), 'channel', channel, count(*)
FROM events WHERE channel IS NOT NULL AND coalesce(customer, visitor) IS NOT NULL GROUP BY 1, 2, 3
