"""A shop's operational state, in its folder or in PostgreSQL: keys, consent, what people set up, ledger."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from shopkeeper.data.store.audiences import AudienceBook
from shopkeeper.data.store.bundles import BundleBook
from shopkeeper.data.store.consent import ConsentBook
from shopkeeper.data.store.database import Database
from shopkeeper.data.store.keys import Keys
from shopkeeper.data.store.ledger import Ledger
from shopkeeper.data.store.unlinked import UnlinkedBook

FILE: Final = "state.db"


def place_of(folder: Path, url: str) -> Path | str:
    """Where a shop keeps its state: what ``[state] url`` says, or a file of its folder."""
    return url or folder / FILE


class State:
    """Open the state at a place, upgrading it where it is older.

    Raises:
        SettingsError: a newer version wrote it, or the address is wrong.
        Unavailable: it cannot be read or written.
    """

    def __init__(self, place: Path | str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.database = Database(place)
        self.keys = Keys(self.database, clock)
        self.consent = ConsentBook(self.database, clock)
        self.audiences = AudienceBook(self.database)
        self.bundles = BundleBook(self.database)
        self.unlinked = UnlinkedBook(self.database)
        self.ledger = Ledger(self.database, lambda: self.keys.identity_secret, clock)

    def close(self) -> None:
        self.database.close()


def named(place: Path | str) -> str:
    """The identity secret of the state at a place, made now where it was never used: copies of it are known by that."""
    with closing(State(place)) as state:
        return state.keys.identity_secret
