"""Laws of what is found by looking at rows side by side."""

from collections import Counter

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.data.marking import repeated

_EDGES = st.sampled_from([0, 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_EDGES | st.integers(0, 2**64 - 1)), st.integers(1, 5), st.sampled_from([np.uint32, np.uint64]))
def test_what_stands_more_than_once_is_found_in_any_number_of_parts(
    values: list[int], threads: int, size: type[np.unsignedinteger]
) -> None:
    """``repeated`` gives exactly the values whose count is above one, however many threads share the range."""
    values = [value % 256 ** np.dtype(size).itemsize for value in values]
    found = repeated(np.array(values, size), threads)
    assert set(found.tolist()) == {value for value, times in Counter(values).items() if times > 1}
