"""Settings in, frozen models out: ``Settings(...).fit(snapshot, seed=0)``; one file per algorithm."""
