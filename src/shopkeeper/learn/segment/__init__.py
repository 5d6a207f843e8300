"""Groups of customers: found by K-means and mixtures, drawn by rules of thumb, named in words, followed over time."""
