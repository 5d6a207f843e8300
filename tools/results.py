"""Writes the tables of docs/{en,zh}/results.md from what ``shopkeeper benchmark … --truth … --json`` printed.

``python tools/results.py Beauty=beauty.json "Beauty, attributes=beauty_a.json" …``: a name and its file for each row,
of next-item or of next-basket. A table of which no file is named stays as it is.
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
        "alone": "| set | by | HR@10 | NDCG@10 | ours minus it, HR@10 | ours minus it, NDCG@10 |",
        "baskets": "| set | items | by | users | NDCG@10 | recall@20 "
        "| ours minus it, NDCG@10 | ours minus it, recall@20 |",
        "all": "all", "repeat": "bought before", "new": "new to the user", "ours": "**this benchmark**",
        "tifu_knn": "TIFU-kNN", "buy_again": "buy it again", "own_frequency": "personal frequency",
        "popularity": "popularity",
    },
    "zh": {
        "head": "| 数据 | HR@10 | NDCG@10 | 验证 HR@10 / NDCG@10 | 种子数 | 时间预算 | 每个种子的秒数 |",
        "rows": "| 数据 | 哪些用户 | 用户数 | HR@10 | NDCG@10 |",
        "short_history": "历史不超过 4 件", "long_history": "历史超过 10 件",
        "rare_item": "下一件商品此前最多被买过 5 次", "cold_item": "下一件商品此前从未被买过",
        "alone": "| 数据 | 算法 | HR@10 | NDCG@10 | 本基准减去它，HR@10 | 本基准减去它，NDCG@10 |",
        "baskets": "| 数据 | 商品 | 算法 | 用户数 | NDCG@10 | recall@20 "
        "| 本基准减去它，NDCG@10 | 本基准减去它，recall@20 |",
        "all": "全部", "repeat": "以前买过", "new": "第一次买", "ours": "**本基准**",
        "tifu_knn": "TIFU-kNN", "buy_again": "再次购买", "own_frequency": "个人频率", "popularity": "热销榜",
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


def difference(one: dict[str, float]) -> str:
    """A paired difference and its 95 % interval."""
    return f"{one['value']:+.4f} [{one['low']:+.4f}, {one['high']:+.4f}]"


def alone(found: dict[str, Any], words: dict[str, str]) -> str:
    """Each member and each other method by itself, best member first."""
    lines = [words["alone"], "|---|---|---|---|---|---|"]
    for name, facts in found.items():
        for one in facts["alone"]:
            shown = [figure(part, 1) for part in one["figures"].values()]
            shown += [difference(part) for part in one["added"].values()]
            lines.append(f"| {name} | {words.get(one['name'], one['name'].replace('_', ' '))} | {' | '.join(shown)} |")
    return "\n".join(lines)


def baskets(found: dict[str, Any], words: dict[str, str]) -> str:
    """Ours beside others: all items, repeats, new ones."""
    lines = [words["baskets"], "|---|---|---|---|---|---|---|---|"]
    for name, facts in found.items():
        for row in facts["test"]:
            shown = [figure(part, 1) for part in row["figures"].values()]
            shown += ["" if row["name"] == "ours" else difference(part) for part in row["gain"].values()]
            lines.append(
                f"| {name} | {words[row['group']]} | {words[row['name']]} | {row['users']:,} | {' | '.join(shown)} |"
            )
    return "\n".join(lines)


def put(text: str, mark: str, table: str) -> str:
    """The page with what stands behind ``<!-- mark -->`` exchanged."""
    before, _, after = re.split(rf"(?<=<!-- {mark} -->\n)(.*?)(?=<!-- end -->)", text, maxsplit=1, flags=re.DOTALL)
    return f"{before}{table}\n{after}"


def main() -> None:
    pairs = [argument.partition("=") for argument in sys.argv[1:]]
    found = {name: json.loads(Path(path).read_text("utf-8")) for name, _, path in pairs}
    items = {name: facts for name, facts in found.items() if "baskets" not in facts}
    compared = {name: facts for name, facts in items.items() if facts.get("alone")}
    households = {name: facts for name, facts in found.items() if "baskets" in facts}
    for lang, words in WORDS.items():
        page = DOCS / lang / "results.md"
        text = page.read_text("utf-8")
        for mark, table, rows in (
            ("next-item", tables, items), ("alone", alone, compared), ("next-basket", baskets, households),
        ):  # fmt: skip
            text = put(text, mark, table(rows, words)) if rows else text
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
