-- One row a product bought in an order of a known buyer: what was known when it was ordered, and whether it came back.
-- Counts of the person are of what lay strictly before the order; those of the product and its category are of the
-- days (UTC) before its day. $moment: when; $currency: money in other currencies is left out. Of more than $line_limit
-- lines, those of a part of the people that is drawn by a hash of their keys; products are counted over everybody.
-- "back_days": until a later return of it; a return that names no such order is taken for the newest order before it.
-- Logarithms are whole millionths, so that they add up to the same in any order.
WITH facts AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, coalesce(order_id, event_id) AS order_id, product, "at",
         coalesce(quantity, 1) > 0 AS bought, abs(coalesce(quantity, 1)) AS quantity,
         CASE WHEN currency = $currency THEN floor(abs(coalesce(quantity, 1)) * coalesce(price_minor, 0) + 0.5)
              - coalesce(discount_minor, 0) END AS paid,
         CASE WHEN currency = $currency AND coalesce(discount_minor, 0) > 0 THEN 1.0 ELSE 0.0 END AS on_deal
  FROM order_lines WHERE coalesce(customer, visitor) IS NOT NULL AND product IS NOT NULL
), per_order AS (
  SELECT person, order_id, product, bought, min("at") AS "at", sum(quantity) AS quantity, sum(paid) AS paid,
         avg(on_deal) AS deal_share, CAST(floor(epoch_us(min("at")) / 86400000000.0) AS INTEGER) AS day
  FROM facts GROUP BY person, order_id, product, bought
), everybody AS (
  SELECT person, substr(md5(person), 1, 4) AS draw, count(*) AS lines FROM per_order GROUP BY person
), draws AS (
  SELECT draw, (sum(lines) OVER (ORDER BY draw)) - lines AS before FROM (SELECT draw, sum(lines) AS lines FROM everybody GROUP BY draw) AS drawn
), people AS (
  SELECT e.person FROM everybody e JOIN draws d ON d.draw = e.draw WHERE d.before < $line_limit
), of_people AS (
  SELECT * FROM per_order WHERE person IN (SELECT person FROM people)
), bought AS (
  SELECT * FROM of_people WHERE bought
), returned AS (
  SELECT person, order_id, product, "at" FROM of_people WHERE NOT bought
), told AS (
  SELECT r.person, r.order_id, r.product, r."at" AS back_at, b."at" AS bought_at
  FROM returned r LEFT JOIN bought b ON b.person = r.person AND b.order_id = r.order_id AND b.product = r.product
), unnamed AS (
  SELECT DISTINCT person, product FROM told WHERE bought_at IS NULL
), sequence AS (
  SELECT b.person, b.product, b.order_id, b."at", 0 AS came_back
  FROM bought b JOIN unnamed u ON u.person = b.person AND u.product = b.product
  UNION ALL
  SELECT person, product, order_id, back_at, 1 FROM told WHERE bought_at IS NULL
), runs AS (
  SELECT *, count(CASE WHEN came_back = 0 THEN 1 END) OVER (PARTITION BY person, product ORDER BY "at", came_back, order_id) AS run FROM sequence
), guessed AS (
  SELECT person, product, max(CASE WHEN came_back = 0 THEN order_id END) AS order_id,
         min(CASE WHEN came_back = 1 THEN "at" END) AS back_at
  FROM runs WHERE run > 0 GROUP BY person, product, run
), by_order AS (
  SELECT person, order_id, sum(quantity) AS quantity, count(*) AS products, sum(paid) AS paid FROM bought GROUP BY person, order_id
), at_person AS (
  SELECT person, "at", sum(CAST(bought AS DOUBLE)) AS bought, sum(CAST(NOT bought AS DOUBLE)) AS back FROM of_people GROUP BY person, "at"
), by_person AS (
  SELECT person, "at", (sum(bought) OVER w) - bought AS person_lines, (sum(back) OVER w) - back AS person_backs,
         min("at") OVER w AS first_at
  FROM at_person WINDOW w AS (PARTITION BY person ORDER BY "at")
), at_own AS (
  SELECT person, product, "at", sum(CAST(bought AS DOUBLE)) AS bought, sum(CAST(NOT bought AS DOUBLE)) AS back FROM of_people GROUP BY person, product, "at"
), by_own AS (
  SELECT person, product, "at", (sum(bought) OVER w) - bought AS own_lines, (sum(back) OVER w) - back AS own_backs
  FROM at_own WINDOW w AS (PARTITION BY person, product ORDER BY "at")
), by_day AS (
  SELECT product, day, sum(CAST(bought AS DOUBLE)) AS bought, sum(CAST(NOT bought AS DOUBLE)) AS back,
         sum(CASE WHEN bought THEN floor(ln(greatest(quantity, 1e-6)) * 1000000 + 0.5) END) AS amount,
         sum(CASE WHEN bought AND paid > 0 THEN floor(ln(paid / quantity) * 1000000 + 0.5) END) AS unit,
         CAST(count(CASE WHEN bought AND paid > 0 THEN 1 END) AS DOUBLE) AS units, min("at") AS first_at
  FROM per_order GROUP BY product, day
), by_product AS (
  SELECT product, day, (sum(bought) OVER w) - bought AS product_lines, (sum(back) OVER w) - back AS product_backs,
         ((sum(amount) OVER w) - coalesce(amount, 0)) / nullif((sum(bought) OVER w) - bought, 0) AS amount_mean,
         ((sum(unit) OVER w) - coalesce(unit, 0)) / nullif((sum(units) OVER w) - units, 0) AS unit_mean,
         min(first_at) OVER w AS first_at
  FROM by_day WINDOW w AS (PARTITION BY product ORDER BY day)
), category_day AS (
  SELECT p.category_1 AS category, b.day, sum(b.bought) AS bought, sum(b.back) AS back
  FROM by_day b JOIN products p ON p.id = b.product WHERE p.category_1 IS NOT NULL GROUP BY p.category_1, b.day
), by_category AS (
  SELECT category, day, ((sum(back) OVER w) - back) / ((sum(bought) OVER w) - bought + 50.0) AS category_back_share
  FROM category_day WINDOW w AS (PARTITION BY category ORDER BY day)
)
SELECT l.person, l.order_id, l.product, l."at", (epoch_us($moment) - epoch_us(l."at")) / 86400000000.0 AS age_days,
       (epoch_us(coalesce(k.back_at, u.back_at)) - epoch_us(l."at")) / 86400000000.0 AS back_days,
       l.quantity, l.paid, l.paid / nullif(l.quantity, 0) AS unit_paid, l.deal_share,
       l.quantity / nullif(t.quantity, 0) AS order_part, t.products AS order_products, t.paid AS order_paid,
       o.person_lines, o.person_backs, o.person_backs / (o.person_lines + 10.0) AS person_back_share,
       (epoch_us(l."at") - epoch_us(o.first_at)) / 86400000000.0 AS person_days,
       w.own_lines, w.own_backs, g.product_lines, g.product_backs,
       g.product_backs / (g.product_lines + 20.0) AS product_back_share,
       (epoch_us(l."at") - epoch_us(g.first_at)) / 86400000000.0 AS product_days, c.category_back_share,
       (floor(ln(greatest(l.quantity, 1e-6)) * 1000000 + 0.5) - g.amount_mean) / 1000000.0 AS quantity_unusual,
       (CASE WHEN l.paid > 0 AND l.quantity > 0 THEN floor(ln(l.paid / l.quantity) * 1000000 + 0.5) END - g.unit_mean)
       / 1000000.0 AS price_unusual
FROM bought l
     LEFT JOIN told k ON k.person = l.person AND k.order_id = l.order_id AND k.product = l.product AND k.back_at >= l."at"
     LEFT JOIN guessed u ON u.person = l.person AND u.order_id = l.order_id AND u.product = l.product
     JOIN by_order t ON t.person = l.person AND t.order_id = l.order_id
     JOIN by_person o ON o.person = l.person AND o."at" = l."at"
     JOIN by_own w ON w.person = l.person AND w.product = l.product AND w."at" = l."at"
     JOIN by_product g ON g.product = l.product AND g.day = l.day
     LEFT JOIN products p ON p.id = l.product
     LEFT JOIN by_category c ON c.category = p.category_1 AND c.day = g.day
ORDER BY l."at", l.person, l.order_id, l.product
