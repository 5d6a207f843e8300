"""Who else is told of what a shop takes in: whoever answers with the same models in another process."""

from collections.abc import Sequence
from typing import Protocol

from shopkeeper.core.event import Event


class Listener(Protocol):
    """Answers with the same models elsewhere."""

    def heard(self, events: Sequence[Event]) -> None: ...
    def forget(self, people: Sequence[str]) -> None: ...
