-- One row a person: how recently, how often and for how much they bought, and what they did besides.
-- $moment: when; $currency: money in other currencies is left out. A line's money is rounded to whole minor units. The price
-- of a return or cancellation was paid back beside what its lines take back.
-- The columns after "cart_adds" are the sums that the numbers are made of: with them a row can be folded on. Logarithms
-- are summed as whole millionths, so that no order of the rows changes a digit.
WITH lines AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, coalesce(event_id, order_id) AS event, "at",
         coalesce(quantity, 1) > 0 AS bought, coalesce(currency = $currency, FALSE) AS ours,
         CAST(floor(abs(coalesce(quantity, 1)) * coalesce(price_minor, 0) + 0.5) AS BIGINT) AS gross,
         coalesce(discount_minor, 0) AS discount, refund_minor,
         CASE WHEN currency = $currency AND price_minor > 0
              THEN CAST(floor(ln(price_minor) * 1000000 + 0.5) AS BIGINT) END AS price_log
  FROM order_lines WHERE coalesce(customer, visitor) IS NOT NULL
), orders AS (
  SELECT person, event, bought, min("at") AS first_at, max("at") AS last_at, count(*) AS lines,
         max(CASE WHEN ours THEN 1 ELSE 0 END) AS in_currency,
         sum(CASE WHEN ours THEN gross ELSE 0 END) AS gross,
         sum(CASE WHEN ours THEN discount ELSE 0 END) AS discount,
         sum(CASE WHEN NOT ours THEN 0
                  WHEN bought THEN gross - discount - coalesce(refund_minor, 0)
                  ELSE -coalesce(refund_minor, gross - discount) END) AS paid,
         count(price_log) AS priced, sum(price_log) AS logs, sum(CAST(price_log * price_log AS HUGEINT)) AS squares
  FROM lines GROUP BY person, event, bought
), buying AS (
  SELECT person, max(last_at) AS last_at,
         min(CASE WHEN bought THEN first_at END) AS first_order_at,
         max(CASE WHEN bought THEN last_at END) AS last_order_at,
         sum(CASE WHEN bought THEN 1 ELSE 0 END) AS orders,
         sum(CASE WHEN bought THEN 0 ELSE 1 END) AS returns,
         sum(paid) AS monetary_minor,
         sum(CASE WHEN bought THEN lines END) AS lines,
         sum(CASE WHEN bought THEN 0 ELSE lines END) AS returned_lines,
         sum(CASE WHEN bought THEN in_currency END) AS paid_orders,
         sum(CASE WHEN bought THEN gross END) AS gross_minor,
         sum(CASE WHEN bought THEN discount END) AS discount_minor,
         sum(CASE WHEN bought THEN priced END) AS priced_lines,
         sum(CASE WHEN bought THEN logs END) AS price_logs,
         sum(CASE WHEN bought THEN squares END) AS price_log_squares
  FROM orders GROUP BY person
), doing AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, max("at") AS last_at,
         sum(CASE WHEN action = 'product_view' THEN 1 ELSE 0 END) AS views,
         sum(CASE WHEN action = 'cart_add' THEN 1 ELSE 0 END) AS cart_adds,
         sum(CASE WHEN action IN ('order_return', 'order_cancel') AND currency = $currency THEN price_minor END) AS back_minor
  FROM events
  WHERE coalesce(customer, visitor) IS NOT NULL AND action NOT IN ('stock_change', 'price_change')
  GROUP BY coalesce(customer, 'visitor:' || visitor)
), known AS (
  SELECT coalesce(d.person, b.person) AS person,
         CASE WHEN d.last_at > b.last_at OR b.last_at IS NULL THEN d.last_at ELSE b.last_at END AS last_seen_at,
         first_order_at, last_order_at,
         CAST(coalesce(orders, 0) AS BIGINT) AS orders, CAST(coalesce(returns, 0) AS BIGINT) AS returns,
         CAST(coalesce(monetary_minor, 0) - coalesce(back_minor, 0) AS BIGINT) AS monetary_minor,
         CAST(coalesce(views, 0) AS BIGINT) AS views, CAST(coalesce(cart_adds, 0) AS BIGINT) AS cart_adds,
         CAST(coalesce(lines, 0) AS BIGINT) AS lines, CAST(coalesce(returned_lines, 0) AS BIGINT) AS returned_lines,
         CAST(coalesce(paid_orders, 0) AS BIGINT) AS paid_orders,
         CAST(coalesce(gross_minor, 0) AS BIGINT) AS gross_minor,
         CAST(coalesce(discount_minor, 0) AS BIGINT) AS discount_minor,
         CAST(coalesce(priced_lines, 0) AS BIGINT) AS priced_lines,
         CAST(coalesce(price_logs, 0) AS BIGINT) AS price_logs,
         CAST(coalesce(price_log_squares, 0) AS HUGEINT) AS price_log_squares
  FROM doing d FULL JOIN buying b ON d.person = b.person
)
SELECT person, last_seen_at, first_order_at, last_order_at,
       (epoch_us($moment) - epoch_us(last_order_at)) / 86400000000.0 AS recency_days,
       orders, monetary_minor,
       CASE WHEN orders > 0 THEN lines / orders END AS mean_basket_lines,
       CASE WHEN paid_orders > 0 THEN (gross_minor - discount_minor) / paid_orders END AS mean_basket_minor,
       CASE WHEN orders > 1 THEN (epoch_us(last_order_at) - epoch_us(first_order_at)) / 86400000000.0 / (orders - 1)
            END AS days_between_orders,
       CASE WHEN priced_lines > 0 THEN exp(price_logs / priced_lines / 1000000) END AS usual_price_minor,
       CASE WHEN priced_lines > 0
            THEN sqrt(CAST(priced_lines * price_log_squares - CAST(price_logs AS HUGEINT) * price_logs AS DOUBLE))
                 / priced_lines / 1000000 END AS price_spread,
       CASE WHEN gross_minor > 0 THEN discount_minor / gross_minor END AS discount_share,
       CASE WHEN lines > 0 THEN least(returned_lines / lines, 1.0) END AS return_rate,
       returns, views, cart_adds,
       lines, returned_lines, paid_orders, gross_minor, discount_minor, priced_lines, price_logs,
       CAST(price_log_squares AS DOUBLE) AS price_log_squares
FROM known
ORDER BY person
