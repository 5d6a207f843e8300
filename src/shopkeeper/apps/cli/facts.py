"""``init`` and ``import``: a shop folder, and facts into it."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.import_preview import show_preview
from shopkeeper.apps.cli.options import HERE, Folder, Json
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.visible import visible
from shopkeeper.data.importing import Account
from shopkeeper.shop import Shop
from shopkeeper.shop.held import held_sentence
from shopkeeper.shop.importing import import_files, preview_files
from shopkeeper.shop.importing import replay as replay_held

_EXAMPLES = 3
"""Held rows that an import shows in words."""


def add_to(app: typer.Typer) -> None:
    app.command()(init)
    app.command("import")(import_)


def init(
    folder: Annotated[Path, typer.Argument(help="The new shop's folder.")],
    name: Annotated[str, typer.Option(help="What the shop is called.")] = "",
    currency: Annotated[str, typer.Option(help="ISO 4217 code: USD, CNY, EUR …")] = "USD",
    timezone: Annotated[str, typer.Option(help="IANA zone of times without one: Asia/Shanghai …")] = "UTC",
    as_json: Json = False,
) -> None:
    """Make a shop folder with its two keys. The keys are shown once."""
    with Shop.create(
        folder, name=name or folder.resolve().name, currency=currency, timezone=timezone, language=say.Tongue.language
    ) as shop:
        keys = {role: shop.state.keys.create(role) for role in ("publishable", "secret")}
    if as_json:
        say.as_json({"folder": str(folder), **keys})
        return
    say.line("init_done", folder=folder)
    say.line("init_publishable", key=keys["publishable"])
    say.line("init_secret", key=keys["secret"])
    say.line("init_next", folder=folder)


def import_(
    files: Annotated[
        list[Path] | None, typer.Argument(help="CSV, TSV, JSONL, Parquet or XLSX files, or folders of them.")
    ] = None,
    folder: Folder = HERE,
    kind: Annotated[
        str,
        typer.Option(help="What the files hold, where their columns do not tell."),
    ] = "",
    mapping: Annotated[Path | None, typer.Option("--map", help="TOML: our column = their column, and formats.")] = None,
    consent: Annotated[
        str, typer.Option(help="Purposes that the people in these files agreed to: personalise,train,…")
    ] = "",
    consent_source: Annotated[str, typer.Option(help="Where that agreement is recorded.")] = "",
    quarantine: Annotated[bool, typer.Option("--quarantine", help="List what is held, with reasons.")] = False,
    fix: Annotated[str, typer.Option(help="Id of a held row to change; give --set as well.")] = "",
    set_: Annotated[list[str] | None, typer.Option("--set", help="column=value, for --fix.")] = None,
    declare: Annotated[
        list[str] | None, typer.Option("--declare", help="date_format=%d/%m/%Y, decimal=, currency=, encoding=, …")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would become of the first 20 rows.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Try the held rows again.")] = False,
    as_json: Json = False,
) -> None:
    """Read files in: clean rows are kept, repeated ones counted, bad ones held in the quarantine with their reason."""
    with Shop.open(folder) as shop:
        if fix:
            shop.quarantine.fix(fix, _changes(set_ or []))
        if replay:
            again = replay_held(shop, mapping=mapping, declared=declare or [])
            _show([(account.file, account) for account in again], as_json)
        elif quarantine or fix:
            _list_held(shop, as_json)
        elif dry_run:
            told = preview_files(shop, files or [], kind=kind, mapping=mapping, declared=declare or [])
            show_preview(told, as_json)
        else:
            purposes = _purposes(consent)
            with say.progress() as progress:
                accounts = import_files(
                    shop, files or [], kind=kind, mapping=mapping, purposes=purposes,
                    consent_source=consent_source, progress=progress, declared=declare or [],
                )  # fmt: skip
            _show(accounts, as_json)
            if not as_json:
                _examples(shop, [account for _, account in accounts])


def _examples(shop: Shop, accounts: list[Account]) -> None:
    """The first held rows of each account in words, so that the cause is seen at once."""
    for account in accounts:
        for row in shop.quarantine.list(import_id=account.import_id, limit=_EXAMPLES):
            say.OUT.print(visible(held_sentence(say.Tongue.language, row)), markup=False)


def _changes(pairs: list[str]) -> dict[str, str]:
    found = dict(pair.partition("=")[::2] for pair in pairs)
    if not found or any("=" not in pair for pair in pairs):
        raise SettingsError("setting_bad", where="--fix", name="--set", value=" ".join(pairs), wanted="column=value")
    return found


def _purposes(text: str) -> tuple[Purpose, ...]:
    try:
        return tuple(Purpose(word.strip()) for word in text.split(",") if word.strip())
    except ValueError:
        wanted = ", ".join(Purpose)
        raise SettingsError("setting_bad", where="import", name="--consent", value=text, wanted=wanted) from None


def show_accounts(accounts: list[tuple[str, Account]]) -> None:
    """The table every import ends with: read = kept + duplicate + quarantined."""
    columns = ("file", "kind", "read", "kept", "duplicate", "quarantined", "seconds")
    say.table(
        say.text("import_title"),
        [say.text(f"import_{name}") for name in columns],
        [
            (name, a.kind, f"{a.read:,}", f"{a.kept:,}", f"{a.duplicate:,}", f"{a.quarantined:,}", f"{a.seconds:.1f}")
            for name, a in accounts
        ],
        numbers=2,
    )
    for name, account in accounts:
        for reason, count in account.by_reason.items():
            say.line("import_reason", file=name, count=f"{count:,}", reason=say.held(reason))
        for warning in account.warnings:
            say.warned(name, warning.key, warning.facts)


def _show(accounts: list[tuple[str, Account]], as_json: bool) -> None:
    if as_json:
        say.as_json([_told(account) for _, account in accounts])
    else:
        show_accounts(accounts)


def _told(account: Account) -> dict[str, Any]:
    """An account without naming anybody."""
    told = asdict(replace(account, again=()))
    del told["again"]
    return told


def _list_held(shop: Shop, as_json: bool) -> None:
    held = shop.quarantine.list(limit=100)
    if as_json:
        say.as_json([asdict(row) for row in held])
        return
    columns = ("id", "file", "line", "column", "reason", "raw")
    say.table(
        say.text("quarantine_title", total=f"{sum(shop.quarantine.counts().values()):,}"),
        [say.text(f"quarantine_{name}") for name in columns],
        [
            (row.id, row.file, row.line or "", row.column or "", say.check(row.reason, **row.facts), row.raw[:80])
            for row in held
        ],
        numbers=99,
    )
