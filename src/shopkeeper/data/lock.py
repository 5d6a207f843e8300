"""One writer per shop folder: an advisory file lock that dies with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shopkeeper.core.errors import Unavailable


class FolderLock:
    """Held from construction until ``release`` or the end of the process, ``kill -9`` included.

    Raises:
        Unavailable: another process holds it (``shop_locked``, with that process's number).
    """

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._handle, 20, 0).decode("ascii", "replace").strip() or "?"
            os.close(self._handle)
            raise Unavailable("shop_locked", folder=str(folder), pid=owner) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._handle)


@contextmanager
def held(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Wait for an advisory lock on a file, among threads and processes alike; it dies with its process. Any number may
    hold it ``shared``, or one alone."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def held_at_once(path: Path) -> Iterator[bool]:
    """The same alone and without waiting: whether it could be had."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)
