-- Long: one row a buyer and widest category they ever bought: how their orders of it lie in time.
-- "person" is the person's key, the sign U+001F, and the category. $moment: when.
WITH days AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS buyer, category_1 AS category,
         floor(epoch(order_lines."at") / 86400.0) AS day, min((epoch_us($moment) - epoch_us(order_lines."at")) / 86400000000.0) AS age,
         count(*) AS lines
  FROM order_lines JOIN products ON products.id = order_lines.product
  WHERE coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL AND category_1 IS NOT NULL
  GROUP BY 1, 2, 3
), mine AS (
  SELECT buyer, category, count(*) AS category_days, max(age) AS category_first_days, min(age) AS category_last_days,
         sum(CASE WHEN age < 28 THEN 1 ELSE 0 END) AS category_days_28,
         sum(CASE WHEN age < 112 THEN 1 ELSE 0 END) AS category_days_112, sum(lines) / count(*) AS category_lines_a_day
  FROM days GROUP BY buyer, category
), order_days AS (
  SELECT buyer, day, max(age) AS oldest, min(age) AS newest FROM days GROUP BY buyer, day
), whole AS (
  SELECT buyer, count(*) AS order_days, max(oldest) AS first_days, min(newest) AS last_days,
         count(CASE WHEN newest < 28 THEN 1 END) AS days_28
  FROM order_days GROUP BY buyer
), usual AS (
  SELECT category, count(*) AS category_buyers, sum(category_days) / count(*) AS category_rate
  FROM mine GROUP BY category
)
SELECT mine.buyer || chr(31) || mine.category AS person, mine.* EXCLUDE (buyer, category), whole.* EXCLUDE (buyer),
       category_days / order_days AS category_share, category_buyers, category_rate
FROM mine JOIN whole ON whole.buyer = mine.buyer JOIN usual ON usual.category = mine.category
ORDER BY person
