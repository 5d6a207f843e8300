"""``shopkeeper benchmark`` from files to files."""

import csv
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.benchmark import app
from shopkeeper.core.errors import DataError, SettingsError, ShopkeeperError
from shopkeeper.locale import LANGUAGES
from shopkeeper.locale import say as sentence


def run(*words: object) -> str:
    """Standard output; an error is raised as it is."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: object) -> ShopkeeperError:
    """The error of a command that refuses; both languages can say it."""
    with pytest.raises(ShopkeeperError) as caught:
        run(*words)
    for language in LANGUAGES:
        assert sentence(language, "errors", caught.value.key, **caught.value.facts)
    return caught.value


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    path = tmp_path / "train.txt"
    path.write_text("".join(f"u{n} a b c d e\n" for n in range(5)) + "v b c\nw 茶\n", encoding="utf-8")
    return path


def test_next_item_writes_ranked_unseen_items(sequences: Path, tmp_path: Path) -> None:
    """Law: `user,rank,item`, ranks from 1, every user, nothing the user has; the JSON account adds up."""
    account = json.loads(run("next-item", sequences, "--out", tmp_path / "r.csv", "--budget", "1s", "--json"))
    found = rows(tmp_path / "r.csv")
    assert list(found[0]) == ["user", "rank", "item"]
    assert next(row["item"] for row in found if row["user"] == "v") == "d"
    assert {row["user"] for row in found} == {"u0", "u1", "u2", "u3", "u4", "v", "w"}
    assert [int(row["rank"]) for row in found if row["user"] == "w"] == [1, 2, 3, 4, 5]
    assert (account["users"], account["items"], account["events"]) == (7, 6, 28)
    assert account["validation"]["ndcg@10"]["low"] <= account["validation"]["ndcg@10"]["value"]


def test_next_item_with_attributes_and_refit(sequences: Path, tmp_path: Path) -> None:
    """Law: --top bounds the list; attributes of unknown items are ignored."""
    (tmp_path / "a.json").write_text('{"a": [1], "茶": [1], "zzz": [2]}', encoding="utf-8")
    out = tmp_path / "r.csv"
    run("next-item", sequences, "--out", out, "--attributes", tmp_path / "a.json", "--top", 1, "--refit", "--budget", 0)
    assert [row["item"] for row in rows(out) if row["user"] == "w"] == ["a"]
    assert {row["rank"] for row in rows(out)} == {"1"}


def test_next_basket_writes_repeats_too(tmp_path: Path) -> None:
    """Law: the favourite of every basket leads, numbers as items are read as text."""
    (tmp_path / "h.json").write_text('{"u": [[1, 2], [1], [1]], "v": [[2], [2, 3], []]}')
    account = json.loads(run("next-basket", tmp_path / "h.json", "--out", tmp_path / "r.csv", "--json"))
    assert [row["item"] for row in rows(tmp_path / "r.csv") if row["rank"] == "1"] == ["1", "2"]
    assert account["baskets"] == 5


def test_rules_read_quotes_and_white_space(tmp_path: Path) -> None:
    """Law: quoted commas belong to the name, white space around it does not, empty lines and cells are nothing."""
    (tmp_path / "b.csv").write_text('"milk, fresh", egg \negg,"milk, fresh",egg\n\n,,\negg\n')
    account = json.loads(run("rules", tmp_path / "b.csv", "--out", tmp_path / "r.csv", "--json"))
    found = {(row["antecedent"], row["consequent"]): row for row in rows(tmp_path / "r.csv")}
    assert set(found) == {("milk, fresh", "egg"), ("egg", "milk, fresh")}
    assert float(found["milk, fresh", "egg"]["confidence"]) == 1
    assert (account["baskets"], account["empty_lines"], account["rules"]) == (3, 2, 2)


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_speak_both_languages(
    language: str, sequences: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: every line of each account has its words in both languages."""
    monkeypatch.setattr(say.Tongue, "language", language)
    (tmp_path / "h.json").write_text('{"u": [["a"], ["a", "b"]]}')
    (tmp_path / "b.csv").write_text("a,b\n")
    title = {"en": "Next item", "zh": "下一件商品"}[language]
    assert title in run("next-item", sequences, "--out", tmp_path / "r.csv", "--budget", "1s")
    assert "ndcg@10 own" in run("next-basket", tmp_path / "h.json", "--out", tmp_path / "r.csv")
    assert "r.csv" in run("rules", tmp_path / "b.csv", "--out", tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "benchmark_empty"), ("u a\n\nv b\n", "benchmark_blank_line"), ("u\n", "benchmark_no_item"),
        ("u a\nu b\n", "benchmark_duplicate_user"), (b"u \xff\xfe\n", "benchmark_not_utf8"),
    ],
)  # fmt: skip
def test_bad_sequences_are_refused(text: str | bytes, key: str, tmp_path: Path) -> None:
    """Law: a bad file is one clear error naming the line, and nothing is written."""
    (tmp_path / "t.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    error = refused("next-item", tmp_path / "t.txt", "--out", tmp_path / "r.csv")
    assert (type(error), error.key) == (DataError, key)
    assert not (tmp_path / "r.csv").exists()
    if key == "benchmark_blank_line":
        assert error.facts["line"] == 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{", "benchmark_bad_json"), ("[]", "benchmark_not_by_user"), ("{}", "benchmark_empty"),
        ('{"u": ["a"]}', "benchmark_wrong_baskets"), ('{"u": [[null]]}', "benchmark_wrong_baskets"),
        ('{"u": [[]]}', "benchmark_no_basket"), ('{"u": [["a"]], "u": [["b"]]}', "benchmark_twice"),
        ("[" * 100_000, "benchmark_bad_json"),
    ],
)  # fmt: skip
def test_bad_baskets_are_refused(text: str, key: str, tmp_path: Path) -> None:
    """Law: JSON of another shape is one clear error."""
    (tmp_path / "h.json").write_text(text)
    assert refused("next-basket", tmp_path / "h.json", "--out", tmp_path / "r.csv").key == key


def test_bad_basket_lines_are_refused(tmp_path: Path) -> None:
    """Law: unclosed quotes, no basket, a missing file and an unwritable place are each their own error."""
    path, out = tmp_path / "b.csv", tmp_path / "r.csv"
    path.write_text('a,b\n"c')
    assert refused("rules", path, "--out", out).key == "benchmark_bad_csv"
    path.write_text("\n\n")
    assert refused("rules", path, "--out", out).key == "benchmark_empty"
    assert refused("rules", tmp_path / "none.csv", "--out", out).key == "benchmark_unreadable"
    path.write_text("a|b,c\n")
    assert refused("rules", path, "--out", out).key == "benchmark_separator"
    path.write_text("a,b\n")
    assert refused("rules", path, "--out", tmp_path / "no" / "r.csv").key == "benchmark_cannot_write"


@pytest.mark.parametrize(
    "words",
    [
        ("next-item", "--top", 0), ("next-item", "--seed", -1), ("next-item", "--budget", "soon"),
        ("rules", "--support", 0), ("rules", "--support", "nan"), ("rules", "--confidence", 1.5),
        ("rules", "--max-length", 1), ("rules", "--separator", ""),
    ],
)  # fmt: skip
def test_impossible_options_are_refused(words: tuple[object, ...], sequences: Path, tmp_path: Path) -> None:
    """Law: an option out of its range is a SettingsError that says what it must be."""
    command, *options = words
    assert isinstance(refused(command, sequences, "--out", tmp_path / "r.csv", *options), SettingsError)


def test_bad_attributes_are_refused(sequences: Path, tmp_path: Path) -> None:
    """Law: attributes must be lists by item."""
    bad = tmp_path / "a.json"
    for text, key in (("[1]", "benchmark_bad_attributes"), ("{", "benchmark_bad_json")):
        bad.write_text(text)
        assert refused("next-item", sequences, "--out", tmp_path / "r.csv", "--attributes", bad).key == key


def test_propensity_compares_learners_on_a_file(tmp_path: Path) -> None:
    """Every row judged once by each learner; the plot is an SVG with a line each; the tree is drawn."""
    path, told, plot = tmp_path / "visits.csv", tmp_path / "p.csv", tmp_path / "p.svg"
    lines = [
        f"{n % 7};{'new' if n % 3 else 'old'};{n};{'TRUE' if n % 7 > 4 and n % 5 else 'FALSE'}" for n in range(700)
    ]
    path.write_text("pages;kind;day;bought\n" + "\n".join(lines) + "\n", encoding="utf-8")
    words = ("propensity", path, "--outcome", "bought", "--learner", "decision_tree", "--learner", "linear_regression")
    account = json.loads(run(*words, "--folds", 4, "--out", told, "--plot", plot, "--json"))
    assert [one["learner"] for one in account["learners"]] == ["decision_tree", "linear_regression"]
    assert account["learners"][0]["auc"]["value"] > 0.9
    said = rows(told)
    assert [int(row["row"]) for row in said if row["learner"] == "decision_tree"] == list(range(1, 701))
    assert plot.read_text("utf-8").count("<polyline") == 2
    timed = json.loads(run(*words, "--time", "day", "--json"))
    assert timed["learners"][0]["judged"] == 141
    assert "pages ≤" in run(*words, "--folds", 4, "--tree")


@pytest.mark.parametrize(
    ("text", "options", "key"),
    [
        ("a,b\n1,2\n", ("--outcome", "c"), "benchmark_out_of_range"),
        ("a,b\n1,2\n", ("--outcome", "b", "--time", "when"), "benchmark_out_of_range"),
        ("a,b\n1,2\n", ("--outcome", "b"), "benchmark_not_yes_no"),
        ("a,b\n1,1,1\n", ("--outcome", "b"), "benchmark_bad_csv"),
        ("a,a\n1,1\n", ("--outcome", "a"), "benchmark_twice"),
        ("a,b\n", ("--outcome", "b"), "benchmark_empty"),
        ("a,b\n1,1\n2,0\n", ("--outcome", "b"), "too_few_outcomes"),
        ("a,b\n1,1\n", ("--outcome", "b", "--learner", "magic"), "setting_bad"),
    ],
)
def test_propensity_says_what_is_wrong_with_a_file(
    text: str, options: tuple[str, ...], key: str, tmp_path: Path
) -> None:
    """Each bad file or option has its own sentence."""
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    assert refused("propensity", path, *options).key == key


def test_next_basket_is_judged_beside_others(tmp_path: Path) -> None:
    """Law: with --truth the table and the JSON hold ours and four others, for all, repeated and new items; the file
    still has --top items a user."""
    past = {f"u{n}": [["milk", "egg"], ["milk"], ["tea", "milk"]] for n in range(8)}
    (tmp_path / "h.json").write_text(json.dumps(past))
    (tmp_path / "t.json").write_text(json.dumps({user: [*own, ["milk", "new"]] for user, own in past.items()}))
    given = (
        "next-basket",
        tmp_path / "h.json",
        "--truth",
        tmp_path / "t.json",
        "--out",
        tmp_path / "r.csv",
        "--top",
        "2",
    )
    rows = json.loads(run(*given, "--json"))["test"]
    assert len(rows) == 15
    assert {row["group"] for row in rows} == {"all", "repeat", "new"}
    assert rows[0]["figures"]["recall@20"]["value"] == 0.5
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 1 + 2 * 8
    assert "TIFU-kNN" in run(*given)


def test_waiting_threads_of_the_program_sleep() -> None:
    """Law: the program asks OpenMP's threads to sleep while they wait, unless told otherwise."""
    assert os.environ["OMP_WAIT_POLICY"]
