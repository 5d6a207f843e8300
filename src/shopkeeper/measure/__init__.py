"""Was it right? Pure functions from arrays to numbers: ranking, protocols, intervals, outcomes."""
