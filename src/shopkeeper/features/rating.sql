-- One row a buyer and product that they rated: the newest stars they gave it before the moment of the snapshot.
SELECT coalesce(customer, 'visitor:' || visitor) AS person, product, max("at") AS "at", arg_max(rating, "at") AS stars
FROM events
WHERE action IN ('rating', 'review') AND rating IS NOT NULL AND product IS NOT NULL AND coalesce(customer, visitor) IS NOT NULL
GROUP BY 1, 2
ORDER BY person, "at", product
