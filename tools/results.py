"""Writes the tables of docs/{en,zh}/results.md from what ``shopkeeper benchmark next-item --truth … --json`` printed.

``python tools/results.py Beauty=beauty.json "Beauty, attributes=beauty_a.json" …``: a name and its file for each row.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
WORDS = {
    "en": {
        "head": "| set | HR@10 | NDCG@10 | validation HR@10 / NDCG@10 | seeds | budget | seconds a seed |",
        "rows": "| set | users whose | users | HR@10 | NDCG@10 |",
        "short_history": "history has 4 items or fewer", "long_history": "history has more than 10 items",
        "rare_item": "next item was bought at most 5 times before", "cold_item": "next item was never bought before",
    },
    "zh": {
        "head": "| 数据 | HR@10 | NDCG@10 | 验证 HR@10 / NDCG@10 | 种子数 | 时间预算 | 每个种子的秒数 |",
        "rows": "| 数据 | 哪些用户 | 用户数 | HR@10 | NDCG@10 |",
        "short_history": "历史不超过 4 件", "long_history": "历史超过 10 件",
        "rare_item": "下一件商品此前最多被买过 5 次", "cold_item": "下一件商品此前从未被买过",
    },
}  # fmt: skip


def figure(one: dict[str, float], seeds: int) -> str:
    """Value, deviation between seeds, 95 % interval over users."""
    spread = f" ± {one['spread']:.4f}" if seeds > 1 else ""
    return f"{one['value']:.4f}{spread} [{one['low']:.4f}, {one['high']:.4f}]"


def tables(found: dict[str, Any], words: dict[str, str]) -> str:
    """The two tables: all users, and hard cases."""
    lines = [words["head"], "|---|---|---|---|---|---|---|"]
    for name, facts in found.items():
        row, valid = facts["test"][0], facts["validation"]
        both = " / ".join(f"{valid[one]['value']:.4f}" for one in ("hit_rate@10", "ndcg@10"))
        shown = [figure(row[one], facts["seeds"]) for one in ("hit_rate@10", "ndcg@10")]
        seconds = ", ".join(str(one) for one in facts["each_seconds"])
        lines.append(
            f"| {name} | {shown[0]} | {shown[1]} | {both} | {facts['seeds']} | {facts['budget']:g} s | {seconds} |"
        )
    lines += ["", words["rows"], "|---|---|---|---|---|"]
    for name, facts in found.items():
        for row in facts["test"][1:]:
            shown = [figure(row[one], facts["seeds"]) for one in ("hit_rate@10", "ndcg@10")]
            lines.append(f"| {name} | {words[row['group']]} | {row['users']:,} | {shown[0]} | {shown[1]} |")
    return "\n".join(lines)


def main() -> None:
    pairs = [argument.partition("=") for argument in sys.argv[1:]]
    found = {name: json.loads(Path(path).read_text("utf-8")) for name, _, path in pairs}
    for lang, words in WORDS.items():
        page = DOCS / lang / "results.md"
        marked = re.compile(r"(?<=<!-- next-item -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)
        before, _, after = marked.split(page.read_text("utf-8"))
        page.write_text(before + tables(found, words) + "\n" + after, "utf-8")


if __name__ == "__main__":
    main()
