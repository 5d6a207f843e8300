"""``profile``: what is known of a customer or visitor, and the events behind each number."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.money import exponent
from shopkeeper.features.evidence import Evidence
from shopkeeper.locale import phrases
from shopkeeper.shop import Shop
from shopkeeper.shop.profile import Profile, evidence, moment_of, profile_of
from shopkeeper.shop.profile_facts import UNITS, evidence_facts, habit_text, profile_facts
from shopkeeper.shop.profiles import write_profiles


def add_to(app: typer.Typer) -> None:
    app.command()(profile)


def profile(
    customer: Annotated[str, typer.Argument(help="The customer's id, or visitor:ID.")] = "",
    folder: Folder = HERE,
    as_of: Annotated[
        str, typer.Option("--as-of", "--at", help="As of this day or moment (2026-06-30); now if not given.")
    ] = "",
    events: Annotated[str, typer.Option("--events", help="Show the events behind this number (orders, hour, …).")] = "",
    value: Annotated[str, typer.Option("--value", help="Of habits and search words: which one.")] = "",
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody's, as Parquet files in the folder --out.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Where --all writes.")] = None,
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """What is known of a customer: what they told, what they did, what others say of them. Read as of any day."""
    at = moment_of(as_of, "--as-of")
    if everybody or not customer:
        _write_all(folder, out, at, as_json=as_json)
        return
    with Shop.open(folder, readonly=True) as shop:
        currency = shop.settings.shop.currency
        behind = evidence(shop, customer, events, value=value, at=at) if events else None
        found = profile_of(shop, customer, at=at) if behind is None else None
    if behind is not None:
        say.as_json(evidence_facts(behind, customer)) if as_json else show_evidence(behind)
    elif found is not None:
        say.as_json(profile_facts(found, currency)) if as_json else show_profile(found, currency)


def _write_all(folder: Path, out: Path | None, at: datetime | None, *, as_json: bool) -> None:
    """Everybody's tables.

    Raises:
        SettingsError: neither a customer nor a folder to write to was given.
    """
    if out is None:
        raise SettingsError(
            "setting_bad", where="profile", name="CUSTOMER", value="", wanted="CUSTOMER, --all --out DIR"
        )
    with Shop.open(folder, readonly=True) as shop, say.progress() as progress:
        done = write_profiles(shop, out, at=at, progress=progress)
    if as_json:
        say.as_json(done)
        return
    names = [say.text(f"profile_all_{name}") for name in ("table", "rows", "seconds")]
    rows = [(name, f"{one['rows']:,}", f"{one['seconds']:.1f}") for name, one in done.items()]
    say.table(say.text("profile_all_title", folder=out), names, rows)


def show_profile(found: Profile, currency: str) -> None:
    """Three groups, one table each."""
    say.line("profile_title", customer=found.id, at=f"{found.at:%Y-%m-%d %H:%M}")
    columns = [say.text("profile_field"), say.text("profile_value")]
    if found.basic:
        rows = [(name.replace("_", " "), str(value)) for name, value in found.basic.items()]
        say.table(say.text("profile_basic"), columns, rows, numbers=99)
    else:
        say.line("profile_basic_none")
    names = phrases(say.Tongue.language, "features")
    known = [
        (names[name], _shown(name, value, currency)) for name, value in found.behaviour.items() if value is not None
    ]
    say.table(say.text("profile_behaviour"), columns, known, numbers=99)
    _show_habits(found)
    for row in found.searches:
        say.line("profile_searched", query=row["words"], times=row["times"])
    _show_others(found)


def _shown(name: str, value: Any, currency: str) -> str:
    match UNITS[name]:
        case "moment":
            return f"{value:%Y-%m-%d}"
        case "minor":
            return f"{value / 10 ** exponent(currency):,.2f} {currency}"
        case "share":
            return f"{value:.1%}"
        case "seconds":
            return f"{value:,.1f} s"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def _show_habits(found: Profile) -> None:
    words: Mapping[str, str] = phrases(say.Tongue.language, "profile")
    rows = [
        (words[f"habit_{each.habit}"], habit_text(each, words), f"{each.share:.1%}", f"{each.usual:.1%}",
         f"{each.confidence:.0%}")
        for each in found.habits
    ]  # fmt: skip
    if rows:
        heads = [say.text(f"profile_{name}") for name in ("field", "value", "share", "usual", "confidence")]
        say.table(say.text("profile_habits"), heads, rows, numbers=2)
    if not found.profiled:
        say.line("profile_refused")


def _show_others(found: Profile) -> None:
    if not found.tags_allowed:
        say.line("profile_tags_not_allowed")
    elif not found.tags:
        say.line("profile_others_none")
    else:
        heads = [say.text(f"profile_{name}") for name in ("field", "value", "source", "consent")]
        general = say.text("profile_consent_general")
        rows = [(tag.name, tag.value, tag.source or "-", tag.consent or general) for tag in found.tags]
        say.table(say.text("profile_others"), heads, rows, numbers=99)


def show_evidence(found: Evidence) -> None:
    """The newest events behind a number."""
    words = {**phrases(say.Tongue.language, "features"), **phrases(say.Tongue.language, "profile")}
    name = words.get(found.field) or words.get(f"habit_{found.field}", found.field)
    heads = [say.text(f"profile_evidence_{part}") for part in ("at", "event", "action", "about")]
    rows = [(_when(row["at"]), row["event"], row["action"], _about(row)) for row in found.rows]
    say.table(say.text("profile_evidence_title", field=name, total=f"{found.total:,}"), heads, rows, numbers=99)


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _about(row: Mapping[str, Any]) -> str:
    told = (row.get(name) for name in ("name", "product", "query", "path", "text"))
    return str(next((part for part in told if part), ""))
