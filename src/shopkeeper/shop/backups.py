"""A shop saved elsewhere, and brought back; what was derived from its facts, made again."""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from shopkeeper.core.errors import DataError, NotFound
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data import belonging
from shopkeeper.data.backup import Backup, back_up, read_page, restored
from shopkeeper.data.model_store import ModelStore
from shopkeeper.data.privacy import Person, people_in
from shopkeeper.data.store.moving import bring
from shopkeeper.data.store.state import FILE, State, named, place_of
from shopkeeper.settings import FILE as SHOP_FILE
from shopkeeper.settings import load
from shopkeeper.shop.moving import write_state_url
from shopkeeper.shop.people import erase_person, person_of
from shopkeeper.shop.shop import Shop, utc_now
from shopkeeper.shop.training import refit, version_of

Same = Literal["same", "other", "new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back, and whom it had to forget again."""

    page: Backup
    erased: int
    checked_until: datetime | None
    """Erasures up to here were repeated; None: no ledger newer than the backup was at hand."""


def backup(folder: Path, to: Path, *, progress: Progress = quiet) -> Backup:
    """Save a shop folder as of now into a new folder, also while a server works on it.

    Raises:
        SettingsError: no shop there, or ``to`` exists already.
    """
    state = place_of(folder, load(folder).state.url)
    named(state)
    return back_up(folder, to, moment=utc_now(), state=state, progress=progress)


def restore(
    backup_at: Path, folder: Path, *, ledger: Path | None = None, state: str | None = None, progress: Progress = quiet
) -> Restored:  # fmt: skip
    """Bring a backup back as a new shop folder. People whom ``ledger`` (the shop folder that was lost, or a later
    backup of it) knows as erased since the backup are erased again, before the folder is there.

    The state goes where shop.toml says, or to the address ``state`` (empty: a file of the folder). Where that database
    has outlived the folder it stays as it is: it is newer than the backup, and it is the ledger.

    Raises:
        SettingsError: ``folder`` holds something already, or the database the state of another shop.
        NotFound: there is no backup, or no ledger.
        DataError: a file of it is damaged.
    """
    page = read_page(backup_at)
    with restored(backup_at, folder, progress=progress) as part:
        if state is not None:
            write_state_url(part, state)
        survived = _settled(part)
        with closing(State(place_of(part, load(part).state.url))) as book:
            belonging.mark(part, book)  # each byte was checked, and the state's identity too
        known = survived if ledger is None else _ledger_at(ledger)
        gone = 0 if known is None else _erase_again(part, known, page.moment)
    return Restored(page=page, erased=gone, checked_until=None if known is None else utc_now())


def _settled(part: Path) -> Path | str | None:
    """Bring the saved state to the database that shop.toml names; where it is, if it was there all along."""
    url = load(part).state.url
    if not url:
        return None
    return None if bring(part / FILE, url) else url


def _ledger_at(folder: Path) -> Path | str:
    if (folder / FILE).is_file():
        return folder / FILE
    if not (folder / SHOP_FILE).is_file() or not load(folder).state.url:
        raise NotFound("no_ledger", folder=str(folder))
    return load(folder).state.url


def _erase_again(part: Path, known: Path | str, since: datetime) -> int:
    with closing(State(known)) as book, Shop.open(part) as shop:
        shop.drain()
        gone = book.ledger.erased(people_in(shop.lake), since=since)
        for key in sorted(gone):
            erase_person(shop, _person(shop, key))
    return len(gone)


def _person(shop: Shop, key: str) -> Person:
    visitor = key.removeprefix("visitor:")
    return person_of(shop, key) if visitor == key else Person(customer="", visitors=(visitor,))


def rebuild(shop: Shop, *, seed: int = 0, progress: Progress = quiet) -> dict[str, Same]:
    """Fit the models again from the facts before the moment of those that answer; each file is same, other or new.

    Where any is not the same, or the version is damaged, the fresh one answers from now on.
    Facts that came late, erasures, withdrawn consent and changed settings rightly make other files.

    Raises:
        NotFound: nothing was trained yet.
    """
    version = shop.models.current()
    if version is None:
        raise NotFound("no_model_yet", folder=str(shop.folder))
    if not shop.readonly:
        shop.drain()
    before = shop.models.manifest(version)
    fresh_version = version_of(shop.clock())
    with TemporaryDirectory(dir=shop.folder / "tmp") as aside:
        fresh = ModelStore(Path(aside))
        moment = datetime.fromisoformat(before["moment"])
        refit(shop, fresh, version=fresh_version, moment=moment, seed=seed, progress=progress)
        files = fresh.manifest(fresh_version)["files"]
        found = {name: _same(before["files"].get(name), digest) for name, digest in files.items()}
        if set(found.values()) != {"same"} or _damaged(shop, version):
            shop.models.take(fresh, fresh_version)
    return found


def _same(before: str | None, after: str) -> Same:
    return "new" if before is None else "same" if before == after else "other"


def _damaged(shop: Shop, version: str) -> bool:
    try:
        shop.models.load(version)
    except DataError:
        return True
    return False
