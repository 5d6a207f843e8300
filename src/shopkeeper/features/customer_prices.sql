-- One row a buyer: do they buy when a product they buy is cheap? Prices are what a unit cost after discounts, in the
-- currency $currency, by product and week, against the product's mean over the weeks known.
-- "pull" and "room" make the elasticity: pull / room is its one-step estimate, 1 / sqrt(room) its standard error
-- (conditional logit: score and information at 0). "deals" of "lines" were bought below their list price.
WITH lines AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, floor(epoch("at") / 604800.0) AS week,
         coalesce(discount_minor, 0) > 0 AS on_deal, abs(coalesce(quantity, 1)) AS quantity,
         price_minor - coalesce(discount_minor, 0) / abs(coalesce(quantity, 1)) AS unit
  FROM order_lines
  WHERE coalesce(quantity, 1) > 0 AND currency = $currency AND price_minor > 0 AND product IS NOT NULL
), weekly AS (
  SELECT product, week, ln(median(unit)) AS log_price FROM lines WHERE unit > 0 GROUP BY product, week
), usual AS (
  SELECT product, avg(log_price) AS mean_log, var_pop(log_price) AS spread, count(*) AS weeks
  FROM weekly GROUP BY product HAVING count(*) >= 8
), bought AS (
  SELECT DISTINCT person, product, week FROM lines WHERE person IS NOT NULL
), pulled AS (
  SELECT b.person, sum(w.log_price - u.mean_log) AS pull, sum(u.spread) AS room, count(*) AS compared
  FROM bought b JOIN usual u ON u.product = b.product JOIN weekly w ON w.product = b.product AND w.week = b.week
  GROUP BY b.person
), counted AS (
  SELECT person, CAST(sum(CASE WHEN on_deal THEN 1 ELSE 0 END) AS BIGINT) AS deals, count(*) AS lines
  FROM lines WHERE person IS NOT NULL GROUP BY person
)
SELECT counted.person, deals, lines, coalesce(pull, 0) AS pull, coalesce(room, 0) AS room,
       coalesce(compared, 0) AS compared
FROM counted LEFT JOIN pulled ON pulled.person = counted.person
ORDER BY counted.person
