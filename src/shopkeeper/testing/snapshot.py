"""The in-memory snapshot under the name tests look for."""

from shopkeeper.learn.snapshot import ArraySnapshot, nameless

__all__ = ["ArraySnapshot", "nameless"]
