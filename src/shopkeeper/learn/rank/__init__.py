"""The order of what the finders found: candidates, features of each, and what learned to weigh them."""
