"""What a disk says while something is written to it, as our errors."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shopkeeper.core.errors import Unavailable

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FAILED: Final = frozenset({errno.EIO, errno.EROFS})


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Name a full or failing disk.

    Raises:
        Unavailable: there is no room (``disk_full``), or the disk failed (``storage_failed``).
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable("disk_full", folder=str(folder), retry_after_seconds=30) from error
        if error.errno in _FAILED:
            raise Unavailable("storage_failed", folder=str(folder), why=str(error)) from error
        raise
