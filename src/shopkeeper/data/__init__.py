"""Facts in, kept, handed out. The only floor that knows DuckDB, Delta and SQLite."""
