-- One row a customer who did anything but order: looking round, and what came of mails and coupons.
SELECT customer AS person, max("at") AS last_seen_at,
       CAST(sum(CASE WHEN action = 'product_view' THEN 1 ELSE 0 END) AS DOUBLE) AS views,
       CAST(sum(CASE WHEN action = 'cart_add' THEN 1 ELSE 0 END) AS DOUBLE) AS cart_adds,
       CAST(sum(CASE WHEN action = 'search' THEN 1 ELSE 0 END) AS DOUBLE) AS searches,
       CAST(sum(CASE WHEN action = 'mail_open' THEN 1 ELSE 0 END) AS DOUBLE) AS mail_opens,
       CAST(sum(CASE WHEN action = 'mail_click' THEN 1 ELSE 0 END) AS DOUBLE) AS mail_clicks,
       CAST(sum(CASE WHEN action = 'coupon_redeemed' THEN 1 ELSE 0 END) AS DOUBLE) AS coupons_redeemed,
       avg(rating) AS rating_mean
FROM events
WHERE customer IS NOT NULL AND action NOT IN ('stock_change', 'price_change', 'order', 'order_return')
GROUP BY customer
ORDER BY person
