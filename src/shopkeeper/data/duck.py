"""DuckDB in memory, started once and asked by many: to start one takes longer than most questions do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb


class Duck:
    """An engine with its settings. It starts with the first question and ends with this object."""

    def __init__(self, **settings: str | int) -> None:
        self._settings = {"enable_progress_bar": False, "enable_external_file_cache": False, **settings}
        self._started: Any = None

    @contextmanager
    def session(self) -> Iterator[Any]:
        """A connection of one's own, in UTC: temporary tables and views, and tables that are registered, end with it.

        After an error the next session has a new engine: one that has failed badly refuses everything for ever.
        """
        engine = self._started or self._start()
        try:
            with engine.cursor() as con:
                con.execute("SET TimeZone='UTC'")
                yield con
        except duckdb.Error:
            self._started = None
            raise

    def _start(self) -> Any:
        engine = duckdb.connect()
        for name, value in self._settings.items():
            engine.execute(f"SET {name}='{value}'")
        self._started = engine
        return engine
