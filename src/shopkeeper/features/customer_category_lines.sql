-- Long: how many lines a customer bought of each widest category from $since on.
SELECT customer AS person, category_1 AS category, CAST(count(*) AS DOUBLE) AS lines
FROM order_lines JOIN products ON products.id = order_lines.product
WHERE customer IS NOT NULL AND coalesce(quantity, 1) > 0 AND category_1 IS NOT NULL AND order_lines."at" >= $since
GROUP BY customer, category_1
ORDER BY person, category
