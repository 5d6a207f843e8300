-- Long: of each habit of a person up to three values in which they differ most from everybody, drawn towards everybody:
-- share = (acts + prior_acts x usual) / (all acts + prior_acts), confidence = all acts / (all acts + prior_acts). Of bought
-- on a deal or not, kept or returned, the first of each pair is told.
-- "habit_shop" is the table of habit_base.sql.
-- Source: empirical Bayes, Efron & Morris (1973); Dirichlet-multinomial shrinkage, Good (1965). See habit_base.sql.
WITH counted AS (
$habit_counts$
), own AS (
  SELECT person, habit, value, acts, sum(acts) OVER (PARTITION BY person, habit) AS whole_acts FROM counted
), ranked AS (
  SELECT own.person, own.habit, own.value, acts, (acts + prior_acts * usual) / (whole_acts + prior_acts) AS share, usual,
         whole_acts / (whole_acts + prior_acts) AS confidence,
         row_number() OVER (PARTITION BY own.person, own.habit
                            ORDER BY (acts + prior_acts * usual) / usual DESC, own.value) AS place
  FROM own JOIN habit_shop ON habit_shop.habit = own.habit AND habit_shop.value = own.value
  WHERE usual > 0 AND own.value NOT IN ('full', 'kept')
)
SELECT person, habit, value, acts, share, usual, confidence FROM ranked WHERE place <= 3
ORDER BY person, habit, share DESC, value
