"""Who agreed to what, and when. A withdrawal counts from the next question on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from shopkeeper.core.consent import NO_CONSENT, Consent, Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.data.store.database import Database

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_REMEMBERED: Final = 200_000

# Answers may arrive in any order: the newest counts, and of two of the same moment the refusal.
_SET = """
INSERT INTO consent (person, purpose, given, at, source) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (person, purpose) DO UPDATE SET given = excluded.given, at = excluded.at, source = excluded.source
WHERE excluded.at > consent.at OR (excluded.at = consent.at AND excluded.given < consent.given)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person said about some purposes at one moment."""

    person: PersonKey
    given: Mapping[Purpose, bool]
    at: datetime
    source: str = ""


class ConsentBook:
    """Everybody's answers. Those asked for lately stay in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._generation = -1
        self._remembered: dict[str, Consent] = {}

    def record(self, person: PersonKey, given: Mapping[Purpose, bool], *, at: datetime, source: str = "") -> None:
        """Keep a person's answers. An answer older than the one already known changes nothing."""
        self.record_many([Answer(person=person, given=given, at=at, source=source)])

    def record_many(self, answers: Iterable[Answer]) -> None:
        """Keep many people's answers in one transaction."""
        self._database.write(
            _SET,
            (
                (answer.person, purpose.value, int(given), _micros(answer.at), answer.source)
                for answer in answers
                for purpose, given in answer.given.items()
            ),
        )

    def consent_of(self, person: PersonKey) -> Consent:
        """A person's answers; nothing where nothing is known."""
        generation = self._database.generation()
        if generation != self._generation or len(self._remembered) > _MOST_REMEMBERED:
            self._remembered, self._generation = {}, generation
        remembered = self._remembered  # a change meanwhile replaces the dict, so an old answer never enters a new one
        known = remembered.get(person)
        if known is None:
            known = remembered[person] = self._read(person)
        return known

    def _read(self, person: PersonKey) -> Consent:
        rows = self._database.read("SELECT purpose, given, at, source FROM consent WHERE person = ?", (person,))
        if not rows:
            return NO_CONSENT
        newest = max(rows, key=lambda row: row[2])
        return Consent(
            given={Purpose(row[0]): bool(row[1]) for row in rows if row[0] in _PURPOSES},
            at=_EPOCH + timedelta(microseconds=newest[2]), source=newest[3],
        )  # fmt: skip

    def answers_of(self, person: PersonKey) -> list[dict[str, object]]:
        """Each answer with its moment and source: what an export shows."""
        sql = "SELECT purpose, given, at, source FROM consent WHERE person = ? ORDER BY purpose"
        return [
            {"purpose": row[0], "given": bool(row[1]), "at": _EPOCH + timedelta(microseconds=row[2]), "source": row[3]}
            for row in self._database.read(sql, (person,))
        ]

    def allowing(self, purpose: Purpose) -> list[str]:
        """Every person who agreed to a purpose, sorted."""
        sql = "SELECT person FROM consent WHERE purpose = ? AND given = 1 ORDER BY person"
        return [row[0] for row in self._database.read(sql, (purpose.value,))]

    def may_train(self) -> list[str]:
        """Every person whose data models may learn from."""
        return self.allowing(Purpose.TRAIN)

    def forget(self, persons: Iterable[str]) -> int:
        """Remove people's answers, from the file's free pages too. Returns how many answers went."""
        gone = self._database.write("DELETE FROM consent WHERE person = ?", [(person,) for person in persons])
        self._database.wipe()
        return gone


_PURPOSES = frozenset(Purpose)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
