"""Laws of the journal: durable when acknowledged, one effect for each id, honest when the disk is not."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from draining import drained_until_done
from shopkeeper.core.errors import Unavailable
from shopkeeper.data import seen
from shopkeeper.data.journal import DECISION, EVENT, Entry, Journal
from shopkeeper.data.row_sums import reading, verify


def _entries(*ids: str, body: bytes = b"{}") -> list[Entry]:
    return [Entry(kind=EVENT, id=name, body=body, person="c1", day=20_000) for name in ids]


def test_an_id_has_one_effect(tmp_path: Path) -> None:
    """A repeated id is a duplicate when its body is the same and a conflict when it is another; one entry stays."""
    journal = Journal(tmp_path / "journal.db")
    assert journal.append(_entries("a", "b", "a")) == ["stored", "stored", "duplicate"]
    assert journal.append(_entries("a", body=b"other")) == ["conflict"]
    assert [kept.id for kept in journal.undrained()] == ["a", "b"]
    journal.close()


def test_ids_are_known_after_the_drain_and_a_restart(tmp_path: Path) -> None:
    """Entries leave with the drain, their ids stay: a retry after a restart is still a duplicate."""
    journal = Journal(tmp_path / "journal.db")
    journal.append(_entries("a", "b"))
    journal.forget_drained(journal.undrained()[-1].seq)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.waiting() == 0
    assert again.append(_entries("b", "c")) == ["duplicate", "stored"]
    again.close()


def test_ids_are_known_while_their_entries_wait_and_after_they_were_erased(tmp_path: Path) -> None:
    """A retry after a restart is a duplicate, and another body a conflict, though nothing was drained; erasing a
    person's entries leaves their ids known."""
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.append(_entries("a", "b"))
    journal.close()
    again = Journal(path)
    assert again.append([*_entries("a"), *_entries("b", body=b"other")]) == ["duplicate", "conflict"]
    assert again.erase(["c1"]) == 2
    assert again.append(_entries("a")) == ["duplicate"]
    again.close()
    assert _outcomes_anew(path, _entries("a", "b", "c")) == ["duplicate", "duplicate", "stored"]


def test_more_keys_than_memory_holds_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the drain stands still, keys that wait are moved to the table of seen ids: nothing else changes."""
    monkeypatch.setattr(seen, "_MOST", 50)
    path = tmp_path / "journal.db"
    journal = Journal(path)
    for begin in range(0, 400, 40):
        ids = [f"e{number}" for number in range(begin, begin + 40)]
        assert journal.append(_entries(*ids)) == ["stored"] * 40
        assert len(journal._recent._known) <= 90
    everybody = _entries(*(f"e{number}" for number in range(400)))
    assert journal.append(everybody) == ["duplicate"] * 400
    assert journal.find("e7", EVENT) == b"{}"
    journal.close()
    assert _outcomes_anew(path, everybody) == ["duplicate"] * 400


def test_an_entry_that_waits_is_found_by_its_id(tmp_path: Path) -> None:
    """By id and kind: until it is drained, and after a restart too."""
    path = tmp_path / "journal.db"
    for round_number in range(2):
        journal = Journal(path)
        journal.append(_entries("a", body=b"1"))
        assert journal.find("a", EVENT) == b"1"
        assert journal.find("a", DECISION) is None
        assert journal.find("b", EVENT) is None
        if round_number:
            journal.forget_drained(journal.undrained()[-1].seq)
            assert journal.find("a", EVENT) is None
        journal.close()


def test_each_id_is_stored_once_while_the_drain_works(tmp_path: Path) -> None:
    """Four threads send the same ids again and again while entries leave: no moment at which an id is unknown."""
    journal = Journal(tmp_path / "journal.db")

    def send(_: int) -> list[str]:
        return [outcome for part in range(20) for outcome in journal.append(_entries(*_ids(part)))]

    with ThreadPoolExecutor(5) as pool:
        senders = [pool.submit(send, number) for number in range(4)]
        left = drained_until_done(journal, senders, 30)
    outcomes = [outcome for sender in senders for outcome in sender.result()]
    left += [kept.id for kept in journal.undrained()]
    assert outcomes.count("stored") == 20 * 25
    assert "conflict" not in outcomes
    assert sorted(left) == sorted({name for part in range(20) for name in _ids(part)})
    journal.close()


def _ids(part: int) -> list[str]:
    return [f"e{part}-{number}" for number in range(25)]


def _outcomes_anew(path: Path, entries: list[Entry]) -> list[str]:
    """What a journal says that is opened anew."""
    journal = Journal(path)
    found = list(journal.append(entries))
    journal.close()
    return found


_OLD_LAYOUT = """
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, person TEXT, body BLOB NOT NULL);
CREATE INDEX entries_id ON entries (id);
CREATE TABLE seen (
  id BLOB PRIMARY KEY, body BLOB NOT NULL, day INTEGER NOT NULL, forever INTEGER NOT NULL) WITHOUT ROWID;
"""


def test_a_journal_of_the_first_layout_is_taken_up(tmp_path: Path) -> None:
    """Ids that were put among the seen ones with their entries are known; what waits is found, drained and told."""
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as con, con:
        con.executescript(_OLD_LAYOUT)
        for name in ("gone", "waits"):
            con.execute("INSERT INTO seen VALUES (?, ?, 20000, 0)", (seen.key_of(EVENT, name), seen.digest_of(b"{}")))
        con.execute("INSERT INTO entries (kind, id, body) VALUES ('event', 'waits', CAST('{}' AS BLOB))")
    journal = Journal(path)
    assert journal.append(_entries("gone", "waits", "new")) == ["duplicate", "duplicate", "stored"]
    assert [kept.id for kept in journal.undrained()] == ["waits", "new"]
    assert journal.find("waits", EVENT) == b"{}"
    with reading(path) as con:
        verify(con, path.name, seen.SUMS)
    journal.forget_drained(journal.undrained()[-1].seq)
    with reading(path) as con:
        verify(con, path.name, seen.SUMS)
    journal.close()
    assert _outcomes_anew(path, _entries("gone", "waits", "new")) == ["duplicate"] * 3


def test_old_ids_are_forgotten_but_orders_never(tmp_path: Path) -> None:
    """Retention of ids forgets what was received before a day, except entries marked for ever."""
    journal = Journal(tmp_path / "journal.db")
    order = Entry(kind=EVENT, id="order", body=b"{}", day=20_000, forever=True)
    journal.append([*_entries("view"), order])
    journal.forget_old_ids(20_001)
    assert journal.append(_entries("view")) == ["stored"]
    assert journal.append([order]) == ["duplicate"]
    journal.close()


def test_numbers_grow_for_ever(tmp_path: Path) -> None:
    """A sequence number is never used twice, even when the journal was emptied in between: the drain relies on it."""
    journal = Journal(tmp_path / "journal.db")
    journal.append(_entries("a"))
    first = journal.undrained()[-1].seq
    journal.forget_drained(first)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    again.append(_entries("b"))
    assert again.undrained()[0].seq > first
    again.close()


def test_concurrent_appends_each_get_their_own_verdict(tmp_path: Path) -> None:
    """Sixteen threads that send overlapping ids: every id is stored exactly once over all answers."""
    journal = Journal(tmp_path / "journal.db")
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda n: journal.append(_entries(*[f"e{(n + k) % 40}" for k in range(20)])), range(64))
        )
    stored = [outcome for answer in answers for outcome in answer if outcome == "stored"]
    assert len(stored) == 40
    assert journal.waiting() == 40
    journal.close()


_WRITER = """
import sys
from pathlib import Path
from shopkeeper.data.journal import EVENT, Entry, Journal
journal = Journal(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    journal.append([Entry(kind=EVENT, id=f"e{number + k}", body=b"x" * 200, day=1) for k in range(20)])
    number += 20
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """After each of ten kill -9 the journal holds every acknowledged entry, without holes."""
    path, acknowledged = tmp_path / "journal.db", 0
    for round_number in range(10):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, path, str(acknowledged)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(3 + round_number)]
        os.kill(writer.pid, signal.SIGKILL)
        lines += writer.stdout.read().splitlines()
        writer.wait()
        writer.stdout.close()
        acknowledged = max(int(line) for line in lines if line.strip())
        journal = Journal(path)
        present = {kept.id for kept in journal.undrained()}
        journal.close()
        assert {f"e{number}" for number in range(acknowledged)} <= present
        assert len(present) % 20 == 0, "half a batch was kept"
        acknowledged = len(present)


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """Where the file may not grow, appending says so and keeps what was acknowledged; with room it goes on."""
    script = (
        "import resource, sys, signal\n"
        "from pathlib import Path\n"
        "from shopkeeper.core.errors import Unavailable\n"
        "from shopkeeper.data.journal import EVENT, Entry, Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))\n"
        "kept = 0\n"
        "try:\n"
        "    for n in range(1000):\n"
        "        journal.append([Entry(kind=EVENT, id=f'e{n}', body=b'x' * 5000, day=1)])\n"
        "        kept += 1\n"
        "except Unavailable as error:\n"
        "    print(kept, error.key)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "j.db"], capture_output=True, text=True, timeout=60)
    kept, key = done.stdout.split()
    assert key in ("disk_full", "storage_failed"), done.stderr
    assert int(kept) > 0
    journal = Journal(tmp_path / "j.db")
    assert journal.waiting() == int(kept)
    assert journal.append(_entries("later")) == ["stored"]
    journal.close()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_after_an_io_error_nothing_is_accepted(tmp_path: Path) -> None:
    """An I/O error is never followed by an acknowledgement: the journal refuses until it is opened again."""
    journal = Journal(tmp_path / "journal.db")
    journal._failed = Unavailable("storage_failed", folder=str(tmp_path), why="I/O")
    with pytest.raises(Unavailable, match="storage_failed"):
        journal.append(_entries("a"))
    journal.close()


def test_erased_bytes_are_gone(tmp_path: Path) -> None:
    """After ``erase`` no byte of the person's entries is left in any file of the journal."""
    journal = Journal(tmp_path / "journal.db")
    journal.append([Entry(kind=EVENT, id="a", body=b"canary-7f3a", person="c1", day=1)])
    journal.append([Entry(kind=EVENT, id="b", body=b"other", person="c2", day=1)])
    assert journal.erase(["c1"]) == 1
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"canary-7f3a" not in left
    assert b"other" in left
    journal.close()
