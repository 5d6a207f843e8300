-- Long: the shop's share of each value of each habit ("usual"), and how many acts of evidence those shares are worth
-- before a person has done anything ("prior_acts"). With n acts a person and the shop's shares p, people who are all alike
-- would have sum_v (x_v - n p_v)^2 of about n H, H = 1 - sum p^2; what is more makes the correlation rho of one person's
-- acts, and prior_acts = (1 - rho) / rho, between 1 and 1000; 10 where nobody did anything twice.
-- Source: Mosimann (1962), On the compound multinomial distribution, Biometrika 49: method of moments.
WITH counts AS (
$habit_counts$
), base AS (
  SELECT habit, value, acts / sum(acts) OVER (PARTITION BY habit) AS usual
  FROM (SELECT habit, value, CAST(sum(acts) AS DOUBLE) AS acts FROM counts GROUP BY habit, value) AS totals
), flat AS (
  SELECT habit, 1 - sum(usual * usual) AS spread FROM base GROUP BY habit
), own AS (
  SELECT person, counts.habit, CAST(sum(acts) AS DOUBLE) AS n, CAST(sum(acts * acts) AS DOUBLE) AS squares,
         sum(acts * usual) AS expected
  FROM counts JOIN base ON base.habit = counts.habit AND base.value = counts.value
  GROUP BY person, counts.habit
), moments AS (
  SELECT own.habit, sum(squares - 2 * n * expected + n * n * (1 - spread)) - sum(n) * max(spread) AS more,
         max(spread) * sum(n * (n - 1)) AS room
  FROM own JOIN flat ON flat.habit = own.habit GROUP BY own.habit
)
SELECT base.habit, value, usual,
       CASE WHEN room > 1e-9 THEN CASE WHEN more <= room / 1001 THEN 1000.0 WHEN more >= room / 2 THEN 1.0
                                       ELSE (room - more) / more END
            ELSE 10.0 END AS prior_acts
FROM base JOIN moments ON moments.habit = base.habit
ORDER BY habit, value
