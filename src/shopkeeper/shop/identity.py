"""Who is whom in a shop: worked out from the lake, the wishes and the consent, kept until one of them changes."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from shopkeeper.core.consent import Purpose
from shopkeeper.core.kept import Kept
from shopkeeper.data.identity import Identity, runs_of
from shopkeeper.data.lake import Lake
from shopkeeper.data.store.state import State
from shopkeeper.settings import Settings
from shopkeeper.shop.engines import duck_of

SHOWING: Final = (Purpose.PERSONALISE,)
LEARNING: Final = (Purpose.PERSONALISE, Purpose.TRAIN)
"""What both the browser and the customer must have agreed to, so that models may learn from the joined past."""


@dataclass(slots=True)
class Identities:
    """The parts that change at different times are kept apart: the runs with the lake, consent with the state."""

    lake: Lake
    state: State
    settings: Settings
    _runs: Kept[pa.Table] = field(default_factory=Kept)
    _agreed: dict[Sequence[Purpose], Kept[pa.Array]] = field(default_factory=lambda: defaultdict(Kept))
    _lock: Any = field(default_factory=threading.Lock)

    def now(self, purposes: Sequence[Purpose] = SHOWING) -> Identity:
        """As the lake and the state have it at this moment; with no ``purposes`` consent is not asked."""
        with self._lock:
            runs = self._runs_now()
            agreed = self._agreed_to(purposes) if purposes and runs.num_rows else None
        return Identity(runs=runs, rules=self.settings.identity, apart=self.state.unlinked.visitors(), agreed=agreed)

    def about(self, person: str, purposes: Sequence[Purpose] = SHOWING) -> Identity:
        """The same for questions about one person; about anybody where none is named."""
        return self.now(purposes).about(person) if person else self.now(purposes)

    def _runs_now(self) -> pa.Table:
        state = (self.lake.version("events"), self.lake.version("order_lines"))
        return self._runs.at(state, lambda: runs_of(self.lake, duck_of(self.settings.engine)))

    def _agreed_to(self, purposes: Sequence[Purpose]) -> pa.Array:
        book = self.state.consent

        def asked() -> pa.Array:
            people = set.intersection(*(set(book.allowing(purpose)) for purpose in purposes))
            return pa.array(sorted(people), pa.string())

        return self._agreed[purposes].at(book.generation(), asked)
