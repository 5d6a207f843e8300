"""A topic that was made anew under its old name, at brokers that number no topics: read it from its beginning."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from shopkeeper.data.drain import ROWS_OF
from shopkeeper.data.journal import connect
from shopkeeper.data.lake import Lake
from shopkeeper.data.stream.reader import POSITION, Reader, source_of
from shopkeeper.data.stream.topic import Topic

_FORGET = ("DELETE FROM judged WHERE source = ?", "DELETE FROM refused WHERE source = ?")


def begin_anew(topic: Topic, lake: Lake, *, group: str, judged_in: Path) -> list[int]:
    """Forget how far partitions were read, and judged in ``judged_in``, that are shorter than that; ids stay known.
    Returns which they are."""
    reader = Reader(topic, lake, group=group, assigned=False)
    try:
        shorter = {
            number: source_of(reader.found, number)
            for number, (next_one, _, end) in reader.standing().items()
            if next_one > end and reader.is_gone(number, next_one)
        }
    finally:
        reader.close()
    if shorter:
        _unjudge(judged_in, shorter.values())
        with lake.rewriting():
            for table in (*(name for name in ROWS_OF if name != POSITION), POSITION):
                lake.land(table, None, dict.fromkeys(shorter.values(), -1))
    return sorted(shorter)


def _unjudge(journal: Path, sources: Iterable[str]) -> None:
    with closing(connect(journal)) as con:
        con.execute("BEGIN IMMEDIATE")
        for statement in _FORGET:
            con.executemany(statement, [(source,) for source in sources])
        con.execute("COMMIT")
