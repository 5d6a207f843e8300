-- One row a person: how they look round: sessions, acts a session, seconds a product is looked at, searches, reviews.
SELECT coalesce(customer, 'visitor:' || visitor) AS person, count(DISTINCT session) AS sessions,
       CASE WHEN count(DISTINCT session) > 0
            THEN sum(CASE WHEN session IS NOT NULL THEN 1 ELSE 0 END) / count(DISTINCT session) END AS session_depth,
       avg(dwell_seconds) AS dwell_seconds, sum(CASE WHEN action = 'search' THEN 1 ELSE 0 END) AS searches,
       count(rating) AS reviews, avg(rating) AS rating_mean
FROM events
WHERE coalesce(customer, visitor) IS NOT NULL AND action NOT IN ('stock_change', 'price_change')
GROUP BY coalesce(customer, 'visitor:' || visitor)
ORDER BY person
