"""Laws of state, on SQLite and on PostgreSQL: keys are kept as hashes, consent counts at once, deeds are provable and
name nobody."""

import hashlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import select

from postgres import PostgreSQL
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import NotFound, SettingsError, Unavailable
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.store.consent import Answer
from shopkeeper.data.store.state import State
from shopkeeper.data.store.tables import consent

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ANN = PersonKey("ann")


@pytest.fixture
def kept(place: Path | str, request: pytest.FixtureRequest) -> Callable[[], bytes]:
    """Every byte that the place keeps in its files."""
    if isinstance(place, Path):
        return lambda: b"".join(path.read_bytes() for path in place.parent.iterdir())
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.files


def test_a_key_is_shown_once_and_kept_as_a_hash(place: Path | str, kept: Callable[[], bytes]) -> None:
    """A created key opens its role; neither the files nor the list hold it; another key opens nothing."""
    state = State(place)
    secret, publishable = state.keys.create("secret", "server"), state.keys.create("publishable")
    assert secret.startswith("sk_")
    assert publishable.startswith("pk_")
    assert state.keys.role_of(secret) == "secret"
    assert state.keys.role_of(publishable) == "publishable"
    for wrong in ("", "sk_", secret[:-1], secret + "x", secret.upper(), "é" * 9, "\ud800", "k" * 100_000):
        assert state.keys.role_of(wrong) is None
    assert [facts.role for facts in state.keys.list()] == ["secret", "publishable"]
    files = kept()
    assert secret.encode() not in files
    assert hashlib.sha256(secret.encode()).digest() in files
    state.close()


def test_a_revoked_key_opens_nothing_at_once(place: Path | str) -> None:
    """After ``revoke`` the key has no role; an id that does not exist is said so."""
    state = State(place)
    key = state.keys.create("secret")
    assert state.keys.role_of(key) == "secret"
    state.keys.revoke(state.keys.list()[0].id)
    assert state.keys.role_of(key) is None
    first = state.keys.list()[0].revoked_at
    assert first is not None
    state.keys.revoke(state.keys.list()[0].id)
    assert state.keys.list()[0].revoked_at == first
    with pytest.raises(NotFound, match="unknown_key_id"):
        state.keys.revoke("k_none")
    state.close()


def test_keys_of_one_moment_stay_in_order(place: Path | str) -> None:
    """The list is in the order of making, also where the clock stands still."""
    state = State(place, clock=lambda: NOON)
    for number in range(5):
        state.keys.create("secret", str(number))
    assert [facts.name for facts in state.keys.list()] == ["0", "1", "2", "3", "4"]
    state.close()


def test_keys_and_the_identity_secret_outlive_a_restart(place: Path | str, tmp_path: Path) -> None:
    """Closing and opening changes neither keys nor the secret; two shops have different secrets."""
    state = State(place)
    key, identity = state.keys.create("publishable"), state.keys.identity_secret
    state.close()
    again, other = State(place), State(tmp_path / "other.db")
    assert again.keys.role_of(key) == "publishable"
    assert again.keys.identity_secret == identity
    assert len(bytes.fromhex(identity)) == 32
    assert other.keys.identity_secret != identity
    again.close()
    other.close()


def test_a_withdrawal_counts_at_once(place: Path | str) -> None:
    """The next question after a refusal says no; what was never asked is refused."""
    state = State(place)
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


def test_the_order_of_arrival_does_not_matter(place: Path | str) -> None:
    """Answers in any order end the same: the newest counts, and of two of one moment the refusal."""
    state, later = State(place), NOON + timedelta(microseconds=1)
    answers = [(NOON, True), (later, True), (later, False)]
    for number, order in enumerate(permutations(answers)):
        person = PersonKey(str(number))
        state.consent.record_many(Answer(person=person, given={Purpose.TRAIN: yes}, at=at) for at, yes in order)
        assert not state.consent.consent_of(person).allows(Purpose.TRAIN)
    assert state.consent.may_train() == []
    state.close()


def test_a_moment_comes_back_as_it_was(place: Path | str) -> None:
    """To the microsecond, in UTC, whatever its zone and century; one without a zone is refused."""
    state = State(place)
    zone = timezone(timedelta(hours=8))
    moments = (
        NOON + timedelta(microseconds=1), datetime(2026, 3, 29, 2, 30, tzinfo=zone), datetime(1, 1, 2, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC),
    )  # fmt: skip
    for at in moments:
        person = PersonKey(at.isoformat())
        state.consent.record(person, {Purpose.EMAIL: True}, at=at)
        found = state.consent.consent_of(person).at
        assert found == at
        assert found is not None
        assert found.tzinfo is UTC
    with pytest.raises(Unavailable, match="a moment without a zone"):
        state.consent.record(ANN, {Purpose.EMAIL: True}, at=NOON.replace(tzinfo=None))
    assert state.consent.consent_of(ANN).at is None
    state.close()


def test_another_process_sees_a_withdrawal(place: Path | str) -> None:
    """A second connection notices what the first one wrote, at its next look."""
    one, two = State(place), State(place)

    def seen(wanted: bool) -> None:
        deadline = time.monotonic() + 20
        while two.consent.consent_of(ANN).allows(Purpose.TRAIN) is not wanted:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    for number, yes in enumerate((True, False, True)):
        one.consent.record(ANN, {Purpose.TRAIN: yes}, at=NOON + timedelta(seconds=number))
        assert one.consent.consent_of(ANN).allows(Purpose.TRAIN) is yes
        seen(yes)
    one.close()
    two.close()


def test_who_agreed_is_the_same_whether_gathered_or_asked_one_by_one(place: Path | str) -> None:
    """After every answer, refusal and erasure, and after another process's, a gathered book says of everybody what the
    table says."""
    one, two = State(place), State(place)
    people = [PersonKey(f"p{number}") for number in range(12)]
    one.consent.record_many(Answer(person=who, given={Purpose.PERSONALISE: True}, at=NOON) for who in people[:8])
    one.consent.gather()
    dice = random.Random(5)  # noqa: S311  # not for secrets

    def laws(state: State) -> None:
        for who in people:
            assert state.consent.personalises(who) is state.consent.consent_of(who).allows(Purpose.PERSONALISE)

    for step in range(30):
        some, at = dice.sample(people, 3), NOON + timedelta(seconds=dice.randrange(60))
        given = {Purpose.PERSONALISE: dice.random() < 0.5, Purpose.TRAIN: True}
        if step % 7 == 6:
            one.consent.forget(some)
        else:
            one.consent.record_many(Answer(person=who, given=given, at=at) for who in some)
        laws(one)
    two.consent.record(
        people[0], {Purpose.PERSONALISE: not one.consent.personalises(people[0])}, at=NOON + timedelta(days=1)
    )
    wanted, deadline = two.consent.personalises(people[0]), time.monotonic() + 20
    while one.consent.personalises(people[0]) is not wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    one.consent.gather()
    laws(one)
    one.close()
    two.close()


def test_a_bulk_of_answers_and_who_allows_training(place: Path | str) -> None:
    """``may_train`` lists exactly those who agreed to training; ``answers_of`` shows each answer with its source."""
    state = State(place)
    state.consent.record_many(
        Answer(person=PersonKey(f"p{n}"), given={Purpose.TRAIN: n % 2 == 0}, at=NOON, source="import") for n in range(6)
    )
    state.consent.record(PersonKey("P0"), {Purpose.TRAIN: True, Purpose.EMAIL: False}, at=NOON, source="横幅")
    assert state.consent.may_train() == ["P0", "p0", "p2", "p4"]
    assert state.consent.answers_of(PersonKey("P0")) == [
        {"purpose": "email", "given": False, "at": NOON, "source": "横幅"},
        {"purpose": "train", "given": True, "at": NOON, "source": "横幅"},
    ]
    state.close()


def test_what_all_of_a_file_agreed_to_is_as_if_each_had_said_it(
    place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``record_all`` leaves what ``record`` would have left, person by person, whatever their keys hold: an answer of
    their own that is newer, or a refusal of the same moment, stays; whoever is asked for in memory is known at once."""
    monkeypatch.setattr("shopkeeper.data.store.consent._MANY", 3)
    state, purposes = State(place), (Purpose.PERSONALISE, Purpose.TRAIN)
    odd = ['quote"d', "back\\slash", "掌柜", "it's", "visitor:[1,2]", "null", "\u2028 line", "{}", "emoji 🍵", "tab\t"]
    people = [PersonKey(name) for name in [*odd, "newer", "older", "same"]]
    for name, moment in (("newer", NOON + timedelta(days=1)), ("older", NOON - timedelta(days=1)), ("same", NOON)):
        state.consent.record(PersonKey(name), {Purpose.TRAIN: False}, at=moment, source="own")
    state.consent.gather()
    state.consent.record_all([*people, *people[:4]], purposes, at=NOON, source="file")
    assert set(state.consent.may_train()) == {*odd, "older"}
    assert all(state.consent.personalises(person) for person in people)
    for person in people:
        by_purpose = {answer["purpose"]: answer for answer in state.consent.answers_of(person)}
        assert by_purpose["personalise"] == {"purpose": "personalise", "given": True, "at": NOON, "source": "file"}
        assert by_purpose["train"]["source"] == ("own" if person in ("newer", "same") else "file")
    state.database.verify()
    state.close()


def test_many_who_agreed_each_at_their_moment_are_as_if_each_had_said_it(
    place: Path | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``record_each`` leaves what ``record`` would have left: each with a moment, to the microsecond, and a source of
    their own; a refusal that is newer stays; whoever is asked for in memory is known at once."""
    monkeypatch.setattr("shopkeeper.data.store.consent._MANY", 3)
    state, micro = State(place), timedelta(microseconds=1)
    names = ['quote"d', "back\\slash", "掌柜", "it's", "visitor:[1,2]", "null", "emoji 🍵", "older", "newer"]
    told = [(name, NOON + number * micro, f"'weibo\" {number}") for number, name in enumerate(names)]
    for name, moment in (("older", NOON - micro), ("newer", NOON + timedelta(days=1))):
        state.consent.record(PersonKey(name), {Purpose.PERSONALISE: False}, at=moment, source="own")
    state.consent.gather()
    state.consent.record_each(told, Purpose.PERSONALISE)
    assert set(state.consent.allowing(Purpose.PERSONALISE)) == {*names} - {"newer"}
    assert all(state.consent.personalises(PersonKey(name)) == (name != "newer") for name in names)
    for name, at, source in told:
        (answer,) = state.consent.answers_of(PersonKey(name))
        assert (answer["at"], answer["source"]) == (
            (at, source) if name != "newer" else (NOON + timedelta(days=1), "own")
        )
    state.database.verify()
    state.close()


def test_a_bulk_is_kept_whole_or_not_at_all(place: Path | str) -> None:
    """An answer that cannot be kept, after twenty thousand that could, leaves none of them."""
    state = State(place)
    many = [Answer(person=PersonKey(f"p{n}"), given={Purpose.TRAIN: True}, at=NOON) for n in range(20_001)]
    with pytest.raises(Unavailable):
        state.consent.record_many(
            [*many, Answer(person=ANN, given={Purpose.TRAIN: True}, at=NOON.replace(tzinfo=None))]
        )
    assert state.consent.may_train() == []
    state.consent.record_many(many)
    assert len(state.consent.may_train()) == 20_001
    state.close()


def test_a_forgotten_person_is_in_no_file(place: Path | str, kept: Callable[[], bytes]) -> None:
    """After ``forget`` not a byte of the person's key is left in the database's files: in SQLite's write-ahead file
    neither; PostgreSQL's write-ahead log is its operator's (docs, operations)."""
    state = State(place)
    person = PersonKey("someone-very-recognisable")
    state.consent.record(person, {Purpose.TRAIN: True}, at=NOON)
    state.consent.record(ANN, {Purpose.TRAIN: True}, at=NOON)
    assert person.encode() in kept()
    assert state.consent.forget([person]) == 1
    assert not state.consent.consent_of(person).allows(Purpose.TRAIN)
    assert state.consent.may_train() == [ANN]
    state.ledger.record("erase", [person], {"events": 3})
    state.close()
    assert person.encode() not in kept()


def test_the_ledger_names_nobody_and_recognises_the_erased(place: Path | str) -> None:
    """Deeds are kept in order with hashes; ``erased`` finds the erased among candidates, not the exported."""
    state = State(place, clock=lambda: NOON)
    state.ledger.record("export", ["bob"])
    state.ledger.record("erase", ["ann", "visitor:v1"], {"events": 3})
    assert [(entry.deed, entry.at, dict(entry.counts)) for entry in state.ledger.entries()] == [
        ("export", NOON, {}), ("erase", NOON, {"events": 3}), ("erase", NOON, {"events": 3}),
    ]  # fmt: skip
    assert state.ledger.erased(["ann", "bob", "visitor:v1", "eve"]) == {"ann", "visitor:v1"}
    assert state.ledger.erased(["ann"], since=NOON + timedelta(microseconds=1)) == frozenset()
    assert "ann" not in "".join(entry.person for entry in state.ledger.entries())
    state.close()


def test_many_threads_lose_nothing(place: Path | str) -> None:
    """Eight threads, over two connections, that write and ask at once: every answer is there afterwards."""
    states = (State(place), State(place))

    def work(number: int) -> None:
        state = states[number % 2]
        for each in range(10):
            state.consent.record(PersonKey(f"{number}-{each}"), {Purpose.TRAIN: True}, at=NOON)
            assert state.consent.consent_of(PersonKey(f"{number}-{each}")).allows(Purpose.TRAIN)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(states[0].consent.may_train()) == 80
    for state in states:
        state.close()


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    """Garbage in the place of state.db is ``storage_failed``, not a stack trace of SQLite."""
    (tmp_path / "state.db").write_bytes(b"garbage " * 1000)
    with pytest.raises(Unavailable, match="storage_failed"):
        State(tmp_path / "state.db")


def test_sqlite_is_as_durable_as_ever(tmp_path: Path) -> None:
    """Both connections have the write-ahead file, wait for the disk, and overwrite what is deleted."""
    state = State(tmp_path / "state.db")
    for engine in (state.database._opened.write, state.database._opened.read):
        with engine.connect() as connection:
            said = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "secure_delete")
            ]
        assert said == ["wal", 2, 1]
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600
    state.close()
    with sqlite3.connect(tmp_path / "state.db") as con:
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    con.close()


def test_an_address_that_cannot_be_used_is_said_without_its_password() -> None:
    """What cannot be read is a settings error; a server that is not there is ``state_unreachable``."""
    with pytest.raises(SettingsError, match="state_url_bad"):
        State("postgresql")
    with pytest.raises(Unavailable, match="state_unreachable") as found:
        State("postgresql+psycopg://ann:s3cret-word@127.0.0.1:9/nothing")
    assert "s3cret-word" not in str(found.value)


def test_state_survives_the_restart_of_its_server(postgresql: PostgreSQL) -> None:
    """A server that fails loses nothing that was written, and is used again as soon as it is back."""
    state = State(postgresql.address())
    state.consent.record(ANN, {Purpose.TRAIN: True}, at=NOON)
    postgresql.stop(how=3)
    with pytest.raises(Unavailable, match="state_unreachable"):
        state.consent.record(PersonKey("bob"), {Purpose.TRAIN: True}, at=NOON)
    postgresql.start()
    state.consent.record(PersonKey("cid"), {Purpose.TRAIN: True}, at=NOON)
    assert state.consent.may_train() == ["ann", "cid"]
    state.close()


def test_two_shops_in_one_server_are_strangers(postgresql: PostgreSQL) -> None:
    """Schemas, chosen by the address, keep them apart."""
    one, two = State(postgresql.address()), State(postgresql.address())
    one.consent.record(ANN, {Purpose.TRAIN: True}, at=NOON)
    assert two.consent.may_train() == []
    assert one.keys.identity_secret != two.keys.identity_secret
    assert one.database.read(select(consent.c.person))[0].person == "ann"
    one.close()
    two.close()
