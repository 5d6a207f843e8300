"""One value that takes a while to make, kept until what it was made from is another."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The value and the state it was made from: a generation, versions, a moment. Any thread may ask; two that ask at
    once may both make it."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[Any, T] | None = None

    def at(self, state: Hashable, make: Callable[[], T]) -> T:
        """The value for this state. Ask for the state before: what changes meanwhile then counts the next time."""
        kept = self._kept
        if kept is None or kept[0] != state:
            kept = self._kept = (state, make())
        return kept[1]

    def put(self, state: Hashable, value: T) -> None:
        """Keep a value that is good for this state."""
        self._kept = (state, value)

    @property
    def last(self) -> tuple[Any, T] | None:
        """The state and the value, however old."""
        return self._kept
