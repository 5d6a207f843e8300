"""The journal: what was accepted is on disk before anybody is told so, and a repeated event has one effect.

SQLite in WAL mode with ``synchronous=FULL``; one writer thread commits everything that is waiting in one transaction
(group commit), so many small requests share one fsync. The drain moves entries into the lake and then deletes them
here; their ids stay (``seen``), so that a retry days later is still known.
Source: SQLite documentation, "PRAGMA synchronous" and "Write-Ahead Logging"; Gray & Reuter 1993 §9 (group commit).
"""

import queue
import sqlite3
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

from shopkeeper.core.errors import Unavailable
from shopkeeper.data.entries import DECISION, EVENT, Entry, Kind, Outcome, insert, last_of, make_entry
from shopkeeper.data.journal_rows import KEPT, Kept, some
from shopkeeper.data.kill_points import reached
from shopkeeper.data.row_sums import teach
from shopkeeper.data.seen import ORDER, Recent, bodies_of, entry_sum, key_of, learn, move, prepare

__all__ = [
    "DECISION",
    "EVENT",
    "Entry",
    "Journal",
    "Kind",
    "Outcome",
    "connect",
    "forget_old_ids",
    "last_of",
    "make_entry",
]

_BUSY_SECONDS = 30.0
_MAX_WAITING = 2_000
_PART = 1_000
_GROUP = 256
_MAX_SOON = 100_000
_LINGER_SECONDS = 0.1
_SYNCHRONOUS = "FULL"
_OLD = "SELECT id, day, forever FROM seen WHERE id > ? ORDER BY id LIMIT ?"
_PIECE = 20_000

Waiting = tuple[Sequence[Entry], "Future[list[Outcome]]"]
"""Entries, and where their outcomes go."""


class Journal:
    """One shop's journal. ``append`` returns only when its entries are durable.

    Raises:
        Unavailable: the disk is full (``disk_full``), or failed (``storage_failed``: from then on nothing is accepted
            until the journal is opened again, because a failed fsync may not be retried), or too much is waiting
            (``overloaded``).
    """

    def __init__(self, path: Path, *, beside: bool = False) -> None:
        """``beside``: another process, which accepts events, has it open or may open it."""
        self.path = path
        self._reader_lock = threading.Lock()
        self._reader = connect(path)
        prepare(self._reader)
        self._recent = Recent()
        self._moved = 0
        """Up to which number the keys of entries stand in the table of seen ids."""
        if not beside:
            self._settle()
            self._recent.read(self._reader)
        self._waiting: queue.Queue[Waiting | None] = queue.Queue(_MAX_WAITING)
        self._soon: list[Waiting] = []
        self._soon_lock = threading.Lock()
        self._failed: Unavailable | None = None
        self._thread = threading.Thread(target=self._write_loop, name="journal", daemon=True)
        self._thread.start()

    def _settle(self) -> None:
        """Make durable what a process that was killed wrote and did not acknowledge: somebody may send it again, and a
        duplicate is acknowledged without a sync of its own. Copying the log into the file and syncing that also holds
        where a sync of the log had failed, after which a second one may lie.
        """
        busy = self._reader.execute("PRAGMA wal_checkpoint(FULL)").fetchone()[0]
        if busy:
            raise Unavailable("storage_failed", folder=str(self.path.parent), why="the journal is being read")

    def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Keep entries; what became of each, in order. An id that was kept before is ``duplicate`` when the body is the
        same and ``conflict`` when it is another. An order that was told before, under another id, is ``duplicate`` when
        it says the same and ``order_known`` when it says something else. Nothing is changed by any of these."""
        return self._put(entries).result()

    def append_soon(self, entries: Sequence[Entry]) -> "Future[list[Outcome]]":
        """As ``append``, without waiting: for what may be lost with the last tenth of a second (decisions shown).

        Nobody waits for these, so they gather, the writer is not even woken, and many are committed at once.
        """
        future = self._future()
        with self._soon_lock:
            if len(self._soon) >= _MAX_SOON:
                raise Unavailable("overloaded", retry_after_seconds=1)
            self._soon.append((entries, future))
        return future

    def _put(self, entries: Sequence[Entry]) -> "Future[list[Outcome]]":
        future = self._future()
        try:
            self._waiting.put_nowait((entries, future))
        except queue.Full:
            raise Unavailable("overloaded", retry_after_seconds=1) from None
        return future

    def _future(self) -> "Future[list[Outcome]]":
        if self._failed is not None:
            raise self._failed
        return Future()

    def _write_loop(self) -> None:
        con = connect(self.path)
        closing = False
        while not closing:
            group, closing = self._gather()
            if group:
                self._commit(con, group)
        con.close()

    def _gather(self) -> tuple[list[Waiting], bool]:
        """What is to be committed together, and whether the journal is being closed."""
        group: list[Waiting] = []
        closing = False
        try:
            item = self._waiting.get(timeout=_LINGER_SECONDS)
            while item is not None and len(group) < _GROUP:
                group.append(item)
                item = self._waiting.get_nowait()
            closing = item is None
        except queue.Empty:
            pass
        with self._soon_lock:
            group += self._soon
            self._soon.clear()
        return group, closing

    def _commit(self, con: sqlite3.Connection, group: list[Waiting]) -> None:
        try:
            if self._failed is not None:
                raise self._failed
            if self._recent.full:
                self._move_keys()
            self._recent.forget(self._moved)
            con.execute("BEGIN IMMEDIATE")
            outcomes, fresh = insert(con, [entry for entries, _ in group for entry in entries], self._recent)
            reached("journal.inserted")
            con.execute("COMMIT")
            reached("journal.committed")
            for keys in fresh:
                self._recent.add(*keys)
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait must hear of it
            refusal = self._refusal(con, error)
            for _, future in group:
                future.set_exception(refusal)
            return
        begin = 0
        for entries, future in group:
            future.set_result(outcomes[begin : begin + len(entries)])
            begin += len(entries)

    def _refusal(self, con: sqlite3.Connection, error: Exception) -> Unavailable:
        if isinstance(error, Unavailable):
            return error
        try:
            con.execute("ROLLBACK")
        except sqlite3.Error as second:
            error.add_note(f"rollback: {second}")
        return self._named(error)

    def _named(self, error: Exception) -> Unavailable:
        """What to tell of an error; where it means that written bytes may be gone, nothing is accepted any more."""
        if "full" in str(error):
            return Unavailable("disk_full", folder=str(self.path.parent), retry_after_seconds=30)
        failed = Unavailable("storage_failed", folder=str(self.path.parent), why=str(error))
        if _poisonous(error):
            self._failed = failed
        return failed

    def _read(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        with self._reader_lock:
            return self._reader.execute(sql, parameters).fetchall()

    def undrained(self, *, after: int = 0, limit: int = 50_000) -> list[Kept]:
        """The oldest entries that are still here, by sequence number."""
        found: list[Kept] = []
        while len(found) < limit:
            part = some(self._read, found[-1].seq if found else after, min(_PART, limit - len(found)))
            found += part
            if len(part) < _PART:
                break
        return found

    def find(self, entry_id: str, kind: Kind) -> bytes | None:
        """The body of an undrained entry that is as it was written."""
        found = self._under(key_of(kind, entry_id))
        return None if found is None or found[1:3] != (kind, entry_id) else found[4]

    def find_order(self, order: str) -> bytes | None:
        """The body of the undrained entry that told of an order first."""
        found = self._under(key_of(ORDER, order))
        return None if found is None else found[4]

    def _under(self, key: bytes) -> tuple[int, str, str, str | None, bytes] | None:
        """The entry that a key is of."""
        number = self._recent.number(key)
        whose, told = ("?", number) if number is not None else ("(SELECT seq FROM seen WHERE id = ?)", key)
        rows = self._read(f"SELECT {KEPT}, row_sum FROM entries WHERE seq = {whose}", (told,))
        return rows[0][:5] if rows and entry_sum(*rows[0][:5]) == rows[0][5] else None

    def knows(self, orders: Collection[str]) -> set[str]:
        """Those of some orders that are remembered."""
        keys = {key_of(ORDER, name): name for name in orders}
        waiting = {key for key in keys if self._recent.number(key) is not None}
        with self._reader_lock:
            seen = bodies_of(self._reader, [key for key in keys if key not in waiting])
        return {keys[key] for key in {*waiting, *seen}}

    def learn(self, orders: Mapping[str, bytes]) -> None:
        """Remember orders that came another way, with what they say, where they are not remembered yet."""
        try:
            with self._reader_lock, self._reader:
                self._reader.execute("BEGIN IMMEDIATE")
                learn(self._reader, orders)
        except sqlite3.Error as error:
            raise self._named(error) from error

    def waiting(self) -> int:
        """How many entries the drain has not moved yet."""
        return int(self._read("SELECT count(*) FROM entries")[0][0])

    def figures(self) -> None:
        """See ``Intake``: a file of the folder has none."""

    def last(self) -> int:
        """The highest number that was ever given."""
        with self._reader_lock:
            return last_of(self._reader)

    def go_on_after(self, number: int) -> None:
        """Give no number up to this one, in a new journal beside a lake that knows an older one's."""
        if number > self.last():
            with self._reader_lock, self._reader:
                self._reader.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('entries', ?)", (number,))

    def drop(self, numbers: Iterable[int]) -> None:
        """Delete damaged entries, ids and all: they stand in the quarantine now, and whoever has them may send them
        again."""
        which = [(number,) for number in numbers]
        with self._reader_lock, self._reader:
            self._reader.executemany("DELETE FROM orders WHERE seq = ?", which)
            self._reader.executemany("DELETE FROM entries WHERE seq = ?", which)

    def forget_drained(self, up_to: int) -> None:
        """Delete entries whose sequence number is at most ``up_to``: they stand in the lake now."""
        self._remove("seq <= ?", (up_to,))
        self._moved = max(self._moved, up_to)

    def forget_old_ids(self, before_day: int) -> int:
        """See ``forget_old_ids`` below."""
        self._move_keys()
        return forget_old_ids(self.path, before_day)

    def erase(self, persons: Iterable[str]) -> int:
        """Delete a person's undrained entries; the bytes are overwritten (``secure_delete``) and the WAL is emptied."""
        gone = 0
        for person in persons:
            gone += self._remove("person = ?", (person,))
        with self._reader_lock:
            self._reader.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone

    def _remove(self, which: str, parameters: Sequence[object]) -> int:
        """Delete entries; their ids stay."""
        try:
            with self._reader_lock, self._reader:
                self._reader.execute("BEGIN IMMEDIATE")
                move(self._reader, which, parameters)
                return self._reader.execute(f"DELETE FROM entries WHERE {which}", parameters).rowcount
        except sqlite3.Error as error:
            raise self._named(error) from error

    def _move_keys(self) -> None:
        """Put the keys of all entries among the seen ones."""
        try:
            with self._reader_lock, self._reader:
                self._reader.execute("BEGIN IMMEDIATE")
                (last,) = self._reader.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()
                move(self._reader, "seq > ?", (self._moved,))
        except sqlite3.Error as error:
            raise self._named(error) from error
        self._moved = max(self._moved, last)

    def close(self) -> None:
        """Commit what is waiting and close the file."""
        self._waiting.put(None)
        self._thread.join()
        with self._reader_lock:
            self._reader.close()


def _poisonous(error: Exception) -> bool:
    """Whether what was written before may be lost. A write that was refused is rolled back and may be tried again; a
    failed fsync may not (the system may have dropped the pages), and neither may a damaged file be written on."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT) and code != sqlite3.SQLITE_IOERR_WRITE


def connect(path: Path) -> sqlite3.Connection:
    """A connection that is durable when it commits and wipes what it deletes."""
    con = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", f"synchronous={_SYNCHRONOUS}", "secure_delete=ON", "temp_store=MEMORY"):
        con.execute(f"PRAGMA {pragma}").fetchall()
    teach(con)
    return con


def forget_old_ids(path: Path, before_day: int) -> int:
    """Forget the ids of entries received before a day, except those kept for ever; how many. Done in pieces, so that
    nobody who sends an event waits for long."""
    gone, last = 0, b""
    with closing(connect(path)) as con:
        while rows := con.execute(_OLD, (last, _PIECE)).fetchall():
            last = rows[-1][0]
            old = [(key,) for key, day, forever in rows if day < before_day and not forever]
            if old:
                con.execute("BEGIN IMMEDIATE")
                con.executemany("DELETE FROM seen WHERE id = ?", old)
                con.execute("COMMIT")
                gone += len(old)
    return gone
