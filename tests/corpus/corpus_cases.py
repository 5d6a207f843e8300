"""Cases of the corpus: a file (or a request), what must become of it, and what did, in the same words.

Each ``[[case]]`` of the tables beside this file names a file and how it ends: ``OK`` stored, ``W`` stored with a named
warning, ``Q`` some rows held and the others stored, ``R`` refused as a whole.
"""

import asyncio
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import corpus_big
import httpx

from shopkeeper.apps.http.from_shop import build
from shopkeeper.apps.http.identity import new_visitor
from shopkeeper.core.errors import ShopkeeperError
from shopkeeper.locale import LANGUAGES, say
from shopkeeper.shop import Shop
from shopkeeper.shop.held import held_sentence
from shopkeeper.shop.importing import import_files

HERE: Final = Path(__file__).parent
NOW: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
_USUAL: Final = frozenset({"kind_found", "format_found"})
"""Warnings that every import gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file or request. ``before``: files that are imported, or requests that are sent, first; ``make``: a maker of
    ``corpus_big`` instead of a file; ``query``: what is asked of the lake afterwards, and ``stored`` its answer as
    texts."""

    id: int
    law: str
    outcome: str = "OK"
    file: str = ""
    make: str = ""
    before: Sequence[str] = ()
    kind: str = ""
    declare: Sequence[str] = ()
    currency: str = "USD"
    timezone: str = "UTC"
    free: bool = False
    """Whether the shop declares that it gives things away."""
    read: int = 0
    kept: int = 0
    duplicate: int = 0
    quarantined: int = 0
    held: Sequence[Mapping[str, Any]] = ()
    """line, column, code and what the sentence contains, of each row in quarantine."""
    warnings: Sequence[str] = ()
    says: Sequence[str] = ()
    """What the refusal or the warnings contain."""
    error: str = ""
    query: str = ""
    stored: Sequence[Sequence[str]] = ()
    # requests
    path: str = ""
    key: str = "secret"
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 1
    http: int = 0

    @property
    def name(self) -> str:
        return (self.file or self.make).split(".")[0]


@cache
def cases() -> tuple[Case, ...]:
    """All of them, in the order of their numbers."""
    tables = [tomllib.loads(path.read_text("utf-8")) for path in sorted(HERE.glob("*.toml"))]
    found = [Case(**one) for table in tables for one in table["case"]]
    return tuple(sorted(found, key=lambda case: case.id))


def faults(case: Case, folder: Path) -> list[str]:
    """What of a case is not as it must be."""
    _template(case.currency, case.timezone, folder / "shop")
    if case.free:
        settings = folder / "shop" / "shop.toml"
        settings.write_text(settings.read_text("utf-8").replace("[shop]\n", "[shop]\nfree = true\n"), "utf-8")
    with Shop.open(folder / "shop", clock=lambda: NOW) as shop:
        return list(_of_request(case, shop, folder) if case.path else _of_file(case, shop, folder))


def _template(currency: str, timezone: str, folder: Path) -> None:
    Shop.create(folder, name="t", currency=currency, timezone=timezone, language="en").close()


def path_of(case: Case, folder: Path) -> Path:
    """The file of a case; a large one is made now."""
    if not case.make:
        return HERE / case.file
    return corpus_big.MAKERS[case.make](folder)


def _of_file(case: Case, shop: Shop, folder: Path) -> Iterator[str]:
    file = path_of(case, folder)
    for name in case.before:
        import_files(shop, [HERE / name], kind=case.kind, declared=case.declare)
    rows = len(shop.quarantine.list(limit=100_000))
    try:
        accounts = [a for _, a in import_files(shop, [file], kind=case.kind, declared=case.declare)]
    except ShopkeeperError as error:
        yield from _differ("error", case.error, error.key)
        yield from _lacking(case.says, [say(language, "errors", error.key, **error.facts) for language in LANGUAGES])
        stored = [name for name in ("events", "order_lines", "products", "customers") if shop.lake.files(name)]
        if not case.before:
            yield from _differ("stored after a refusal", [], stored)
        return
    yield from _differ("error", case.error, "")
    for name in ("read", "kept", "duplicate", "quarantined"):
        yield from _differ(name, getattr(case, name), sum(getattr(account, name) for account in accounts))
    warned = [warning for account in accounts for warning in account.warnings if warning.key not in _USUAL]
    yield from _differ("warnings", sorted(case.warnings), sorted(warning.key for warning in warned))
    yield from _lacking(case.says, [say("en", "checks", warning.key, **warning.facts) for warning in warned])
    for language in LANGUAGES:
        for warning in warned:
            say(language, "checks", warning.key, **warning.facts)
    yield from _of_held(case, shop, rows)
    if case.query:
        with shop.lake.connect() as con:
            found = [[str(cell) for cell in row] for row in con.execute(case.query).fetchall()]
        yield from _differ("stored", [list(row) for row in case.stored], found)


def _of_held(case: Case, shop: Shop, before: int) -> Iterator[str]:
    """Each held row: where, what and why; all of them keep what was written."""
    held = sorted(shop.quarantine.list(limit=100_000)[before:], key=lambda row: row.line or 0)
    yield from _differ("rows in quarantine", case.quarantined, len(held))
    for row in held:
        if not row.raw:
            yield f"line {row.line} is held without its text"
        for language in LANGUAGES:
            say(language, "checks", row.reason, **row.facts)
    if not case.held:
        return
    found = [(row.line or 0, row.column, row.reason) for row in held]
    yield from _differ("held", [(one["line"], one.get("column", ""), one["code"]) for one in case.held], found)
    for one, row in zip(case.held, held, strict=False):
        place = f'line {row.line}, column "{row.column}": ' if row.column else f"line {row.line}: "
        parts = [place, f"(row kept in quarantine {row.id}; fix and replay)", *([one["says"]] if "says" in one else [])]
        yield from _lacking(parts, [held_sentence("en", row)])


def _of_request(case: Case, shop: Shop, folder: Path) -> Iterator[str]:
    signed = new_visitor(shop.state.keys.identity_secret)
    body, app = path_of(case, folder).read_bytes().replace(b"{{visitor}}", signed.encode()), build(shop)
    key = shop.state.keys.create("publishable" if case.key == "publishable" else "secret")
    for name in case.before:
        if name.endswith(".json"):
            _asked(app, case, key, (HERE / name).read_bytes())
            shop.drain()
        else:
            import_files(shop, [HERE / name])
    before = len(shop.quarantine.list(limit=100_000))
    answer = [_asked(app, case, key, body) for _ in range(case.repeat)][-1]
    yield from _differ("http", case.http, answer.status_code)
    said = answer.json()
    if answer.status_code >= 400:
        yield from _differ("error", case.error, said["error"]["key"])
        yield from _lacking(case.says, [said["error"]["message"]])
        yield from _differ("waiting after a refusal", 0, shop.journal.waiting())
        return
    verdicts = said["verdicts"]
    for name, status in (("kept", "stored"), ("duplicate", "duplicate"), ("quarantined", "quarantined")):
        yield from _differ(name, getattr(case, name), said[status])
    yield from _differ("read", case.read, len(verdicts))
    yield from _differ("read", case.read, said["stored"] + said["duplicate"] + said["quarantined"])
    held = [(place, one) for place, one in enumerate(verdicts) if one["status"] == "quarantined"]
    yield from _differ(
        "held", [(one["line"], one["code"]) for one in case.held], [(place, one["reason"]) for place, one in held]
    )
    for wanted, (_, one) in zip(case.held, held, strict=False):
        yield from _differ("column", wanted.get("column", ""), one["facts"].get("column", ""))
        yield from _lacking([wanted["says"]] if "says" in wanted else [], [one["message"]])
    warned = [*said.get("warnings", ()), *(warning for one in verdicts for warning in one.get("warnings", ()))]
    yield from _differ("warnings", sorted(case.warnings), sorted(warning["key"] for warning in warned))
    yield from _lacking(case.says, [warning["message"] for warning in warned])
    yield from _differ("rows in quarantine", case.quarantined, len(shop.quarantine.list(limit=100_000)) - before)
    if case.query:
        shop.drain()
        with shop.lake.connect() as con:
            found = [[str(cell) for cell in row] for row in con.execute(case.query).fetchall()]
        yield from _differ("stored", [list(row) for row in case.stored], found)


def _asked(app: Any, case: Case, key: str, body: bytes) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **case.headers}
            kept = {name: value for name, value in headers.items() if value}
            return await client.post(case.path, headers=kept, content=body)

    return asyncio.run(ask())


def _differ(what: str, wanted: Any, found: Any) -> Iterator[str]:
    if wanted != found:
        yield f"{what}: expected {wanted!r}, found {found!r}"


def _lacking(parts: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if not any(part in text for text in texts):
            yield f"no sentence says {part!r}: {list(texts)!r}"
