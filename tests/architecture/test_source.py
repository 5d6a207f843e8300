"""What the source may not contain, read from its syntax rather than trusted to habit."""

import ast
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "shopkeeper"
TESTS = ROOT / "tests"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEST_FILES = sorted(TESTS.rglob("*.py"))
LINES_AT_MOST = 400
EXCEPTION = re.compile(r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[^\]]+\])(.*)")
"""A lint exception that names its rules, and what follows it on the line."""
SHARED_SIGNATURE = re.compile(r"#\s*noqa:\s*ARG00[12]\s*$")
"""An unused argument needs no words: it keeps a signature that others share."""

FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "input", "breakpoint", "os.system", "os.popen", "os.execv",
    "datetime.utcnow", "datetime.utcfromtimestamp", "date.today", "tempfile.mktemp", "yaml.load", "np.random.seed",
}  # fmt: skip
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "yaml", "imp", "pty"}
MAY_PRINT = PACKAGE / "apps" / "cli"
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
FOREIGN_TEXTS = (
    "../shared", "pypi.org", "pythonhosted", "npmjs", "crates.io", "proxy.golang", "jsdelivr", "unpkg", "cdnjs",
    "googleapis", "gstatic",
)  # fmt: skip


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                yield path, node, ast.unparse(node.func)


def test_nothing_is_executed_from_text() -> None:
    """No eval, exec, unsafe loader, shell or clock without a time zone anywhere in the package."""
    assert [place(path, node) for path, node, name in calls() if name in FORBIDDEN_CALLS] == []
    assert [place(path, node) for path, node, name in calls() if name == "datetime.now" and not node.args] == []


def test_no_command_goes_through_a_shell() -> None:
    """``shell=True`` appears nowhere."""
    shells = [
        place(path, node)
        for path, node, _ in calls()
        for word in node.keywords
        if word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
    ]
    assert shells == []


def test_arrays_are_loaded_without_pickle() -> None:
    """``np.load`` and ``np.save`` never permit pickled objects."""
    loose = [
        place(path, node)
        for path, node, name in calls()
        for word in node.keywords
        if word.arg == "allow_pickle" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
    ]
    assert loose == []


def test_nothing_unsafe_is_imported() -> None:
    """No pickle, marshal, shelve, joblib or YAML: models are arrays and JSON, settings are TOML."""
    found = []
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            found += [place(path, node) for name in names if name.partition(".")[0] in FORBIDDEN_IMPORTS]
    assert found == []


def test_only_the_command_line_prints() -> None:
    """``print`` and writes to standard output live in apps/cli; everything else returns or logs."""
    assert [
        place(path, node)
        for path, node, name in calls()
        if name in {"print", "sys.stdout.write"} and not path.is_relative_to(MAY_PRINT)
    ] == []


def test_every_folder_of_code_is_a_package() -> None:
    """Each folder with Python files has an ``__init__.py``, or an installed copy would lack it."""
    assert sorted({path.parent for path in SOURCES if not (path.parent / "__init__.py").exists()}) == []


def test_every_file_that_is_not_python_is_packed() -> None:
    """Templates, SQL, texts and static files match ``package-data``, or an installed copy would lack them."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    others = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    ]
    assert [name for name in others if not any(fnmatch(name, pattern) for pattern in patterns["shopkeeper"])] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_says_what_it_is_and_stays_short(path: Path) -> None:
    """Each module has a docstring, a name of the shop's own words, and at most 400 lines."""
    assert ast.get_docstring(tree(path)), "the module has no docstring"
    assert not EMPTY_NAMES & set(path.relative_to(PACKAGE).with_suffix("").parts)
    assert len(path.read_text("utf-8").splitlines()) <= LINES_AT_MOST


def test_every_exception_to_a_lint_has_its_reason_beside_it() -> None:
    """``noqa`` and ``type: ignore`` name the rule, and the line (or the one above) says why."""
    bare = []
    for path in SOURCES:
        lines = path.read_text("utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            if re.search(r"#\s*noqa(?!:)", line) or re.search(r"#\s*type:\s*ignore(?!\[)", line):
                bare.append(f"{path.relative_to(ROOT)}:{number}")
            elif exception := EXCEPTION.search(line):
                above = lines[number - 2].strip() if number > 1 else ""
                plain = above.startswith("#") or SHARED_SIGNATURE.search(line)
                if len(exception[1].strip(" #:-()")) < 5 and not plain:
                    bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert bare == []


def test_the_product_speaks_only_of_itself() -> None:
    """No registry, content network or path beside the checkout is named in the package or in the house's files."""
    house = [ROOT / name for name in ("Makefile", "requirements.lock", ".ci/run", "pyproject.toml")]
    texts = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in [*texts, *house]
        for word in FOREIGN_TEXTS
        if word in path.read_bytes().decode("utf-8", "replace")
    ]
    assert found == []


def laws_in(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def test_every_test_states_its_law() -> None:
    """Each test has a docstring that says what must hold."""
    assert [place(path, node) for path in TEST_FILES for node in laws_in(path) if not ast.get_docstring(node)] == []


def test_every_test_asserts_something() -> None:
    """Each test asserts, expects an error, or hands over to a named check."""
    silent = []
    for path in TEST_FILES:
        for node in laws_in(path):
            called = {
                ast.unparse(part.func).rpartition(".")[2] for part in ast.walk(node) if isinstance(part, ast.Call)
            }
            checks = any(re.match(r"_?(check|assert|expect|raises|warns|law|must)", name) for name in called)
            if not checks and not any(isinstance(part, ast.Assert) for part in ast.walk(node)):
                silent.append(place(path, node))
    assert silent == []


def test_no_two_test_files_share_a_name() -> None:
    """Test folders are no packages, so pytest tells files apart by their names alone."""
    names = [path.name for path in TEST_FILES if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_tests_stand_where_their_source_does() -> None:
    """Each folder of tests is a room of the package, or one of the cross-cutting ones."""
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()} | {
        "architecture",
        "journeys",
        "benchmarks",
        "corpus",
        "reliability",
    }
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))}
    assert folders <= rooms
