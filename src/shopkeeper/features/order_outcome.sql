-- One row a buyer who ordered from $since on: what a prediction made at $since should have foretold.
-- $currency: money in other currencies is left out.
SELECT coalesce(customer, 'visitor:' || visitor) AS person,
       CAST(count(DISTINCT floor(epoch("at") / 86400.0)) AS BIGINT) AS order_days,
       sum(CASE WHEN currency = $currency
                THEN floor(abs(coalesce(quantity, 1)) * coalesce(price_minor, 0) + 0.5) - coalesce(discount_minor, 0)
                ELSE 0 END) AS paid,
       (min(epoch_us("at")) - epoch_us($since)) / 86400000000.0 AS wait_days
FROM order_lines
WHERE "at" >= $since AND coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL
GROUP BY coalesce(customer, 'visitor:' || visitor)
ORDER BY person
