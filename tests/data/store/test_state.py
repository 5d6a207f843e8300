"""Laws of state.db: keys are kept as hashes, consent counts at once, deeds are provable and name nobody."""

import hashlib
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import NotFound, SettingsError, Unavailable
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.store.consent import Answer
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.state import MIGRATIONS, State

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ANN = PersonKey("ann")


def files_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    """A created key opens its role; neither the file nor the list holds it; another key opens nothing."""
    state = State(tmp_path / "state.db")
    secret, publishable = state.keys.create("secret", "server"), state.keys.create("publishable")
    assert secret.startswith("sk_")
    assert publishable.startswith("pk_")
    assert state.keys.role_of(secret) == "secret"
    assert state.keys.role_of(publishable) == "publishable"
    for wrong in ("", "sk_", secret[:-1], secret + "x", secret.upper(), "é" * 9, "\ud800", "k" * 100_000):
        assert state.keys.role_of(wrong) is None
    assert [facts.role for facts in state.keys.list()] == ["secret", "publishable"]
    assert secret.encode() not in files_of(tmp_path)
    assert hashlib.sha256(secret.encode()).digest() in files_of(tmp_path)
    state.close()


def test_a_revoked_key_opens_nothing_at_once(tmp_path: Path) -> None:
    """After ``revoke`` the key has no role; an id that does not exist is said so."""
    state = State(tmp_path / "state.db")
    key = state.keys.create("secret")
    assert state.keys.role_of(key) == "secret"
    state.keys.revoke(state.keys.list()[0].id)
    assert state.keys.role_of(key) is None
    assert state.keys.list()[0].revoked_at is not None
    with pytest.raises(NotFound, match="unknown_key_id"):
        state.keys.revoke("k_none")
    state.close()


def test_keys_and_the_identity_secret_outlive_a_restart(tmp_path: Path) -> None:
    """Closing and opening changes neither keys nor the secret; two shops have different secrets."""
    state = State(tmp_path / "state.db")
    key, identity = state.keys.create("publishable"), state.keys.identity_secret
    state.close()
    again, other = State(tmp_path / "state.db"), State(tmp_path / "other.db")
    assert again.keys.role_of(key) == "publishable"
    assert again.keys.identity_secret == identity
    assert len(bytes.fromhex(identity)) == 32
    assert other.keys.identity_secret != identity
    again.close()
    other.close()


def test_a_withdrawal_counts_at_once(tmp_path: Path) -> None:
    """The next question after a refusal says no; what was never asked is refused."""
    state = State(tmp_path / "state.db")
    assert not state.consent.consent_of(ANN).allows(Purpose.PERSONALISE)
    state.consent.record(ANN, {Purpose.PERSONALISE: True, Purpose.TRAIN: True}, at=NOON, source="banner")
    consent = state.consent.consent_of(ANN)
    assert consent.allows(Purpose.PERSONALISE)
    assert not consent.allows(Purpose.EMAIL)
    assert (consent.at, consent.source) == (NOON, "banner")
    state.consent.record(ANN, {Purpose.PERSONALISE: False}, at=NOON + timedelta(seconds=1))
    assert not state.consent.consent_of(ANN).allows(Purpose.PERSONALISE)
    assert state.consent.consent_of(ANN).allows(Purpose.TRAIN)
    state.close()


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    """Answers in any order end the same: the newest counts, and of two of one moment the refusal."""
    later = NOON + timedelta(minutes=1)
    answers = [(NOON, True), (later, True), (later, False)]
    for number, order in enumerate(permutations(answers)):
        state = State(tmp_path / f"{number}.db")
        state.consent.record_many(Answer(person=ANN, given={Purpose.TRAIN: yes}, at=at) for at, yes in order)
        assert not state.consent.consent_of(ANN).allows(Purpose.TRAIN)
        assert state.consent.may_train() == []
        state.close()


def test_another_process_sees_a_withdrawal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second connection notices what the first one wrote, at the next look."""
    monkeypatch.setattr("shopkeeper.data.store.database._LOOK_SECONDS", -1.0)
    one, two = State(tmp_path / "state.db"), State(tmp_path / "state.db")
    one.consent.record(ANN, {Purpose.TRAIN: True}, at=NOON)
    assert two.consent.consent_of(ANN).allows(Purpose.TRAIN)
    one.consent.record(ANN, {Purpose.TRAIN: False}, at=NOON + timedelta(seconds=1))
    assert not two.consent.consent_of(ANN).allows(Purpose.TRAIN)
    one.close()
    two.close()


def test_a_bulk_of_answers_and_who_allows_training(tmp_path: Path) -> None:
    """``may_train`` lists exactly those who agreed to training; ``answers_of`` shows each answer with its source."""
    state = State(tmp_path / "state.db")
    state.consent.record_many(
        Answer(person=PersonKey(f"p{n}"), given={Purpose.TRAIN: n % 2 == 0}, at=NOON, source="import") for n in range(6)
    )
    assert state.consent.may_train() == ["p0", "p2", "p4"]
    assert state.consent.answers_of(PersonKey("p1")) == [
        {"purpose": "train", "given": False, "at": NOON, "source": "import"}
    ]
    state.close()


def test_a_forgotten_person_is_in_no_file(tmp_path: Path) -> None:
    """After ``forget`` not a byte of the person's key is left in state.db or its write-ahead file."""
    state = State(tmp_path / "state.db")
    person = PersonKey("someone-very-recognisable")
    state.consent.record(person, {Purpose.TRAIN: True}, at=NOON)
    assert state.consent.forget([person]) == 1
    assert not state.consent.consent_of(person).allows(Purpose.TRAIN)
    state.ledger.record("erase", [person], {"events": 3})
    state.close()
    assert person.encode() not in files_of(tmp_path)


def test_the_ledger_names_nobody_and_recognises_the_erased(tmp_path: Path) -> None:
    """Deeds are kept in order with hashes; ``erased`` finds the erased among candidates, not the exported."""
    state = State(tmp_path / "state.db", clock=lambda: NOON)
    state.ledger.record("export", ["bob"])
    state.ledger.record("erase", ["ann", "visitor:v1"], {"events": 3})
    assert [(entry.deed, entry.at, dict(entry.counts)) for entry in state.ledger.entries()] == [
        ("export", NOON, {}), ("erase", NOON, {"events": 3}), ("erase", NOON, {"events": 3}),
    ]  # fmt: skip
    assert state.ledger.erased(["ann", "bob", "visitor:v1", "eve"]) == {"ann", "visitor:v1"}
    assert "ann" not in "".join(entry.person for entry in state.ledger.entries())
    state.close()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    """A file with more migrations than known is not touched: ``shop_too_new``."""
    State(tmp_path / "state.db").close()
    con = sqlite3.connect(tmp_path / "state.db")
    con.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    con.close()
    with pytest.raises(SettingsError, match="shop_too_new"):
        State(tmp_path / "state.db")


def test_migrations_run_once_each_and_whole(tmp_path: Path) -> None:
    """An older file gets only the missing steps; a step that fails leaves nothing of itself."""
    path = tmp_path / "x.db"
    Database(path, ("CREATE TABLE a (x)",)).close()
    with pytest.raises(Unavailable, match="storage_failed"):
        Database(path, ("CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"))
    database = Database(path, ("CREATE TABLE a (x)", "CREATE TABLE b (x)"))
    assert database.read("PRAGMA user_version") == [(2,)]
    assert database.read("SELECT count(*) FROM b") == [(0,)]
    database.close()


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    """Garbage in the place of state.db is ``storage_failed``, not a stack trace of SQLite."""
    (tmp_path / "state.db").write_bytes(b"garbage " * 1000)
    with pytest.raises(Unavailable, match="storage_failed"):
        State(tmp_path / "state.db")


def test_many_threads_lose_nothing(tmp_path: Path) -> None:
    """Eight threads that write and ask at once: every answer is there afterwards."""
    state = State(tmp_path / "state.db")

    def work(number: int) -> None:
        for each in range(10):
            state.consent.record(PersonKey(f"{number}-{each}"), {Purpose.TRAIN: True}, at=NOON)
            assert state.consent.consent_of(PersonKey(f"{number}-{each}")).allows(Purpose.TRAIN)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(state.consent.may_train()) == 80
    state.close()
