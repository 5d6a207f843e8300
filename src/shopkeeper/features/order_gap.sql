-- Long: the days between one day with orders and the next of the same buyer; the last row of each is still open
-- (the time since the last order). $moment: when.
WITH days AS (
  SELECT DISTINCT coalesce(customer, 'visitor:' || visitor) AS person, floor(epoch("at") / 86400.0) AS day
  FROM order_lines WHERE coalesce(quantity, 1) > 0 AND coalesce(customer, visitor) IS NOT NULL
)
SELECT person,
       coalesce(lead(day) OVER (PARTITION BY person ORDER BY day), epoch($moment) / 86400.0) - day AS gap,
       lead(day) OVER (PARTITION BY person ORDER BY day) IS NULL AS open
FROM days
ORDER BY person, day
