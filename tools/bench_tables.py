"""Measures everything that docs/{en,zh}/results.md shows and writes its tables: ``make bench-tables DATA=folder``.

For each ``folder/<set>.txt`` (a line a user, oldest item first) the last items are cut off and foretold, without and,
where ``<set>_item2attributes.json`` is there, with attributes; then the demo's next baskets. Further words (``ARGS``)
are passed on to ``shopkeeper benchmark next-item``: ``--seeds 3``. What was measured stays in ``bench/``.
"""

import subprocess
import sys
from pathlib import Path

import journey_baskets
import results

OUT = Path("bench")


def ask(name: str, *words: str | Path) -> str:
    """Run one benchmark into ``bench/<name>.json``; the word that ``results`` takes for it."""
    account = OUT / f"{name}.json"
    command = [sys.executable, "-m", "shopkeeper.apps.cli.main", "benchmark", *map(str, words), "--json"]
    account.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout, "utf-8")  # noqa: S603 - our own program
    return f"{name}={account}"


def next_items(folder: Path, more: list[str]) -> list[str]:
    made = []
    for whole in sorted(folder.glob("*.txt")):
        given = OUT / f"{whole.stem}.given.txt"
        lines = (line.split()[:-1] for line in whole.read_text("utf-8").splitlines())
        given.write_text("".join(" ".join(line) + "\n" for line in lines if len(line) > 1), "utf-8")
        task = ("next-item", given, "--truth", whole, "--out", OUT / "lists.csv", *more)
        made.append(ask(f"{whole.stem}, ids", *task))
        known = whole.with_name(f"{whole.stem}_item2attributes.json")
        if known.exists():
            made.append(ask(f"{whole.stem}, attributes", *task, "--attributes", known))
    return made


def main() -> None:
    OUT.mkdir(exist_ok=True)
    folders, more = [Path(word) for word in sys.argv[1:2]], sys.argv[2:]
    made = [word for folder in folders for word in next_items(folder, more)]
    sys.argv = ["journey_baskets", str(OUT)]
    journey_baskets.main()
    task = ("next-basket", OUT / "history.json", "--truth", OUT / "truth.json", "--out", OUT / "lists.csv")
    made.append(ask("Complete Journey", *task))
    sys.argv = ["results", *made]
    results.main()


if __name__ == "__main__":
    main()
