"""A drain beside those who send."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from shopkeeper.data.journal import Journal


def drained_until_done(journal: Journal, sending: Sequence[Future[Any]], at_once: int) -> list[str]:
    """Let entries leave, a few at once, until everybody has sent; the ids of those that left."""
    left: list[str] = []
    while not all(sender.done() for sender in sending):
        if waiting := journal.undrained(limit=at_once):
            left += [kept.id for kept in waiting]
            journal.forget_drained(waiting[-1].seq)
    return left
