-- One row a customer who registered, ordered or did anything before the snapshot's moment: what audiences may ask for.
-- $since: orders from then on are counted; $currency, $timezone: as in customer_portrait. "minor": said to be under 18.
WITH portrait AS (
$customer_portrait$
), contact AS (
$customer_contact$
), registered AS (
  SELECT id, registered_at, language, attributes,
         lower(coalesce(json_extract_string(attributes, '$.age'), json_extract_string(attributes, '$.age_band'), '')) AS age
  FROM customers WHERE id IS NOT NULL
)
SELECT coalesce(registered.id, portrait.person, contact.person) AS person, registered_at, language, attributes,
       CASE WHEN regexp_matches(age, '(under|below|younger|<|未满|以下)')
            THEN coalesce(TRY_CAST(regexp_extract(age, '([0-9]+)', 1) AS INTEGER) <= 18, FALSE)
            ELSE coalesce(TRY_CAST(regexp_extract(age, '([0-9]+)', 1) AS INTEGER) < 18, FALSE) END AS minor,
       first_order_at, last_order_at, coalesce(greatest(last_seen_at, last_order_at), last_seen_at, last_order_at) AS last_seen_at,
       coalesce(orders, 0) AS orders, coalesce(spend, 0) AS spend, coalesce(returns, 0) AS returns,
       (gross - discount) / nullif(orders, 0) AS basket_spend, lines / nullif(orders, 0) AS basket_lines, usual_price,
       discount / nullif(gross, 0) AS discount_share, weekend_orders / nullif(orders, 0) AS weekend_share,
       coalesce(views, 0) AS views, coalesce(cart_adds, 0) AS cart_adds, coalesce(searches, 0) AS searches,
       coalesce(mail_opens, 0) AS mail_opens, coalesce(mail_clicks, 0) AS mail_clicks,
       coalesce(coupons_redeemed, 0) AS coupons_redeemed, rating_mean
FROM registered FULL JOIN portrait ON portrait.person = registered.id
     FULL JOIN contact ON contact.person = coalesce(registered.id, portrait.person)
ORDER BY person
