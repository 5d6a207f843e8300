"""Named places where a test may end the process as ``kill -9`` does: between two steps that no crash may part.

Nothing happens unless ``SHOPKEEPER_KILL_AT`` names one, which only tests set: ``lake.linked`` ends the process at the
first time it comes there, ``lake.linked:3`` at the third.
"""

import os
import signal
from itertools import count
from typing import Final

POINTS: Final = frozenset(
    """
    journal.inserted journal.committed
    shop.tables_made
    lake.written lake.logged lake.twice_named lake.linked lake.checkpointed lake.cleared lake.sweeping
    drain.landed drain.forgotten
    compact.written compact.committed
    models.written models.renamed models.named models.swapped models.trimming
    state.migrating state.migrated
    backup.linked backup.copied backup.hashed backup.synced
    restore.copied restore.synced
    import.staged import.written import.adopted import.held
    """.split()
)
"""Every place; a test drives the shop to each of them, and fails where one was not reached."""
VARIABLE: Final = "SHOPKEEPER_KILL_AT"

_name, _, _times = os.environ.get(VARIABLE, "").partition(":")
_seen = count(1)


def reached(point: str) -> None:
    """Go on, or end here at once where a test wants that."""
    if point == _name and next(_seen) >= int(_times or 1):
        os.kill(os.getpid(), signal.SIGKILL)
