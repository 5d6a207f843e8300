-- One row a product: its price band, the third of its widest category's products by list price: 1 low, 2 middle, 3 high.
-- NULL without a category or a price, and for prices in other currencies than $currency.
SELECT id, brand, category_1,
       CASE WHEN price_minor IS NULL OR category_1 IS NULL OR coalesce(currency, $currency) <> $currency THEN NULL
            ELSE CAST(ntile(3) OVER (PARTITION BY category_1, price_minor IS NULL OR coalesce(currency, $currency) <> $currency
                                     ORDER BY price_minor, id) AS VARCHAR) END AS band
FROM products
