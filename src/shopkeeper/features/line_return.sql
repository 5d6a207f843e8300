-- One row a product bought in an order of a known buyer: what was known when it was ordered, and whether it came back.
-- Counts are of what lay strictly before the order. $moment: when; $currency: money in other currencies is left out.
-- "back_days": until a later return of it; a return that names no such order is taken for the newest order before it.
-- Logarithms are whole millionths, so that they add up to the same in any order.
WITH facts AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, coalesce(order_id, event_id) AS order_id, product, "at",
         coalesce(quantity, 1) > 0 AS bought, abs(coalesce(quantity, 1)) AS quantity,
         CASE WHEN currency = $currency THEN floor(abs(coalesce(quantity, 1)) * coalesce(price_minor, 0) + 0.5)
              - coalesce(discount_minor, 0) END AS paid,
         CASE WHEN currency = $currency AND coalesce(discount_minor, 0) > 0 THEN 1.0 ELSE 0.0 END AS on_deal
  FROM order_lines WHERE coalesce(customer, visitor) IS NOT NULL AND product IS NOT NULL
), bought AS (
  SELECT person, order_id, product, min("at") AS "at", sum(quantity) AS quantity, sum(paid) AS paid,
         avg(on_deal) AS deal_share
  FROM facts WHERE bought GROUP BY person, order_id, product
), returned AS (
  SELECT person, order_id, product, min("at") AS "at" FROM facts WHERE NOT bought GROUP BY person, order_id, product
), sequence AS (
  SELECT person, product, order_id, "at", 0 AS came_back FROM bought
  UNION ALL
  SELECT r.person, r.product, r.order_id, r."at", 1 FROM returned r
  WHERE NOT EXISTS (SELECT 1 FROM bought b WHERE b.person = r.person AND b.order_id = r.order_id AND b.product = r.product)
), runs AS (
  SELECT *, count(CASE WHEN came_back = 0 THEN 1 END) OVER (PARTITION BY person, product ORDER BY "at", came_back, order_id) AS run FROM sequence
), guessed AS (
  SELECT person, product, max(CASE WHEN came_back = 0 THEN order_id END) AS order_id,
         min(CASE WHEN came_back = 1 THEN "at" END) AS back_at
  FROM runs WHERE run > 0 GROUP BY person, product, run
), told AS (
  SELECT b.person, b.order_id, b.product, r."at" AS back_at
  FROM bought b JOIN returned r ON r.person = b.person AND r.order_id = b.order_id AND r.product = b.product
  WHERE r."at" >= b."at"
), lines AS (
  SELECT b.*, coalesce(told.back_at, guessed.back_at) AS back_at, quantity / nullif(sum(quantity) OVER same_order, 0) AS order_part,
         count(*) OVER same_order AS order_products, sum(paid) OVER same_order AS order_paid
  FROM bought b
       LEFT JOIN told ON told.person = b.person AND told.order_id = b.order_id AND told.product = b.product
       LEFT JOIN guessed ON guessed.person = b.person AND guessed.order_id = b.order_id AND guessed.product = b.product
  WINDOW same_order AS (PARTITION BY b.person, b.order_id)
), both_kinds AS (
  SELECT person, product, "at", CAST(1 AS DOUBLE) AS bought, CAST(0 AS DOUBLE) AS back,
         floor(ln(greatest(quantity, 1e-6)) * 1000000 + 0.5) AS amount,
         CASE WHEN paid > 0 THEN floor(ln(paid / quantity) * 1000000 + 0.5) END AS unit
  FROM bought WHERE quantity > 0
  UNION ALL
  SELECT person, product, "at", 0.0, 1.0, NULL, NULL FROM returned
), at_person AS (
  SELECT person, "at", sum(bought) AS bought, sum(back) AS back FROM both_kinds GROUP BY person, "at"
), by_person AS (
  SELECT person, "at", (sum(bought) OVER w) - bought AS person_lines, (sum(back) OVER w) - back AS person_backs,
         min("at") OVER w AS first_at
  FROM at_person WINDOW w AS (PARTITION BY person ORDER BY "at")
), at_own AS (
  SELECT person, product, "at", sum(bought) AS bought, sum(back) AS back FROM both_kinds GROUP BY person, product, "at"
), by_own AS (
  SELECT person, product, "at", (sum(bought) OVER w) - bought AS own_lines, (sum(back) OVER w) - back AS own_backs
  FROM at_own WINDOW w AS (PARTITION BY person, product ORDER BY "at")
), at_product AS (
  SELECT product, "at", sum(bought) AS bought, sum(back) AS back, sum(amount) AS amount, sum(unit) AS unit,
         CAST(count(unit) AS DOUBLE) AS units
  FROM both_kinds GROUP BY product, "at"
), by_product AS (
  SELECT product, "at", (sum(bought) OVER w) - bought AS product_lines, (sum(back) OVER w) - back AS product_backs,
         ((sum(amount) OVER w) - coalesce(amount, 0)) / nullif((sum(bought) OVER w) - bought, 0) AS amount_mean,
         ((sum(unit) OVER w) - coalesce(unit, 0)) / nullif((sum(units) OVER w) - units, 0) AS unit_mean,
         min("at") OVER w AS product_first_at
  FROM at_product WINDOW w AS (PARTITION BY product ORDER BY "at")
), at_category AS (
  SELECT p.category_1 AS category, b."at", sum(b.bought) AS bought, sum(b.back) AS back
  FROM both_kinds b JOIN products p ON p.id = b.product WHERE p.category_1 IS NOT NULL GROUP BY p.category_1, b."at"
), by_category AS (
  SELECT category, "at", ((sum(back) OVER w) - back) / ((sum(bought) OVER w) - bought + 50.0) AS category_back_share
  FROM at_category WINDOW w AS (PARTITION BY category ORDER BY "at")
)
SELECT l.person, l.order_id, l.product, l."at", (epoch_us($moment) - epoch_us(l."at")) / 86400000000.0 AS age_days,
       (epoch_us(l.back_at) - epoch_us(l."at")) / 86400000000.0 AS back_days,
       l.quantity, l.paid, l.paid / nullif(l.quantity, 0) AS unit_paid, l.deal_share, l.order_part, l.order_products, l.order_paid,
       o.person_lines, o.person_backs, o.person_backs / (o.person_lines + 10.0) AS person_back_share,
       (epoch_us(l."at") - epoch_us(o.first_at)) / 86400000000.0 AS person_days,
       w.own_lines, w.own_backs, g.product_lines, g.product_backs,
       g.product_backs / (g.product_lines + 20.0) AS product_back_share,
       (epoch_us(l."at") - epoch_us(g.product_first_at)) / 86400000000.0 AS product_days, c.category_back_share,
       (floor(ln(greatest(l.quantity, 1e-6)) * 1000000 + 0.5) - g.amount_mean) / 1000000.0 AS quantity_unusual,
       (CASE WHEN l.paid > 0 AND l.quantity > 0 THEN floor(ln(l.paid / l.quantity) * 1000000 + 0.5) END - g.unit_mean)
       / 1000000.0 AS price_unusual
FROM lines l
     JOIN by_person o ON o.person = l.person AND o."at" = l."at"
     JOIN by_own w ON w.person = l.person AND w.product = l.product AND w."at" = l."at"
     JOIN by_product g ON g.product = l.product AND g."at" = l."at"
     LEFT JOIN products p ON p.id = l.product
     LEFT JOIN by_category c ON c.category = p.category_1 AND c."at" = l."at"
ORDER BY l."at", l.person, l.order_id, l.product
