"""Laws of the engine that is started once: its sessions know nothing of each other, and no failure stays."""

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pytest

from shopkeeper.data.duck import Duck


def test_what_a_session_makes_ends_with_it() -> None:
    """Registered tables and temporary views of one session are neither in another at the same time nor afterwards."""
    duck = Duck()
    with duck.session() as one, duck.session() as other:
        one.register("given", pa.table({"x": [1]}))
        one.execute("CREATE TEMP VIEW mine AS SELECT x FROM given")
        other.register("given", pa.table({"x": [2]}))
        assert one.execute("SELECT x FROM mine").fetchone() == (1,)
        assert other.execute("SELECT x FROM given").fetchone() == (2,)
        with pytest.raises(duckdb.CatalogException):
            other.execute("SELECT x FROM mine")
    with duck.session() as later, pytest.raises(duckdb.CatalogException):
        later.execute("SELECT x FROM given")


def test_every_session_has_the_settings() -> None:
    """Times are UTC and bounds are as given, in the first session and in one that follows an error."""
    duck = Duck(memory_limit="100MB", threads=2)

    def said() -> tuple[str, ...]:
        with duck.session() as con:
            names = ("TimeZone", "memory_limit", "threads", "enable_external_file_cache")
            return tuple(str(con.execute(f"SELECT current_setting('{name}')").fetchone()[0]) for name in names)

    first = said()
    assert first == ("UTC", "95.3 MiB", "2", "False")
    with pytest.raises(duckdb.Error), duck.session() as con:
        con.execute("SELECT nobody FROM nowhere")
    assert said() == first


def test_a_failed_engine_is_not_asked_again() -> None:
    """Too little memory for a question: the error is the asker's, the next question is answered."""
    duck = Duck(memory_limit="30MB", threads=1, max_temp_directory_size="0MB")
    with pytest.raises(duckdb.Error), duck.session() as con:
        con.execute("SELECT list(x ORDER BY x DESC) FROM range(20_000_000) AS t(x)").fetchone()
    with duck.session() as con:
        assert con.execute("SELECT 42").fetchone() == (42,)


def test_many_may_ask_at_once() -> None:
    """Sessions in threads each get their own answer."""
    duck = Duck(threads=2)

    def ask(number: int) -> int:
        with duck.session() as con:
            con.register("given", pa.table({"x": list(range(number))}))
            return int(con.execute("SELECT count(*) FROM given").fetchone()[0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(60))) == list(range(60))
