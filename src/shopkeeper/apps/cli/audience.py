"""``audience``: people by a rule: counted, saved, handed out."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.learning import open_beside
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang
from shopkeeper.apps.cli.segments import people
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import SettingsError
from shopkeeper.market.audiences.reading import read_text
from shopkeeper.market.audiences.rules import FIELDS, Rule
from shopkeeper.shop import Shop
from shopkeeper.shop import audiences as asked
from shopkeeper.shop.people_table import refresh_people

app = typer.Typer(help="People by a rule: counted, saved, handed out.", no_args_is_help=True)
For = Annotated[str, typer.Option("--for", help="What they must have agreed to: email, third_party, personalise, …")]
RuleText = Annotated[str, typer.Argument(help="The rule as JSON, or a file that holds it.")]


@app.command("count")
def count(
    rule: RuleText, folder: Folder = HERE, purpose: For = "email", as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:  # fmt: skip
    """How many a rule fits, and how many of them agreed to the purpose."""
    with open_beside(folder) as shop:
        found = asked.count(shop, _rule(shop, rule), _purpose(purpose))
    if as_json:
        say.as_json(asked.count_facts(found))
        return
    say.line(
        "audience_counted", matching=people(found.matching), reachable=people(found.reachable), purpose=purpose,
        everybody=people(found.everybody), at=f"{found.moment:%Y-%m-%d %H:%M}",
    )  # fmt: skip


@app.command("save")
def save(
    name: Annotated[str, typer.Argument(help="What it is called.")], rule: RuleText, folder: Folder = HERE,
    purpose: For = "email", as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:  # fmt: skip
    """Keep an audience under a name; prints its id."""
    with open_beside(folder) as shop:
        made = asked.save(shop, name, _rule(shop, rule), _purpose(purpose))
    if as_json:
        say.as_json({"id": made})
    else:
        say.line("audience_saved", id=made, name=name)


@app.command("list")
def list_(folder: Folder = HERE, as_json: Json = False) -> None:
    """The saved audiences."""
    with Shop.open(folder, readonly=True) as shop:
        kept = shop.state.audiences.list()
    if as_json:
        say.as_json([{"id": one.id, "name": one.name, "purpose": one.purpose, "rule": one.rule} for one in kept])
        return
    rows = [(one.id, one.name, one.purpose, json.dumps(one.rule, ensure_ascii=False)) for one in kept]
    say.table(say.text("audience_title"), [say.text(f"audience_{n}") for n in ("id", "name", "purpose", "rule")], rows,
              numbers=9)  # fmt: skip


@app.command("delete")
def delete(audience: Annotated[str, typer.Argument(help="The audience's id.")], folder: Folder = HERE) -> None:
    """Remove a saved audience."""
    with open_beside(folder) as shop:
        kept = asked.saved(shop, audience)
        shop.state.audiences.delete(audience)
    say.line("audience_deleted", name=kept.name)


@app.command("export")
def export(
    audience: Annotated[str, typer.Argument(help="The audience's id.")], folder: Folder = HERE,
    out: Annotated[Path | None, typer.Option(help="Write a CSV file instead of printing.")] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """The customers of an audience who agreed to its purpose, as ids."""
    with open_beside(folder) as shop:
        found = asked.export(shop, audience)
    if as_json:
        say.as_json({"audience": audience, "customers": found})
    elif out is None:
        _write(sys.stdout, found)
    else:
        with out.open("w", encoding="utf-8", newline="") as file:
            _write(file, found)
        say.line("audience_exported", count=f"{len(found):,}", file=out)


@app.command("refresh")
def refresh(folder: Folder = HERE, as_json: Json = False) -> None:
    """Make the table of people again, now."""
    with open_beside(folder) as shop:
        facts = refresh_people(shop)
    if as_json:
        say.as_json(facts)
    else:
        say.line("audience_refreshed", count=f"{facts['people']:,}", seconds=f"{facts['seconds']:.1f}")


@app.command("fields")
def fields(as_json: Json = False, lang: Lang = None) -> None:  # noqa: ARG001 - its callback has set the language
    """What a rule may ask for."""
    if as_json:
        say.as_json({name: field.kind for name, field in FIELDS.items()})
        return
    rows = [(name, field.kind) for name, field in FIELDS.items()]
    say.table(say.text("audience_fields"), [say.text("audience_field"), say.text("audience_kind")], rows, numbers=9)


def _rule(shop: Shop, text: str) -> Rule:
    """A rule from JSON text or from a file."""
    if not text.lstrip().startswith("{"):
        path = Path(text)
        if not path.is_file():
            raise SettingsError("setting_bad", where="audience", name="RULE", value=text[:80], wanted="JSON")
        text = path.read_text("utf-8")
    more = shop.settings.privacy.sensitive
    found = read_text(text, scale=asked.scale_of(shop), sensitive=more)
    return asked.rule_of(shop, asked.rule_json(shop, found))


def _purpose(word: str) -> Purpose:
    try:
        return Purpose(word)
    except ValueError:
        wanted = ", ".join(Purpose)
        raise SettingsError("setting_bad", where="audience", name="--for", value=word, wanted=wanted) from None


def _write(file: Any, customers: list[str]) -> None:
    """One id a line; what a spreadsheet would take for a formula gets a quote before it."""
    rows = csv.writer(file)
    rows.writerow(["customer"])
    rows.writerows([f"'{each}" if each[:1] in "=+-@\t\r" else each] for each in customers)
