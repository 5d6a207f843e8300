"""The journal role: what takes events and decisions in, and says so only when they are durable.

``Journal`` (SQLite, one process) and ``KafkaJournal`` (a topic, any number of processes) both play it.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Protocol

from shopkeeper.core.figures import StreamFigures
from shopkeeper.data.journal import Entry, Kind, Outcome
from shopkeeper.data.journal_rows import Kept


class Intake(Protocol):
    """Where entries go first.

    Raises:
        Unavailable: they could not be made durable; nothing was acknowledged.
    """

    def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Keep entries; what became of each, in order. Where an id is only compared later, it is ``stored`` here."""
        ...

    def append_soon(self, entries: Sequence[Entry]) -> "Future[list[Outcome]]":
        """As ``append``, without waiting."""
        ...

    def undrained(self, *, after: int = 0, limit: int = 50_000) -> list[Kept]:
        """Entries that only this process could give; none where they are in a topic."""
        ...

    def find(self, entry_id: str, kind: Kind) -> bytes | None:
        """The body of an entry that is not in the lake yet, where that can be said."""
        ...

    def find_order(self, order: str) -> bytes | None:
        """The body of the entry that told of an order first, as ``find``."""
        ...

    def waiting(self) -> int:
        """How many entries the lake does not hold yet."""
        ...

    def erase(self, persons: Iterable[str]) -> int:
        """Delete people's entries where that can be done; the drain refuses those of whoever was erased."""
        ...

    def figures(self) -> StreamFigures | None:
        """How the engine behind it does; None where it is a file of the folder."""
        ...

    def close(self) -> None: ...
