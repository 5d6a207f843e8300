"""Measures everything that docs/{en,zh}/results.md shows and writes its tables: ``make bench-tables DATA=folder``.

For each ``folder/<set>.txt`` (a line a user, oldest item first) the last items are cut off and foretold, without and,
where ``<set>_item2attributes.json`` is there, with attributes; then the demo's next baskets, and the demo shop (kept in
``bench/demo``) by ``shopkeeper evaluate``: today and 36 weeks earlier, product pages, a share for new products.
Further words (``ARGS``) are passed on to ``shopkeeper benchmark next-item``: ``--seeds 3``. What was measured stays in
``bench/``.
"""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import journey_baskets
import results

OUT = Path("bench")


EARLIER = timedelta(weeks=36)
PROGRAM = (sys.executable, "-m", "shopkeeper.apps.cli.main")


def ask(name: str, *words: str | Path) -> str:
    """Run one command into ``bench/<name>.json``; the word that ``results`` takes for it."""
    account = OUT / f"{name}.json"
    command = [*PROGRAM, *map(str, words), "--json"]
    account.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout, "utf-8")  # noqa: S603 - our own program
    return f"{name}={account}"


def next_items(folder: Path, more: list[str]) -> list[str]:
    made = []
    for whole in sorted(folder.glob("*.txt")):
        given = OUT / f"{whole.stem}.given.txt"
        lines = (line.split()[:-1] for line in whole.read_text("utf-8").splitlines())
        given.write_text("".join(" ".join(line) + "\n" for line in lines if len(line) > 1), "utf-8")
        task = ("benchmark", "next-item", given, "--truth", whole, "--out", OUT / "lists.csv", *more)
        made.append(ask(f"{whole.stem}, ids", *task))
        known = whole.with_name(f"{whole.stem}_item2attributes.json")
        if known.exists():
            made.append(ask(f"{whole.stem}, attributes", *task, "--attributes", known))
    return made


def demo_shop() -> list[str]:
    """What ``evaluate`` says of the demo. Its dates move with the calendar: the earlier day is counted from today's."""
    shop = ("--shop", OUT / "demo")
    command = [*PROGRAM, "demo", "--no-serve", *map(str, shop)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    made = [ask("Complete Journey, last 28 days", "evaluate", *shop)]
    cut = datetime.fromisoformat(json.loads((OUT / "Complete Journey, last 28 days.json").read_text("utf-8"))["cut_at"])
    earlier = f"{cut - EARLIER:%Y-%m-%d}"
    made.append(ask("Complete Journey, 36 weeks earlier", "evaluate", *shop, "--as-of", earlier))
    made.append(ask("Complete Journey, pages", "evaluate", *shop, "--goes-with"))
    return [*made, ask("Complete Journey, home", "evaluate", *shop, "--tradeoff", "new_share", "--people", "800")]


def main() -> None:
    OUT.mkdir(exist_ok=True)
    folders, more = [Path(word) for word in sys.argv[1:2]], sys.argv[2:]
    made = [word for folder in folders for word in next_items(folder, more)]
    sys.argv = ["journey_baskets", str(OUT)]
    journey_baskets.main()
    task = ("benchmark", "next-basket", OUT / "history.json", "--truth", OUT / "truth.json", "--out", OUT / "lists.csv")
    made.append(ask("Complete Journey", *task))
    made += demo_shop()
    sys.argv = ["results", *made]
    results.main()


if __name__ == "__main__":
    main()
