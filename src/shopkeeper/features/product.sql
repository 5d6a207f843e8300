-- One row a product that anybody did anything with: who buys it, how much of it goes, how it is doing lately.
-- "recent_units" counts each unit sold half as much every 60 days. $moment: when; $currency: money in other
-- currencies is left out. Units are summed as whole millionths (lately: billionths), so that no order of the rows
-- changes a digit. The columns after "return_share" are what a row can be folded on with.
WITH lines AS (
  SELECT product, coalesce(customer, 'visitor:' || visitor) AS person, coalesce(event_id, order_id) AS event, "at",
         coalesce(quantity, 1) > 0 AS bought, coalesce(currency = $currency, FALSE) AS ours,
         CAST(floor(abs(coalesce(quantity, 1)) * 1e6 + 0.5) AS HUGEINT) AS millionths,
         CAST(floor(abs(coalesce(quantity, 1)) * coalesce(price_minor, 0) + 0.5) AS BIGINT) AS gross,
         coalesce(discount_minor, 0) AS discount, refund_minor
  FROM order_lines WHERE product IS NOT NULL
), by_order AS (
  SELECT product, person, CASE WHEN bought THEN event END AS bought_in,
         sum(CASE WHEN bought THEN millionths ELSE 0 END) AS sold,
         sum(CASE WHEN bought THEN 0 ELSE millionths END) AS returned,
         sum(CASE WHEN NOT ours THEN 0
                  WHEN bought THEN gross - discount - coalesce(refund_minor, 0)
                  ELSE -coalesce(refund_minor, gross - discount) END) AS paid,
         sum(CASE WHEN bought THEN CAST(floor(
               millionths * pow(2.0, (epoch_us("at") - epoch_us($moment)) / (60 * 86400000000.0)) * 1e3 + 0.5) AS HUGEINT)
                  ELSE 0 END) AS recent,
         max(CASE WHEN bought THEN "at" END) AS last_sold_at
  FROM lines GROUP BY 1, 2, 3
), buyers AS (
  SELECT product, person, count(bought_in) AS orders, sum(sold) AS sold, sum(returned) AS returned, sum(paid) AS paid,
         sum(recent) AS recent, max(last_sold_at) AS last_sold_at
  FROM by_order GROUP BY product, person
), selling AS (
  SELECT product, sum(CASE WHEN orders > 0 AND person IS NOT NULL THEN 1 ELSE 0 END) AS buyers,
         sum(CASE WHEN orders > 1 AND person IS NOT NULL THEN 1 ELSE 0 END) AS repeat_buyers,
         sum(orders) AS orders, sum(sold) / 1e6 AS sold, sum(returned) / 1e6 AS returned,
         sum(paid) AS paid, sum(recent) / 1e9 AS recent,
         max(last_sold_at) AS last_sold_at
  FROM buyers GROUP BY product
), looking AS (
  SELECT product, sum(CASE WHEN action = 'product_view' THEN 1 ELSE 0 END) AS views,
         sum(CASE WHEN action = 'cart_add' THEN 1 ELSE 0 END) AS cart_adds
  FROM events WHERE product IS NOT NULL AND action IN ('product_view', 'cart_add') GROUP BY product
)
SELECT coalesce(s.product, l.product) AS product,
       CAST(coalesce(buyers, 0) AS BIGINT) AS buyers, CAST(coalesce(orders, 0) AS BIGINT) AS orders,
       CAST(coalesce(sold - returned, 0) AS DOUBLE) AS units, CAST(coalesce(paid, 0) AS BIGINT) AS revenue_minor,
       CAST(coalesce(recent, 0) AS DOUBLE) AS recent_units,
       CAST(coalesce(views, 0) AS BIGINT) AS views, CAST(coalesce(cart_adds, 0) AS BIGINT) AS cart_adds, last_sold_at,
       CASE WHEN buyers > 0 THEN repeat_buyers / buyers END AS repeat_share,
       CASE WHEN sold > 0 THEN returned / sold END AS return_share,
       CAST(coalesce(sold, 0) AS DOUBLE) AS sold, CAST(coalesce(returned, 0) AS DOUBLE) AS returned
FROM selling s FULL JOIN looking l ON s.product = l.product
ORDER BY product
