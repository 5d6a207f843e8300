"""Laws of what is kept: it is made once for a state, and again for another."""

from concurrent.futures import ThreadPoolExecutor

from shopkeeper.core.kept import Kept


def test_a_value_is_made_once_for_a_state() -> None:
    """The same state gives the same value without making it, another state makes it; None is a value as well."""
    kept, made = Kept[int | None](), []

    def make() -> None:
        made.append(1)

    assert kept.last is None
    for state, times in (("a", 1), ("a", 1), ("b", 2), ("a", 3)):
        assert kept.at(state, make) is None
        assert (len(made), kept.last) == (times, (state, None))


def test_what_was_put_is_kept() -> None:
    """A value put for a state is what is answered for it."""
    kept = Kept[str]()
    kept.put(1, "put")
    assert kept.at(1, lambda: "made") == "put"
    assert kept.at(2, lambda: "made") == "made"


def test_a_failure_is_not_kept() -> None:
    """Where making fails the error is the asker's, and what was kept stays."""
    kept = Kept[float]()
    kept.put(1, 1.0)
    for _ in range(2):
        try:
            kept.at(2, lambda: 1 / 0)
        except ZeroDivisionError:
            assert kept.last == (1, 1.0)


def test_threads_never_see_another_states_value() -> None:
    """However many ask for different states at once, each gets the value of its own."""
    kept = Kept[int]()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: kept.at(n % 7, lambda: n % 7), range(2_000))) == [n % 7 for n in range(2_000)]
