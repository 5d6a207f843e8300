-- One row a customer who ordered from $since on and before the snapshot's moment: how often, how much, when, and in which way.
-- $currency: money in other currencies is left out; $timezone: where the clock of weekdays and hours hangs. Counts of
-- orders by weekday and hour add up to "orders"; "cheap_lines" and "dear_lines" are lines of the lowest and the highest
-- third of their category by list price, out of "banded_lines". Spending is after discounts and refunds.
-- Logarithms of prices are whole millionths: whole numbers add up to the same in any order.
WITH goods AS (
  SELECT id, CASE WHEN price_minor IS NULL OR category_1 IS NULL THEN NULL
                  ELSE ntile(3) OVER (PARTITION BY category_1, price_minor IS NULL ORDER BY price_minor, id) END AS band
  FROM products
), lines AS (
  SELECT customer AS person, coalesce(event_id, order_id) AS event, l."at", coalesce(quantity, 1) > 0 AS bought, band,
         CASE WHEN currency = $currency THEN floor(abs(coalesce(quantity, 1)) * coalesce(price_minor, 0) + 0.5) ELSE 0 END AS gross,
         CASE WHEN currency = $currency THEN coalesce(discount_minor, 0) ELSE 0 END AS discount,
         CASE WHEN currency = $currency THEN refund_minor END AS refund,
         CASE WHEN currency = $currency AND price_minor > 0
              THEN CAST(floor(ln(price_minor) * 1000000 + 0.5) AS BIGINT) END AS log_price
  FROM order_lines l LEFT JOIN goods ON goods.id = l.product
  WHERE customer IS NOT NULL AND l."at" >= $since
), orders AS (
  SELECT person, event, bought, min("at") AS ordered_at, count(*) AS lines, sum(gross) AS gross, sum(discount) AS discount,
         sum(CASE WHEN bought THEN gross - discount - coalesce(refund, 0) ELSE -coalesce(refund, gross - discount) END) AS paid,
         count(log_price) AS priced, sum(log_price) AS logs, count(band) AS banded,
         sum(CASE WHEN band = 1 THEN 1 ELSE 0 END) AS cheap, sum(CASE WHEN band = 3 THEN 1 ELSE 0 END) AS dear
  FROM lines GROUP BY person, event, bought
), timed AS (
  SELECT *, extract(isodow FROM ordered_at AT TIME ZONE $timezone) >= 6 AS weekend,
         extract(hour FROM ordered_at AT TIME ZONE $timezone) AS hour
  FROM orders
)
SELECT person, min(CASE WHEN bought THEN ordered_at END) AS first_order_at,
       max(CASE WHEN bought THEN ordered_at END) AS last_order_at,
       CAST(sum(CASE WHEN bought THEN 1 ELSE 0 END) AS DOUBLE) AS orders, CAST(sum(paid) AS DOUBLE) AS spend,
       CAST(sum(CASE WHEN bought THEN 0 ELSE 1 END) AS DOUBLE) AS returns,
       CAST(sum(CASE WHEN bought THEN lines ELSE 0 END) AS DOUBLE) AS lines,
       CAST(sum(CASE WHEN bought THEN gross ELSE 0 END) AS DOUBLE) AS gross,
       CAST(sum(CASE WHEN bought THEN discount ELSE 0 END) AS DOUBLE) AS discount,
       exp(CAST(sum(CASE WHEN bought THEN logs END) AS DOUBLE) / nullif(sum(CASE WHEN bought THEN priced ELSE 0 END), 0) / 1000000) AS usual_price,
       CAST(sum(CASE WHEN bought AND weekend THEN 1 ELSE 0 END) AS DOUBLE) AS weekend_orders,
       CAST(sum(CASE WHEN bought AND hour >= 5 AND hour < 12 THEN 1 ELSE 0 END) AS DOUBLE) AS morning_orders,
       CAST(sum(CASE WHEN bought AND hour >= 12 AND hour < 17 THEN 1 ELSE 0 END) AS DOUBLE) AS afternoon_orders,
       CAST(sum(CASE WHEN bought AND hour >= 17 AND hour < 22 THEN 1 ELSE 0 END) AS DOUBLE) AS evening_orders,
       CAST(sum(CASE WHEN bought AND (hour >= 22 OR hour < 5) THEN 1 ELSE 0 END) AS DOUBLE) AS night_orders,
       CAST(sum(CASE WHEN bought THEN banded ELSE 0 END) AS DOUBLE) AS banded_lines,
       CAST(sum(CASE WHEN bought THEN cheap ELSE 0 END) AS DOUBLE) AS cheap_lines,
       CAST(sum(CASE WHEN bought THEN dear ELSE 0 END) AS DOUBLE) AS dear_lines
FROM timed
GROUP BY person
HAVING sum(CASE WHEN bought THEN 1 ELSE 0 END) > 0
ORDER BY person
