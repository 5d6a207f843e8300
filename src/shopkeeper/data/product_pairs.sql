-- Long: each product's $most most similar ones by who wants both; $alpha and $shrink as in ItemKNN.
-- "tastes": one row a person and product they want, with its weight. Of equals the lower number comes first.
WITH length AS (
  SELECT product, sum(weight * weight) AS total FROM tastes GROUP BY product
), pairs AS (
  SELECT a.product AS product, b.product AS other, sum(a.weight * b.weight) AS together
  FROM tastes a JOIN tastes b ON b.person = a.person
  WHERE a.product <> b.product GROUP BY a.product, b.product
), alike AS (
  SELECT pairs.product, pairs.other,
         together / (pow(mine.total, $alpha) * pow(theirs.total, 1 - $alpha) + $shrink) AS similarity
  FROM pairs JOIN length mine ON mine.product = pairs.product JOIN length theirs ON theirs.product = pairs.other
), ranked AS (
  SELECT product, other, similarity,
         row_number() OVER (PARTITION BY product ORDER BY similarity DESC, other) AS place
  FROM alike WHERE similarity > 0
)
SELECT product, other, similarity FROM ranked WHERE place <= $most ORDER BY product, place
