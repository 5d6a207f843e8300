"""Laws of how a delimited file is found to be written."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.data.sources import shape

_PIECES = st.sampled_from(
    [b"a", b"b,c", b'"', b'"d e"', b"\n", b"\n", b"\r\n", b" ", b"\t", b"\0", "\u00e9".encode(), b"\xff", b","]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.lists(_PIECES, max_size=40).map(b"".join))
def test_halves_side_by_side_say_what_the_whole_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """Whether a file is read whole or as two halves, its shape is the same."""
    path = tmp_path / "file.csv"
    path.write_bytes(data)
    whole = shape.shape_of(path)
    with monkeypatch.context() as patched:
        patched.setattr(shape, "_LARGE", 0)
        assert shape.shape_of(path) == whole


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.lists(_PIECES, max_size=40).map(b"".join))
def test_whole_records_have_their_quotes_in_pairs(data: bytes) -> None:
    """A block of lines is whole records exactly where no line is empty and each has an even number of quotes."""
    block = data.replace(b"\r\n", b"\n").rpartition(b"\n")[0]
    block += b"\n" if block else b""
    lines = block.split(b"\n")[:-1]
    good = all(line and line.count(b'"') % 2 == 0 for line in lines)
    assert shape._whole_records(block, len(block), shape._low(block, len(block))) is good
