"""Audiences: rules as data, typed, turned into SQL with parameters; counts that single nobody out."""
