"""Every parser that reads strangers' bytes, under a fuzzer that follows which branches they take (atheris, libFuzzer).

Run by ``test_parsers_fuzzed.py``; by hand: ``python tests/corpus/fuzz_parsers.py -runs=100000 -max_len=4000 FOLDER``.
Only an exception that is no sentence of ours ends it.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import atheris
import msgspec

with atheris.instrument_imports(include=["shopkeeper.data", "shopkeeper.apps.http"]):
    from shopkeeper.apps.http.body import events_of
    from shopkeeper.core.errors import ShopkeeperError
    from shopkeeper.data.cleaning.event import clean_event
    from shopkeeper.data.cleaning.values import FORMS, Reading
    from shopkeeper.data.mapping import NO_MAPPING
    from shopkeeper.data.rows import Held
    from shopkeeper.data.sources.delimited import Delimited
    from shopkeeper.data.sources.encodings import detect_encoding, guessed
    from shopkeeper.data.sources.feed_xml import FeedXml
    from shopkeeper.data.sources.header import read_header
    from shopkeeper.data.sources.jsonl import JsonLines
    from shopkeeper.data.sources.known.segment_words import wire_of
    from shopkeeper.data.sources.shape import shape_of
    from shopkeeper.data.sources.xlsx import Xlsx

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108  # deleted at the end
FILE, SCRATCH = FOLDER / "input", FOLDER / "scratch"


def csv(data: bytes) -> None:
    FILE.write_bytes(data)
    shape_of(FILE)
    Delimited().open(None, FILE, NO_MAPPING, SCRATCH)


def header(data: bytes) -> None:
    read_header(data.decode("utf-8", "replace"), NO_MAPPING, FILE)


def encoding(data: bytes) -> None:
    FILE.write_bytes(data)
    found, _ = detect_encoding(FILE)
    guessed(FILE, found)


def jsonl(data: bytes) -> None:
    FILE.write_bytes(data)
    JsonLines().open(None, FILE, NO_MAPPING, SCRATCH)


def xml(data: bytes) -> None:
    FILE.write_bytes(data)
    FeedXml().open(None, FILE, NO_MAPPING, SCRATCH)


def xlsx(data: bytes) -> None:
    FILE.write_bytes(data)
    Xlsx().open(None, FILE, NO_MAPPING, SCRATCH)


def body(data: bytes) -> None:
    for one in events_of(data).events:
        found = clean_event(one, received_at=NOW, currency="USD")
        assert isinstance(found, Held) or found.id


def batch(data: bytes) -> None:
    for one in events_of(data, "batch", "sentAt").events:
        clean_event(wire_of(one), received_at=NOW, currency="USD")


def cells(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for form in FORMS.values():
        for reading in (Reading(), Reading(decimal=",", date_format="%d/%m/%Y %p%I:%M", timezone="Europe/Berlin")):
            form.python(text, reading)


TARGETS: tuple[Callable[[bytes], None], ...] = (csv, header, encoding, jsonl, xml, xlsx, body, batch, cells)


def one_input(data: bytes) -> None:
    if not data:
        return
    SCRATCH.mkdir(exist_ok=True)
    with suppress(ShopkeeperError, msgspec.DecodeError):
        TARGETS[data[0] % len(TARGETS)](data[1:])
    shutil.rmtree(SCRATCH)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
