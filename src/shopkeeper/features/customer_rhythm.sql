-- One row a buyer: how their orders lie in time, and what they did lately. A day with orders counts once.
-- $moment: when; $currency: money in other currencies is left out. Numbers with a bare figure at the end are of the
-- last so many days. "first_days" and "last_days" are ages in days of the first and last day with an order.
WITH lines AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, coalesce(event_id, order_id) AS event, product,
         floor(epoch("at") / 86400.0) AS day, (epoch_us($moment) - epoch_us("at")) / 86400000000.0 AS age,
         coalesce(quantity, 1) > 0 AS bought,
         CASE WHEN currency = $currency
              THEN floor(abs(coalesce(quantity, 1)) * coalesce(price_minor, 0) + 0.5) - coalesce(discount_minor, 0)
              ELSE 0 END AS paid,
         CASE WHEN currency = $currency AND coalesce(discount_minor, 0) > 0 THEN 1.0 ELSE 0.0 END AS on_deal
  FROM order_lines WHERE coalesce(customer, visitor) IS NOT NULL
), days AS (
  SELECT person, day, min(age) AS age, count(DISTINCT event) AS orders, count(*) AS lines, sum(paid) AS paid,
         sum(on_deal) AS deals
  FROM lines WHERE bought GROUP BY person, day
), gaps AS (
  SELECT *, day - lag(day) OVER (PARTITION BY person ORDER BY day) AS gap FROM days
), rhythm AS (
  SELECT person, CAST(count(*) AS BIGINT) AS order_days, max(age) AS first_days, min(age) AS last_days,
         avg(gap) AS gap_mean, stddev_pop(gap) AS gap_spread, max(gap) AS gap_longest, arg_max(gap, day) AS gap_last,
         quantile_cont(gap, 0.5) AS gap_usual,
         sum(CASE WHEN age < 7 THEN 1 ELSE 0 END) AS days_7, sum(CASE WHEN age < 14 THEN 1 ELSE 0 END) AS days_14,
         sum(CASE WHEN age < 28 THEN 1 ELSE 0 END) AS days_28, sum(CASE WHEN age < 56 THEN 1 ELSE 0 END) AS days_56,
         sum(CASE WHEN age < 112 THEN 1 ELSE 0 END) AS days_112,
         sum(CASE WHEN age < 28 THEN paid ELSE 0 END) AS paid_28,
         sum(CASE WHEN age < 112 THEN paid ELSE 0 END) AS paid_112,
         sum(CASE WHEN age < 28 THEN lines ELSE 0 END) AS lines_28,
         sum(paid) / count(*) AS paid_a_day, sum(lines) / count(*) AS lines_a_day, sum(deals) / sum(lines) AS deal_share,
         arg_max(paid, day) AS paid_last_day, stddev_pop(paid) AS paid_spread
  FROM gaps GROUP BY person
), variety AS (
  SELECT person, count(DISTINCT CASE WHEN bought THEN product END) AS products,
         count(DISTINCT CASE WHEN NOT bought THEN event END) AS returns
  FROM lines GROUP BY person
), doing AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person,
         sum(CASE WHEN action = 'product_view' THEN 1 ELSE 0 END) AS views_28,
         sum(CASE WHEN action = 'cart_add' THEN 1 ELSE 0 END) AS cart_adds_28, count(DISTINCT session) AS sessions_28
  FROM events
  WHERE coalesce(customer, visitor) IS NOT NULL AND "at" >= $moment - INTERVAL 28 DAY
    AND action NOT IN ('stock_change', 'price_change')
  GROUP BY coalesce(customer, 'visitor:' || visitor)
)
SELECT r.*, r.last_days / greatest(r.gap_usual, 1) AS quiet_gaps,
       r.days_28 / greatest(r.days_112 / 4.0, 0.25) AS trend_28,
       v.products, v.returns, coalesce(d.views_28, 0) AS views_28, coalesce(d.cart_adds_28, 0) AS cart_adds_28,
       coalesce(d.sessions_28, 0) AS sessions_28
FROM rhythm r JOIN variety v ON v.person = r.person LEFT JOIN doing d ON d.person = r.person
ORDER BY r.person
