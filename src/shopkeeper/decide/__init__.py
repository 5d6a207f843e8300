"""From a request to a logged decision: find, filter, score, blend, choose, log.

After the dice are thrown nothing moves: rules, blending, diversity and caps all come before or inside the one chooser,
so the logged propensities are exact.
"""
