"""The floor plan is kept by a machine."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--config", config.name],
        cwd=config.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_import_contracts_are_kept() -> None:
    """No floor imports a higher one, no two rooms need each other, and engines stay where they belong."""
    result = lint(ROOT / "pyproject.toml")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("where", "forbidden", "contract"),
    [
        ("core/money.py", "shopkeeper.data.journal", "The floors"),
        ("learn/model.py", "shopkeeper.decide.recommend", "The floors"),
        ("decide/recommend.py", "shopkeeper.learn.model", "The floors"),
        ("apps/page.py", "duckdb", "Engines stay in the data layer"),
        ("shop.py", "starlette", "The web framework stays in apps"),
        ("decide/recommend.py", "torch", "torch only in learn"),
        ("features/x.py", "pyflink", "Flink stays in its job"),
        ("features/x.py", "redis", "Engines stay in the data layer"),
        ("core/money.py", "msgspec", "Core knows nothing but the standard library and numpy"),
        ("core/ids.py", "shopkeeper.core.money", "No two rooms need each other, on any floor"),
        ("attic/box.py", "json", "The floors"),
    ],
)
def test_a_breach_is_noticed(tmp_path: Path, where: str, forbidden: str, contract: str) -> None:
    """Each contract, tried on a small house with one forbidden import (or an undeclared room), fails."""
    house = tmp_path / "shopkeeper"
    rooms = """
    core/money core/ids locale/x settings data/journal measure/x features/x learn/model decide/recommend shop apps/page
    testing/x
    """
    for room in rooms.split():
        file = house / f"{room}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        (file.parent / "__init__.py").touch()
    (house / "core" / "money.py").write_text("import shopkeeper.core.ids\n")
    breach = house / where
    breach.parent.mkdir(exist_ok=True)
    (breach.parent / "__init__.py").touch()
    with breach.open("a") as file_to_extend:
        file_to_extend.write(f"import {forbidden}\n")
    config = tmp_path / "pyproject.toml"
    config.write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    result = subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--config", config.name],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1, result.stdout
    assert f"{contract} BROKEN" in " ".join(result.stdout.split()), result.stdout


def test_every_fence_names_every_other_floor() -> None:
    """A fence lists each floor it keeps out, so that a new floor is not forgotten."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in linter["contracts"]}
    floors = {
        room.strip("() ") for line in contracts["The floors"]["layers"] for room in line.strip("()").split("|")
    } - {"market"}
    for name, inside in (
        ("Engines stay in the data layer", "data"),
        ("The web framework stays in apps", "apps"),
        ("torch only in learn", "learn"),
        ("Flink stays in its job", "apps"),
    ):
        outside = {module.removeprefix("shopkeeper.") for module in contracts[name]["source_modules"]}
        assert outside == floors - {inside}, name


def test_the_program_starts_without_what_only_learning_needs() -> None:
    """A third of the start and 70 MB would go into libraries that most commands never call: they come where they
    are called."""
    late = ("sklearn", "lightgbm", "scipy.stats", "scipy.optimize", "torch", "implicit", "jieba", "alembic")
    asked = f"import sys, shopkeeper.apps.cli.main; print([name for name in {late} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
