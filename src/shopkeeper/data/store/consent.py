"""Who agreed to what, and when. A withdrawal counts from the next question on."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Executable, Text, and_, bindparam, delete, literal, or_, select, true
from sqlalchemy.dialects import postgresql, sqlite

from shopkeeper.core.consent import NO_CONSENT, PERSONALISED, Consent, Purpose
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.moment import EPOCH, MICRO, Moment
from shopkeeper.data.store.tables import consent

_MOST_REMEMBERED: Final = 200_000
_AT_ONCE: Final = 500
_MANY: Final = 20_000
_COLUMNS: Final = ("person", "purpose", "given", "at", "source")
_REST: Final = 50
"""How many times as long as it took nothing is gathered again."""
_PURPOSES: Final = frozenset(Purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person said about some purposes at one moment."""

    person: PersonKey
    given: Mapping[Purpose, bool]
    at: datetime
    source: str = ""


class ConsentBook:
    """Everybody's answers. Those asked for lately stay in memory; for servers, who agreed to personalisation does."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self._generation = -1
        self._remembered: dict[str, Consent] = {}
        self._agreed: set[str] | None = None
        """Who agreed to personalisation, once ``gather`` was called."""
        self._agreed_as_of = -1
        self._gather_after = 0.0
        self._agreed_lock = threading.Lock()

    def record(self, person: PersonKey, given: Mapping[Purpose, bool], *, at: datetime, source: str = "") -> None:
        """Keep a person's answers. An answer older than the one already known changes nothing."""
        self.record_many([Answer(person=person, given=given, at=at, source=source)])

    def record_many(self, answers: Iterable[Answer]) -> None:
        """Keep many people's answers in one transaction."""
        people: set[str] = set()

        def rows() -> Iterator[dict[str, Any]]:
            for answer in answers:
                people.add(answer.person)
                for purpose, given in answer.given.items():
                    yield {
                        "person": answer.person,
                        "purpose": purpose.value,
                        "given": given,
                        "at": answer.at,
                        "source": answer.source,
                    }

        with self._agreed_lock:
            self._database.write(_newest_counts(self._database.insert_into(consent), self._clock()), rows())
            self._look_again_at(people)

    def refusals(self, purposes: Iterable[Purpose]) -> dict[tuple[str, Purpose], str]:
        """Who said no to one of these purposes -> where that is recorded."""
        wanted = [purpose.value for purpose in purposes]
        found = select(consent.c.person, consent.c.purpose, consent.c.source)
        rows = self._database.read(found.where(consent.c.purpose.in_(wanted), consent.c.given.is_(False)))
        return {(row.person, Purpose(row.purpose)): row.source for row in rows}

    def record_all(self, people: Iterable[str], purposes: Sequence[Purpose], *, at: datetime, source: str) -> None:
        """Keep that all of them agreed to the same at the same moment: of a whole file. Some ten thousand are one
        change, so that others need not wait for all."""
        waiting = iter(sorted(set(people)))  # in the order of the table
        while some := list(itertools.islice(waiting, _MANY)):
            with self._agreed_lock:
                with self._database.transaction() as connection:
                    for purpose in purposes:
                        yes = _all_say_yes(self._database, purpose, self._clock())
                        connection.execute(yes, {"people": json.dumps(some), "moment": at, "told": source})
                self._look_again_at(some)

    def record_each(self, told: Iterable[tuple[str, datetime, str]], purpose: Purpose) -> None:
        """Keep that people agreed to a purpose, each at their own moment, as somebody told: (person, moment, source),
        nobody twice. As ``record_all``, some ten thousand are one change."""
        waiting = iter(sorted(told))
        while some := list(itertools.islice(waiting, _MANY)):
            rows = json.dumps([(person, (at - EPOCH) // MICRO, source) for person, at, source in some])
            with self._agreed_lock:
                with self._database.transaction() as connection:
                    connection.execute(_each_says_yes(self._database, purpose, self._clock()), {"people": rows})
                self._look_again_at(person for person, _, _ in some)

    def gather(self) -> None:
        """Keep everybody who agreed to personalisation in memory: whether somebody did is then a look into a set.

        Called again, it does something only where another process has changed something since, and rests so long that
        it costs little; meanwhile people are asked for one by one.
        """
        elsewhere, began = self._database.elsewhere(), time.monotonic()
        if self._agreed is None or (self._agreed_as_of != elsewhere and began >= self._gather_after):
            with self._agreed_lock:
                self._agreed, self._agreed_as_of = self._allowing(Purpose.PERSONALISE), elsewhere
            self._gather_after = began + _REST * (time.monotonic() - began)

    def personalises(self, person: PersonKey) -> bool:
        """Whether a person agreed to personalisation: asked by every decision.

        Raises:
            Unavailable: it cannot be known now.
        """
        agreed = self._agreed
        if agreed is None or self._agreed_as_of != self._database.elsewhere():
            return self.consent_of(person).allows(Purpose.PERSONALISE)
        self._database.sure()
        return person in agreed

    def personal_consent(self, person: PersonKey) -> Consent:
        """The same as an answer: all that a decision may know of a person's consent."""
        return PERSONALISED if self.personalises(person) else NO_CONSENT

    def _look_again_at(self, people: Iterable[str]) -> None:
        """What is gathered, of people whose answers were written."""
        if self._agreed is not None:
            some = sorted(people)
            for begin in range(0, len(some), _AT_ONCE):
                part = some[begin : begin + _AT_ONCE]
                agreed = self._allowing(Purpose.PERSONALISE, part)
                self._agreed.difference_update(set(part) - agreed)
                self._agreed.update(agreed)

    def _allowing(self, purpose: Purpose, people: Sequence[str] | None = None) -> set[str]:
        found = select(consent.c.person).where(consent.c.purpose == purpose.value, consent.c.given)
        if people is not None:
            found = found.where(consent.c.person.in_(people))
        return {row[0] for row in self._database.read(found)}

    def consent_of(self, person: PersonKey) -> Consent:
        """A person's answers; nothing where nothing is known.

        Raises:
            Unavailable: it cannot be known now.
        """
        generation = self._database.generation()
        if generation != self._generation or len(self._remembered) > _MOST_REMEMBERED:
            self._remembered, self._generation = {}, generation
        self._database.sure()
        remembered = self._remembered  # a change meanwhile replaces the dict, so an old answer never enters a new one
        known = remembered.get(person)
        if known is None:
            known = remembered[person] = self._read(person)
        return known

    def _read(self, person: PersonKey) -> Consent:
        rows = self._database.read(_answers(person).add_columns(self._database.soundness(consent).label("sound")))
        if not rows:
            return NO_CONSENT
        if not all(row.sound for row in rows):
            raise Unavailable("consent_damaged", where=self._database.where)
        newest = max(rows, key=lambda row: row.at)
        given = {Purpose(row.purpose): row.given for row in rows if row.purpose in _PURPOSES}
        return Consent(given=given, at=newest.at, source=newest.source)

    def answers_of(self, person: PersonKey) -> list[dict[str, object]]:
        """Each answer with its moment and source: what an export shows."""
        answers = [dict(row._mapping) for row in self._database.read(_answers(person))]
        return sorted(answers, key=lambda answer: str(answer["purpose"]))

    def allowing(self, purpose: Purpose) -> list[str]:
        """Every person who agreed to a purpose, sorted."""
        return sorted(self._allowing(purpose))

    def generation(self) -> int:
        """Another number after every change of anybody's answers (or of anything else of this state)."""
        return self._database.generation()

    def may_train(self) -> list[str]:
        """Every person whose data models may learn from."""
        return self.allowing(Purpose.TRAIN)

    def forget(self, persons: Iterable[str]) -> int:
        """Remove people's answers, from the file's free pages too. Returns how many answers went."""
        theirs, people = delete(consent).where(consent.c.person == bindparam("gone")), [*persons]
        with self._agreed_lock:
            gone = self._database.write(theirs, ({"gone": person} for person in people))
            self._look_again_at(people)
        self._database.wipe(consent)
        return gone


def _answers(person: PersonKey) -> Any:
    columns = (consent.c.purpose, consent.c.given, consent.c.at, consent.c.source)
    return select(*columns).where(consent.c.person == person)


def _all_say_yes(database: Database, purpose: Purpose, now: datetime) -> Executable:
    """People as a JSON array become rows in the database itself: their ways there cost more than what is done there."""
    person = database.texts_of("people")
    moment, told = bindparam("moment", type_=consent.c.at.type), bindparam("told", type_=consent.c.source.type)
    rows = select(person, literal(purpose.value), true(), moment, told).where(true())  # SQLite asks for a WHERE here
    return _newest_counts(database.insert_into(consent).from_select(_COLUMNS, rows), now)


def _each_says_yes(database: Database, purpose: Purpose, now: datetime) -> Executable:
    """The same, each with a moment in microseconds since 1970 and a source of their own."""
    person, moment, told = database.cells_of("people", (Text, Moment, Text))
    rows = select(person, literal(purpose.value), true(), moment, told).where(true())
    return _newest_counts(database.insert_into(consent).from_select(_COLUMNS, rows), now)


def _newest_counts(insert: postgresql.Insert | sqlite.Insert, now: datetime) -> Executable:
    """Answers may arrive in any order: the newest counts, and of two of the same moment the refusal. So it does against
    a yes of a moment that has not come: a clock was wrong, and nobody knows when that was said."""
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[consent.c.person, consent.c.purpose],
        set_={"given": new.given, "at": new.at, "source": new.source},
        where=or_(
            new.at > consent.c.at, and_(or_(new.at == consent.c.at, consent.c.at > now), new.given < consent.c.given)
        ),
    )
