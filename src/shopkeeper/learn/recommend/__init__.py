"""Which products suit a person, or go with a product: one file per recommender, each a Scorer."""
