-- Long: the words a person searched for, without regard to capitals and outer spaces, and how often.
SELECT coalesce(customer, 'visitor:' || visitor) AS person, lower(trim(query)) AS words, count(*) AS times,
       max("at") AS last_at
FROM events
WHERE query IS NOT NULL AND trim(query) <> '' AND coalesce(customer, visitor) IS NOT NULL
GROUP BY 1, 2
ORDER BY person, times DESC, words
