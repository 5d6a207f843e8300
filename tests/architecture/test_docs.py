"""The documentation is tested: whatever a person can type, call or set is written down, in both languages."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

import shopkeeper
from shopkeeper.core.action import Action
from shopkeeper.core.consent import Purpose
from shopkeeper.data.mapping import MapFile

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LANGUAGES = ("en", "zh")
PAGES = sorted(path.name for path in (DOCS / "en").glob("*.md"))
EVERY_TEXT = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CHINESE = re.compile(r"[\u4e00-\u9fff]")
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def page(lang: str, name: str) -> str:
    return (DOCS / lang / name).read_text("utf-8")


def anchors(path: Path) -> set[str]:
    """GitHub's anchors of a page's headings."""
    headings = re.findall(r"^#+\s+(.*)$", FENCE.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def estimator_of(path: str) -> type:
    """The class that a path of shop.toml names."""
    module, _, name = path.rpartition(".")
    found: type = getattr(importlib.import_module(f"shopkeeper.learn.{module}"), name)
    return found


@pytest.mark.parametrize("path", EVERY_TEXT, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Each relative link names a file that exists, and each anchor a heading of it."""
    lost = []
    for target in LINK.findall(FENCE.sub("", path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (path.parent / name).resolve() if name else path
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            lost.append(target)
    assert lost == []


def test_both_languages_have_the_same_pages() -> None:
    """docs/en and docs/zh hold the same files with the same number of headings, and the Chinese ones are Chinese."""
    assert sorted(path.name for path in (DOCS / "zh").glob("*.md")) == PAGES
    for name in PAGES:
        shape = [re.findall(r"^(#+)\s", FENCE.sub("", page(lang, name)), re.MULTILINE) for lang in LANGUAGES]
        assert shape[0] == shape[1], name
        assert len(CHINESE.findall(page("zh", name))) > 100, name


def commands() -> Iterator[tuple[str, click.Command]]:
    """(``shopkeeper models rollback``, command) of every leaf of the command line."""
    main = importlib.import_module("shopkeeper.apps.cli.main")
    waiting: list[tuple[str, typing.Any]] = [("shopkeeper", typer.main.get_command(main.app))]
    while waiting:
        path, command = waiting.pop()
        inner = getattr(command, "commands", None)
        if inner:
            waiting += [(f"{path} {name}", child) for name, child in inner.items() if not child.hidden]
        if not inner or getattr(command, "invoke_without_command", False):
            yield path, command


def section(text: str, command: str) -> str:
    """The part of cli.md under the heading of a command's first word: ``## `shopkeeper models` ``."""
    first = " ".join(command.split()[:2])
    found = re.search(rf"^## `{re.escape(first)}`.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_command_and_option_is_documented(lang: str) -> None:
    """cli.md has a section for each command that names its every option."""
    missing = []
    for path, command in commands():
        if path == "shopkeeper":
            continue
        text = section(page(lang, "cli.md"), path)
        if path not in text:
            missing.append(path)
        for parameter in command.params:
            long = [word for word in parameter.opts if word.startswith("--") and word != "--help"]
            missing += [f"{path} {word}" for word in long if f"`{word}" not in text]
    assert missing == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_route_is_documented(lang: str) -> None:
    """api.md names each method and path of the HTTP API."""
    routes = importlib.import_module("shopkeeper.apps.http.app").ROUTES
    wanted = [
        f"{method} {route.path}" for route in routes for method in sorted(set(route.methods or {"GET"}) - {"HEAD"})
    ]
    assert wanted
    assert [line for line in wanted if line not in page(lang, "api.md")] == []


def settings_of(kind: type, prefix: str = "") -> Iterator[str]:
    """Dotted names of a settings dataclass's fields, however deep."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        inner = hints[field.name]
        if inspect.isclass(inner) and dataclasses.is_dataclass(inner):
            yield from settings_of(inner, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_setting_is_documented(lang: str) -> None:
    """settings.md has, under the heading of its table, each setting of shop.toml."""
    kind = importlib.import_module("shopkeeper.settings").Settings
    text = page(lang, "settings.md")
    missing = []
    for name in settings_of(kind):
        table, _, last = name.rpartition(".")
        heading = rf"^## `\[{re.escape(table)}\]`.*?(?=^## |\Z)" if table else r"\A.*?(?=^## )"
        part = re.search(heading, text, re.MULTILINE | re.DOTALL)
        if part is None or f"`{last}`" not in part[0]:
            missing.append(name)
    placements = text.partition("## `[placements.<name>]`")[2]
    fields = dataclasses.fields(importlib.import_module("shopkeeper.decide.placement").PlacementSettings)
    missing += [f"placements.{field.name}" for field in fields if f"`{field.name}`" not in placements]
    assert missing == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_algorithm_is_documented(lang: str) -> None:
    """algorithms.md names each estimator by the path that shop.toml uses, with its settings and its source."""
    missing = []
    learn = importlib.import_module("shopkeeper.learn")
    for module in pkgutil.walk_packages(learn.__path__, "shopkeeper.learn."):
        loaded = importlib.import_module(module.name)
        for name, kind in vars(loaded).items():
            own = inspect.isclass(kind) and kind.__module__ == module.name and not name.startswith("_")
            if own and dataclasses.is_dataclass(kind) and hasattr(kind, "fit"):
                path = f"{module.name.removeprefix('shopkeeper.learn.')}.{name}"
                text = page(lang, "algorithms.md")
                missing += [path] if f"`{path}`" not in text else []
                missing += [f"{path}: {f.name}" for f in dataclasses.fields(kind) if f"`{f.name}`" not in text]
    assert missing == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_documented_defaults_are_the_true_ones(lang: str) -> None:
    """Where algorithms.md gives a number as a setting's default, the setting has it."""
    wrong = []
    for section in page(lang, "algorithms.md").split("\n## "):
        path = re.search(r"`(recommend\.[\w.]+)`", section)
        if path is None or not hasattr(estimator_of(path[1]), "fit"):
            continue
        real = {field.name: field.default for field in dataclasses.fields(estimator_of(path[1]))}
        for names, values in re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", section, re.MULTILINE):
            settings, told = re.findall(r"`(\w+)`", names), re.split(r"、|, ", values)
            numbers = [value.replace(",", "") for value in told]
            if len(settings) == len(numbers) and all(re.fullmatch(r"[\d.]+", number) for number in numbers):
                pairs = zip(settings, numbers, strict=True)
                wrong += [f"{path[1]}.{name} = {value}" for name, value in pairs if float(value) != float(real[name])]
    assert wrong == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_action_and_purpose_is_documented(lang: str) -> None:
    """concepts.md lists the closed vocabulary: each action and each purpose of consent."""
    words = [action.word for action in Action] + [str(purpose) for purpose in Purpose]
    assert [word for word in words if f"`{word}`" not in page(lang, "concepts.md")] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_column_of_an_import_is_documented(lang: str) -> None:
    """importing.md names each kind of file, each of its columns, and each word of a map file."""
    cleaning = importlib.import_module("shopkeeper.data.cleaning.columns")
    text = page(lang, "importing.md")
    words = {column.name for columns in cleaning.COLUMNS.values() for column in columns} | set(cleaning.KINDS)
    words |= {field.name for field in dataclasses.fields(MapFile)} - {"columns", "constants"}
    assert sorted(word for word in words if f"`{word}`" not in text) == []


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_readme_starts_with_what_to_type(name: str) -> None:
    """The first block of code of each README is ``make demo`` and ``make test``, and it leads to every page."""
    text = (ROOT / name).read_text("utf-8")
    first = FENCE.search(text)
    assert first is not None
    assert "make demo" in first[0]
    assert "make test" in first[0]
    lang = "zh" if "zh" in name else "en"
    assert [each for each in PAGES if f"docs/{lang}/{each}" not in text] == []


def test_ci_runs_the_readmes_test_command_last() -> None:
    """CI's last line is the README's test command, so that its summary is the last thing printed."""
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().splitlines()[-1] == "make test"


def test_the_changelog_knows_this_version() -> None:
    """CHANGELOG.md has a heading for the version of the package."""
    assert f"## [{shopkeeper.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_decisions_are_numbered_and_complete() -> None:
    """docs/decisions are numbered without gaps, and each says its state, the question, the answer and the price."""
    records = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text("utf-8")
        for heading in ("Status:", "## Context", "## Decision", "## Consequences"):
            assert heading in text, f"{record.name} lacks {heading}"
