-- One row a buyer and widest category ordered from $since on; "person" as in category_rhythm.sql.
SELECT coalesce(customer, 'visitor:' || visitor) || chr(31) || category_1 AS person,
       CAST(count(DISTINCT floor(epoch(order_lines."at") / 86400.0)) AS BIGINT) AS order_days
FROM order_lines JOIN products ON products.id = order_lines.product
WHERE order_lines."at" >= $since AND coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL
  AND category_1 IS NOT NULL
GROUP BY 1
ORDER BY person
