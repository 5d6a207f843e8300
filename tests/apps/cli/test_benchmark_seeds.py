"""``shopkeeper benchmark next-item`` over seeds, judged by what came next; and the page that tells it."""

import importlib.util
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from shopkeeper.apps.cli.benchmark import app
from shopkeeper.core.errors import DataError

PAGE = "before\n" + "".join(
    f"<!-- {mark} -->\nold\n<!-- end -->\nafter\n" for mark in ("next-item", "alone", "next-basket")
)
TOOL = Path(__file__).parents[3] / "tools" / "results.py"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    whole = [f"u{n} a b c d e".split() for n in range(6)] + [["v", "b", "c", "d"]]
    given, truth = tmp_path / "given.txt", tmp_path / "truth.txt"
    truth.write_text("".join(" ".join(line) + "\n" for line in whole))
    given.write_text("".join(" ".join(line[:-1]) + "\n" for line in whole))
    return given, truth


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``tools/results.py`` as a module that writes the pages of a folder of its own."""
    spec = importlib.util.spec_from_file_location("results_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DOCS", tmp_path)
    return module


def test_seeds_are_judged_by_the_truth(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Law: the account has a row for all users with value, interval and spread; figures agree with the lists."""
    given, truth = files
    words = ["next-item", given, "--out", tmp_path / "r.csv", "--budget", "0", "--seeds", "2", "--truth", truth]
    told = CliRunner().invoke(app, [str(word) for word in [*words, "--json"]], catch_exceptions=False)
    facts = json.loads(told.stdout)
    assert (facts["seeds"], len(facts["each_seconds"]), facts["test"][0]["users"]) == (2, 2, 7)
    hit = facts["test"][0]["hit_rate@10"]
    assert (hit["low"] <= hit["value"] <= hit["high"], hit["spread"]) == (True, 0.0)
    shown = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert f"{hit['value']:.4f}" in shown.stdout


def test_lists_of_others_are_judged_beside_ours(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Law: another program's lists get the figures that their hits give, whatever order their rows have; who has no
    list has no hit. Lists that are none are refused with a sentence."""
    given, truth = files
    theirs = tmp_path / "theirs.csv"
    rows = [f"u{n},{rank},{item}" for n in range(6) for rank, item in ((2, "e"), (1, "x"))]
    theirs.write_text("user,rank,item\n" + "\n".join(rows) + "\n")
    words = ["next-item", given, "--out", tmp_path / "r.csv", "--budget", "0", "--truth", truth, "--beside", theirs]
    told = CliRunner().invoke(app, [str(word) for word in [*words, "--json"]], catch_exceptions=False)
    (row,) = [one for one in json.loads(told.stdout)["alone"] if one["name"] == "theirs"]
    assert row["figures"]["hit_rate@10"]["value"] == pytest.approx(6 / 7)
    assert row["figures"]["ndcg@10"]["value"] == pytest.approx(6 / 7 / math.log2(3))
    for content, key in (
        ("user,item\na,b\n", "benchmark_no_lists"),
        ("user,rank,item\na,first,b\n", "benchmark_bad_rank"),
    ):
        theirs.write_text(content)
        with pytest.raises(DataError) as refused:
            CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert refused.value.key == key


def test_rows_of_other_sets_stay(tool: Any) -> None:
    """Law: a set that is measured again has its new rows at the old place, a new one comes last, the others stay."""
    head = "| set | HR |\n|---|---|\n"
    page = f"<!-- alone -->\n{head}| a | 1 |\n| a | 2 |\n| b | 3 |\n<!-- end -->\n"
    wanted = f"<!-- alone -->\n{head}| a | 7 |\n| b | 3 |\n| c | 8 |\n<!-- end -->\n"
    assert tool.put(page, "alone", f"{head}| c | 8 |\n| a | 7 |") == wanted
    other = "| set | NDCG |\n|---|---|\n| c | 8 |"
    assert tool.put(page, "alone", other) == f"<!-- alone -->\n{other}\n<!-- end -->\n"


def test_the_results_page_is_written_from_the_account(
    files: tuple[Path, Path], tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: the tool puts the tables between the marks of both pages and leaves the rest as it is."""
    given, truth = files
    words = ["next-item", given, "--out", tmp_path / "r.csv", "--budget", "0", "--truth", truth, "--json"]
    account = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).stdout
    (tmp_path / "one.json").write_text(account)
    for lang in ("en", "zh"):
        (tmp_path / lang).mkdir()
        (tmp_path / lang / "results.md").write_text(PAGE)
    past = {f"u{n}": [["milk", "egg"], ["milk"]] for n in range(4)}
    (tmp_path / "h.json").write_text(json.dumps(past))
    (tmp_path / "t.json").write_text(json.dumps({user: [*own, ["milk", "tea"]] for user, own in past.items()}))
    words = ["next-basket", tmp_path / "h.json", "--truth", tmp_path / "t.json", "--out", tmp_path / "b.csv", "--json"]
    account = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False).stdout
    (tmp_path / "two.json").write_text(account)
    monkeypatch.setattr(sys, "argv", ["results.py", f"Tiny={tmp_path / 'one.json'}", f"Shop={tmp_path / 'two.json'}"])
    tool.main()
    for lang in ("en", "zh"):
        text = (tmp_path / lang / "results.md").read_text()
        assert text.startswith("before\n<!-- next-item -->\n|")
        assert text.endswith("\n<!-- end -->\nafter\n")
        assert text.count("| Tiny |") >= 1 + 7  # all users, and each other method alone
        assert text.count("| Shop |") == 3 * 5
        assert "\nold\n" not in text


def test_what_evaluate_says_is_written_too(tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: accounts of ``evaluate`` fill the tables of cold starts, product pages and shares for new products."""
    marks = "".join(f"<!-- {mark} -->\nold\n<!-- end -->\n" for mark in ("cold", "goes-with", "new-share"))
    for lang in ("en", "zh"):
        (tmp_path / lang).mkdir()
        (tmp_path / lang / "results.md").write_text(marks)
    known = {"value": 0.25, "low": 0.2, "high": 0.3}
    cold = {group: {"people": 7, "metrics": {"ndcg": known}} for group in tool.GROUPS}
    cold["lapsed"] = {"people": 0, "metrics": {"ndcg": {"value": None, "low": None, "high": None}}}
    accounts = {
        "shop": {"people": 9, "rows": [{"name": "hybrid", "metrics": {"ndcg": known}, "cold": cold}]},
        "page": {"plain": [{"name": "content", "bought": known, "own_kind": 0.5}], "other_kind": []},
        "home": [{"value": 0.2, "ndcg": known, "cost": known, "new": 0.1, "new_hit": 0.05}],
    }
    for name, account in accounts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(account))
    monkeypatch.setattr(sys, "argv", ["results.py", *(f"{name}={tmp_path / name}.json" for name in accounts)])
    tool.main()
    for lang in ("en", "zh"):
        text = (tmp_path / lang / "results.md").read_text()
        assert text.count("| shop | ") == 2 + (lang == "en") * 3  # people and one recommender; three headings
        assert text.count("| hybrid | 0.2500 [0.2000, 0.3000] | 0.2500 [0.2000, 0.3000] |") == 1
        assert "| – |" in text
        assert "| 0.2500 [0.2000, 0.3000] | 50.0% |" in text
        assert "| home | 0.2 | 0.2500 [0.2000, 0.3000] | +0.2500 [+0.2000, +0.3000] | 10.0% | 5.0% |" in text
        assert "\nold\n" not in text
