-- One row a person who rated or wrote: the tone of their reviews from -1 (bad) to 1 (good). A rating says it by itself:
-- (stars - 3) / 2. Without stars the words do: $liked, $disliked and $negated are the patterns of features/tone.py. A text
-- without any of them says nothing.
WITH reviews AS (
  SELECT coalesce(customer, 'visitor:' || visitor) AS person, rating,
         coalesce(regexp_matches(lower(text), $negated), FALSE) AS negated,
         coalesce(regexp_matches(lower(text), $liked), FALSE) AS liked,
         coalesce(regexp_matches(lower(text), $disliked), FALSE) AS disliked
  FROM events WHERE action IN ('rating', 'review') AND coalesce(customer, visitor) IS NOT NULL
), toned AS (
  SELECT person, CASE WHEN rating IS NOT NULL THEN CAST(floor(greatest(-1.0, least(1.0, (rating - 3) / 2.0)) * 1000 + 0.5) AS BIGINT)
                      WHEN liked AND NOT negated THEN CASE WHEN disliked THEN 0 ELSE 1000 END
                      WHEN disliked OR negated THEN -1000 END AS tone
  FROM reviews
)
SELECT person, CASE WHEN count(tone) > 0 THEN CAST(sum(tone) AS BIGINT) / count(tone) / 1000 END AS review_tone,
       count(tone) AS toned_reviews, CAST(coalesce(sum(tone), 0) AS BIGINT) AS tone_sum
FROM toned GROUP BY person
ORDER BY person
