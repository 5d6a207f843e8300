-- One row a person: how they look round. A visit ends where half an hour passes without an act; mails, ads and what the
-- shop does by itself are no acts of a visit. A page that was told both as a page view and as what it shows (a product, a
-- list, a search, the cart, the checkout) counts once: pages are the greater of the two sums. "session_depth" is pages a
-- visit; "dwell_seconds" the mean over pages whose time was told, no page for longer than half an hour.
-- The columns after "rating_mean" are the sums that the numbers are made of, in whole milliseconds and thousandths.
WITH acts AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, action, "at", dwell_seconds, rating,
         action NOT LIKE 'mail\_%' ESCAPE '\' AND action NOT LIKE 'ad\_%' ESCAPE '\'
           AND action NOT IN ('coupon_issued', 'consent', 'order_return', 'order_cancel', 'identify') AS visiting
  FROM events
  WHERE coalesce(customer, visitor) IS NOT NULL AND action NOT IN ('stock_change', 'price_change')
), visits AS (
  SELECT person, sum(CASE WHEN gap >= 1800000000 OR gap IS NULL THEN 1 ELSE 0 END) AS sessions
  FROM (SELECT person, epoch_us("at") - lag(epoch_us("at")) OVER (PARTITION BY person ORDER BY "at") AS gap
        FROM acts WHERE visiting) AS steps
  GROUP BY person
), sums AS (
  SELECT person, CAST(sum(CASE WHEN action = 'page_view' THEN 1 ELSE 0 END) AS BIGINT) AS page_views,
         CAST(sum(CASE WHEN action IN ('product_view', 'list_view', 'search', 'cart_view', 'checkout') THEN 1 ELSE 0 END) AS BIGINT) AS openings,
         CAST(sum(CASE WHEN action = 'search' THEN 1 ELSE 0 END) AS BIGINT) AS searches,
         count(dwell_seconds) AS dwells,
         CAST(coalesce(sum(CASE WHEN dwell_seconds IS NOT NULL
                           THEN CAST(floor(least(dwell_seconds, 1800.0) * 1000 + 0.5) AS BIGINT) END), 0) AS BIGINT) AS dwell_millis,
         count(rating) AS reviews,
         CAST(coalesce(sum(CAST(floor(rating * 1000 + 0.5) AS BIGINT)), 0) AS BIGINT) AS rating_sum
  FROM acts GROUP BY person
)
SELECT sums.person, CAST(coalesce(sessions, 0) AS BIGINT) AS sessions,
       CASE WHEN sessions > 0 THEN greatest(page_views, openings) / sessions END AS session_depth,
       greatest(page_views, openings) AS pages,
       CASE WHEN dwells > 0 THEN dwell_millis / dwells / 1000 END AS dwell_seconds,
       searches, reviews, CASE WHEN reviews > 0 THEN rating_sum / reviews / 1000 END AS rating_mean,
       page_views, openings, dwells, dwell_millis, rating_sum
FROM sums LEFT JOIN visits ON visits.person = sums.person
ORDER BY person
