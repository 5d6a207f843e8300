"""Laws of how a delimited file is found to be written."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.data.sources import shape

_PIECES = st.sampled_from(
    [
        b"a",
        b"b,c",
        b'"',
        b'"d e"',
        b"\n",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"\0",
        "\u00e9".encode(),
        "\u00a0".encode(),
        b"\xff",
        b"\x7f",
        b"\r",
        b",",
    ]
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


def _law(data: bytes, delimiter: bytes) -> tuple[bool, bool, int]:
    """Whether a file is regular and plain and the number of its open last line, byte by byte."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    *lines, tail = body.split(b"\n")
    with_returns = {line.endswith(b"\r") for line in lines}
    bare = [line.removesuffix(b"\r") for line in lines] + ([tail] if tail else [])
    try:
        body.decode()
    except UnicodeDecodeError:
        return False, False, 0
    if len(with_returns) > 1 or any(not line or line.count(b'"') % 2 or set(line) & set(b"\r\0") for line in bare):
        return False, False, 0
    edges = re.compile(b'(^|["' + delimiter + b'])( |\xc2\xa0)|( |\xc2\xa0)(["' + delimiter + b"]|$)")
    control = re.compile(b"[\x01-\x1f\x7f]")
    plain = not any(edges.search(line) or control.search(line.replace(delimiter, b"")) for line in bare)
    return True, plain, len(bare) if tail else 0


@pytest.mark.parametrize("chunk", [7, 64, 1 << 21])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.lists(_PIECES, max_size=40).map(b"".join), delimiter=st.sampled_from(",\t"))
def test_the_shape_is_what_its_bytes_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, delimiter: str, chunk: int
) -> None:
    """Each line is one record, has its quotes in pairs and the same end, whatever pieces the file is read in; no cell
    of a plain file has a blank at its edge or a control character in it."""
    path = tmp_path / "file.csv"
    path.write_bytes(data)
    with monkeypatch.context() as patched:
        patched.setattr(shape, "_CHUNK", chunk)
        found = shape.shape_of(path, delimiter)
    regular, plain, open_end = _law(data, delimiter.encode())
    assert found.regular is regular
    if regular:
        assert found.open_end == open_end
        assert plain or not found.plain
        assert found.plain or not plain or not data.isascii()
