"""Files into a shop: their rows into the lake, the consent their people gave into the consent book."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from shopkeeper.core.action import BROWSER_ACTIONS
from shopkeeper.core.consent import Purpose, given_in
from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.core.ids import PersonKey, new_id
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data.cleaning.clock import applied
from shopkeeper.data.cleaning.columns import KINDS, Kind
from shopkeeper.data.cleaning.event import clean_event
from shopkeeper.data.importing import Account, Importer
from shopkeeper.data.mapping import NO_MAPPING, MapFile, declare, load_mapping, mapping_of, pairs_of, table_of
from shopkeeper.data.people_again import PERSON_KEYS
from shopkeeper.data.preview import Preview
from shopkeeper.data.quarantine import HeldRow
from shopkeeper.data.rows import Held
from shopkeeper.data.sources.known.shopify_customers import SHOPIFY_CUSTOMERS
from shopkeeper.data.spark import SparkBatch
from shopkeeper.data.spark_import import SparkImporter, files_of
from shopkeeper.data.store.consent import Answer
from shopkeeper.shop.engines import batch_of
from shopkeeper.shop.shop import Shop

_PERSONS: Final = "SELECT DISTINCT {key} AS person FROM {rows} WHERE source = $source"
_THIRD_PARTY: Final = (
    'SELECT customer, max("at") AS moment, coalesce(any_value(consent_source), any_value(origin)) AS told '
    "FROM seen_attributes WHERE source = $source GROUP BY customer"
)
_ANSWERS: Final = (
    "SELECT coalesce(customer, 'visitor:' || visitor) AS person, \"at\", properties FROM seen_events "
    "WHERE source = $source AND action = 'consent' AND properties IS NOT NULL"
)
_TAKES_MAIL: Final = (
    "SELECT id, lower(json_extract_string(attributes, '$.accepts_email')) = 'yes' AS takes FROM seen_customers "
    "WHERE source = $source AND lower(json_extract_string(attributes, '$.accepts_email')) IN ('yes', 'no')"
)
_MANY: Final = 1_000_000
_BROWSER: Final = "browser"
"""The source of what a browser key reported."""


def importer(shop: Shop) -> Importer:
    """What brings files into this shop. Its engine counts not all that it takes, and is not all that takes some: it may
    have half of what a job may."""
    engine = shop.settings.engine
    return Importer(
        lake=shop.lake, quarantine=shop.quarantine, currency=shop.settings.shop.currency,
        timezone=shop.settings.shop.timezone, memory=_half(engine.memory), threads=engine.threads,
        clock=shop.clock,
    )  # fmt: skip


def _half(memory: str) -> str:
    """Half of as much, as the engine writes it; what it will refuse stays as it is."""
    found = re.fullmatch(r"\s*([0-9.]+)(.*)", memory)
    return f"{float(found[1]) / 2}{found[2]}" if found else memory


def import_files(
    shop: Shop, files: Sequence[Path], *, kind: str = "", mapping: Path | None = None, purposes: Iterable[Purpose] = (),
    consent_source: str = "", progress: Progress = quiet, declared: Sequence[str] = (),
) -> list[tuple[str, Account]]:  # fmt: skip
    """Import files, one after the other; each file's name and its accounts, one for each kind of row in it. A folder
    stands for its files; where the batch engine is Spark it is one import, on the cluster.

    ``kind``: what the files hold, where it cannot be seen from their columns.
    ``purposes`` are what the people named in these files agreed to; without them nobody has agreed to anything.

    Raises:
        DataError: no file was named, or one cannot be read as a whole (those before it are imported).
        SettingsError: an unknown kind, or consent without its source.
    """
    purposes = tuple(purposes)
    if not files:
        raise DataError("import_nothing")
    if purposes and not consent_source.strip():
        raise SettingsError("consent_without_source", purposes=", ".join(purposes))
    told = _with_gifts(shop, told_by(mapping, declared))
    wanted = known_kind(kind) if kind else None
    shop.drain()  # what was collected is in the lake before anything is compared with the lake
    accounts = []
    agreed = {"purposes": [purpose.value for purpose in purposes], "consent_source": consent_source} if purposes else {}
    for path in _spread(shop, files):
        for account in _taker(shop, path)(path, wanted, mapping=told, progress=progress, kept_with=agreed):
            record_stated(shop, account, f"file:{path.name}")
            record_consent(shop, account, f"file:{path.name}", purposes, consent_source)
            record_third_party(shop, account.kind, f"file:{path.name}")
            accounts.append((path.name, account))
    return accounts


def _spread(shop: Shop, files: Iterable[Path]) -> Iterator[Path]:
    """Files, and folders that are imported as a whole."""
    for path in files:
        if path.is_dir() and shop.settings.batch.engine == "duckdb":
            yield from files_of(path)
        else:
            yield path


def _taker(shop: Shop, path: Path) -> Callable[..., list[Account]]:
    batch = batch_of(shop.settings, shop.folder) if path.is_dir() else None
    if isinstance(batch, SparkBatch):
        return SparkImporter(importer=importer(shop), batch=batch).take
    return importer(shop).take


def preview_files(
    shop: Shop, files: Sequence[Path], *, kind: str = "", mapping: Path | None = None, declared: Sequence[str] = (),
) -> list[Preview]:  # fmt: skip
    """What an import would do with the first rows of these files, and of the first file of a folder. Nothing is stored.

    Raises:
        DataError, SettingsError: as ``import_files``.
    """
    if not files:
        raise DataError("import_nothing")
    told, wanted = _with_gifts(shop, told_by(mapping, declared)), known_kind(kind) if kind else None
    shop.drain()
    one_of_each = (files_of(path)[0] if path.is_dir() else path for path in files)
    return [one for path in one_of_each for one in importer(shop).preview(path, wanted, mapping=told)]


def told_by(mapping: Path | None, declared: Sequence[str]) -> MapFile:
    """What a map file and declarations beside it say about a file."""
    return declare(load_mapping(mapping) if mapping else NO_MAPPING, declared)


def _with_gifts(shop: Shop, told: MapFile) -> MapFile:
    """With what the shop declares of all its files."""
    return replace(told, **_of_the_shop(shop))


def _of_the_shop(shop: Shop) -> dict[str, Any]:
    """What the shop declares of all its files, as a map file would."""
    return {"free": True} if shop.settings.shop.free else {}


def known_kind(word: str) -> Kind:
    """The kind of a word.

    Raises:
        SettingsError: there is no such kind of file.
    """
    for kind in KINDS:
        if kind == word:
            return kind
    raise SettingsError("setting_bad", where="import", name="--kind", value=word, wanted=", ".join(KINDS))


def record_consent(shop: Shop, account: Account, imported: str, purposes: Sequence[Purpose], source: str) -> int:
    """Note what the people of an import (rows whose ``source`` is ``imported``, and those that were known already)
    agreed to, as of now. What is said of all of them never turns somebody's no into a yes. Returns how many people
    that are."""
    if not purposes or account.kind not in PERSON_KEYS:
        return 0
    sql = _PERSONS.format(key=PERSON_KEYS[account.kind], rows=f"seen_{account.kind}")
    people = {*shop.snapshot().query(sql, {"source": imported}).column("person").to_pylist(), *account.again}
    at, refused = shop.clock(), shop.state.consent.refusals(purposes)
    refusing = {person for person, _ in refused}
    shop.state.consent.record_all(
        (one for one in people if one and one not in refusing), purposes, at=at, source=source
    )
    shop.state.consent.record_many(
        Answer(person=PersonKey(one), given=given, at=at, source=source)
        for one in people
        if one in refusing and (given := {purpose: True for purpose in purposes if (one, purpose) not in refused})
    )
    return len(people)


def record_stated(shop: Shop, account: Account, imported: str) -> None:
    """Note what the rows of an import say themselves: consent events, as of their moments, and whether a customer of
    Shopify's takes mail, as of now. A yes without a moment of its own never outdoes a no from elsewhere."""
    if account.kind == "events":
        told = shop.snapshot().query(_ANSWERS, {"source": imported}).to_pylist()
        shop.state.consent.record_many(
            Answer(
                person=PersonKey(one["person"]), given=given_in(json.loads(one["properties"])), at=one["at"],
                source=imported,
            )
            for one in told
        )  # fmt: skip
    if account.kind == "customers" and account.format == SHOPIFY_CUSTOMERS.name:
        mails = shop.snapshot().query(_TAKES_MAIL, {"source": imported}).to_pylist()
        refused = shop.state.consent.refusals([Purpose.EMAIL])
        at = shop.clock()
        shop.state.consent.record_many(
            Answer(
                person=PersonKey(one["id"]), given={Purpose.EMAIL: one["takes"]}, at=at, source=SHOPIFY_CUSTOMERS.name
            )
            for one in mails
            if not one["takes"]
            or refused.get((one["id"], Purpose.EMAIL), SHOPIFY_CUSTOMERS.name) == SHOPIFY_CUSTOMERS.name
        )


def record_third_party(shop: Shop, kind: str, imported: str) -> int:
    """Note that the people of imported third-party attributes agreed to their use, as of the moment each was collected:
    who withdrew later has withdrawn. Returns how many people that are."""
    if kind != "attributes":
        return 0
    people = shop.snapshot().query(_THIRD_PARTY, {"source": imported}).to_pylist()
    shop.state.consent.record_each(
        ((one["customer"], one["moment"], one["told"]) for one in people), Purpose.THIRD_PARTY
    )
    return len(people)


def replay(
    shop: Shop, progress: Progress = quiet, *, mapping: Path | None = None, declared: Sequence[str] = ()
) -> list[Account]:
    """Send what is held in quarantine through the same cleaning again: rows of files, then events of requests. What is
    said of files now, by a map file or declarations, is added to what was said when they were imported; who agreed to
    what then agrees in the rows that are kept now, too.

    Raises:
        DataError: the map file or a declaration is impossible.
    """
    said = {**_of_the_shop(shop), **(table_of(mapping) if mapping else {}), **pairs_of(declared)}
    shop.drain()
    accounts = importer(shop).replay(said=said, progress=progress)
    for account in accounts:
        if account.kept or account.again:
            _consent_again(shop, account)
    return [*accounts, *_replay_events(shop, mapping_of({**said, "columns": {}}).values)]


def _consent_again(shop: Shop, account: Account) -> None:
    told = shop.quarantine.reading(account.replayed)
    source = told.get("source", "")
    record_stated(shop, account, source)
    purposes = [Purpose(word) for word in told.get("purposes", ())]
    record_consent(shop, account, source, purposes, told.get("consent_source", ""))
    record_third_party(shop, account.kind, source)


def _replay_events(shop: Shop, words: Mapping[str, Mapping[str, str]]) -> list[Account]:
    """Events of requests, one account a source. One that is believed now is collected like any other and leaves the
    quarantine; the others stay, with what is wrong with them now. An event without its own moment happened when it was
    held. What came from a browser may report no more than it could then."""
    sources: dict[str, list[tuple[HeldRow, dict[str, Any]]]] = {}
    zone = shop.settings.shop.timezone
    for row in shop.quarantine.list(limit=_MANY):
        cells = row.cells()
        if row.kind == "event" and cells is not None:
            meant = {name: its.get(str(cells.get(name))) for name, its in words.items()}
            cells |= {name: word for name, word in meant.items() if word is not None}
            sources.setdefault(row.file, []).append((row, applied({"at": row.at, **cells}, _moment(row), zone)))
    return [_replay_source(shop, source, rows) for source, rows in sources.items()]


def _moment(row: HeldRow) -> datetime:
    """When a held row was received."""
    return datetime.fromisoformat(row.at)


def _replay_source(shop: Shop, source: str, rows: Sequence[tuple[HeldRow, dict[str, Any]]]) -> Account:
    now, its = shop.clock(), shop.settings.shop
    browser = source == _BROWSER
    allowed = BROWSER_ACTIONS if browser else None
    cleaned = [
        clean_event(
            cells, received_at=now, currency=its.currency, free=its.free, timezone=its.timezone, allowed=allowed
        )
        for _, cells in rows
    ]
    still = {row.id: item for (row, _), item in zip(rows, cleaned, strict=True) if isinstance(item, Held)}
    good = [pair for pair in rows if pair[0].id not in still]
    verdicts = shop.collect([cells for _, cells in good], source=source, browser=browser, hold=False)
    done = [row.id for (row, _), verdict in zip(good, verdicts, strict=True) if verdict.status != "quarantined"]
    shop.quarantine.mark(done, "replayed")
    still |= {
        row.id: Held(reason=verdict.reason, column=str(verdict.facts["column"]), facts=verdict.facts)
        for (row, _), verdict in zip(good, verdicts, strict=True)
        if verdict.reason is not None
    }
    shop.quarantine.explain(still)
    reasons = [item.reason for item in still.values()]
    kept = sum(verdict.status == "stored" for verdict in verdicts)
    return Account(
        import_id=new_id("r"), file=source, kind="events", read=len(rows), kept=kept, duplicate=len(done) - kept,
        quarantined=len(rows) - len(done), by_reason=Counter(reasons),
    )  # fmt: skip
