"""Writes the tables of docs/{en,zh}/results.md from what ``shopkeeper benchmark … --truth … --json`` and ``shopkeeper
evaluate … --json`` printed.

``python tools/results.py Beauty=beauty.json "Beauty, attributes=beauty_a.json" …``: a name and its file for each row,
of next-item or of next-basket, or of ``evaluate``, alone, with ``--goes-with`` or with ``--tradeoff new_share``. Rows
of sets that are not named stay as they are.
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
        "cold": "| shop | recommender | all | unknown customers | new customers | lapsed customers "
        "| new products, in everything | new products, among themselves "
        "| products nobody ever had, among themselves |",
        "goes_with": "| shop | recommender | list | bought along, of another kind | of its own kind |",
        "anything": "anything", "other": "another kind only",
        "share": "| shop | new_share | NDCG@10 | cost | places of new products | wanted new ones shown |",
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
        "cold": "| 店铺 | 推荐算法 | 全部 | 陌生顾客 | 新客 | 沉睡顾客 "
        "| 新品，与全部商品一起排 | 新品，只在新品中排 | 从未有人买过的商品，只在其中排 |",
        "goes_with": "| 店铺 | 推荐算法 | 列表 | 一起买了其他类 | 同类占比 |",
        "anything": "任何商品", "other": "只列其他类",
        "share": "| 店铺 | new_share | NDCG@10 | 代价 | 新品占比 | 想要的新品被展示 |",
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


GROUPS = ("unknown", "new", "lapsed", "new_products", "among_new", "unheard")


UNKNOWN: dict[str, dict[str, None]] = {"ndcg": {"value": None}}


def cold(found: dict[str, Any], words: dict[str, str]) -> str:
    """NDCG@10 of each recommender on everybody and on those of whom little is known; behind each name of a shop, how
    many people of each group were judged."""
    lines = [words["cold"], "|---|---|---|---|---|---|---|---|---|"]
    for name, facts in found.items():
        first = facts["rows"][0]["cold"]
        people = [facts["people"], *(first[group]["people"] for group in GROUPS if group in first)]
        lines.append(f"| {name} | | {' | '.join(f'{count:,}' for count in people)} |")
        for row in sorted(facts["rows"], key=lambda row: -row["metrics"]["ndcg"]["value"]):
            groups = [row["cold"][group]["metrics"] if group in row["cold"] else UNKNOWN for group in GROUPS]
            shown = [row["metrics"]["ndcg"], *(group["ndcg"] for group in groups)]
            cells = ["–" if one["value"] is None else figure(one, 1) for one in shown]
            lines.append(f"| {name} | {words.get(row['name'], row['name'].replace('_', ' '))} | {' | '.join(cells)} |")
    return "\n".join(lines)


def together(found: dict[str, Any], words: dict[str, str]) -> str:
    """What product pages list, and how often it was bought along."""
    lines = [words["goes_with"], "|---|---|---|---|---|"]
    for name, facts in found.items():
        for kind, rows in (("anything", facts["plain"]), ("other", facts["other_kind"])):
            for row in rows:
                said = words.get(row["name"], row["name"].replace("_", " "))
                own = row["own_kind"]
                lines.append(
                    f"| {name} | {said} | {words[kind]} | {figure(row['bought'], 1)} | {own or 0:.1%} |"
                )  # fmt: skip
    return "\n".join(lines)


def share(found: dict[str, Any], words: dict[str, str]) -> str:
    """What a share for new products costs, and what it brings."""
    lines = [words["share"], "|---|---|---|---|---|---|"]
    for name, steps in found.items():
        lines += [
            f"| {name} | {step['value']:g} | {figure(step['ndcg'], 1)} | {difference(step['cost'])} "
            f"| {step['new']:.1%} | {step['new_hit']:.1%} |"
            for step in steps
        ]
    return "\n".join(lines)


def put(text: str, mark: str, table: str) -> str:
    """The page with what stands behind ``<!-- mark -->`` renewed."""
    before, old, after = re.split(rf"(?<=<!-- {mark} -->\n)(.*?)(?=<!-- end -->)", text, maxsplit=1, flags=re.DOTALL)
    tables, known = table.split("\n\n"), old.strip().split("\n\n")
    if len(tables) == len(known):
        tables = [merged(*pair) for pair in zip(known, tables, strict=True)]
    renewed = "\n\n".join(tables)
    return f"{before}{renewed}\n{after}"


def merged(old: str, new: str) -> str:
    """A table whose rows of the same sets are the new ones, at their place; others stay, unless the columns differ."""
    before, (head, line, *rows) = old.split("\n"), new.split("\n")
    if before[0] != head:
        return new
    found: dict[str, list[str]] = {row.split("|")[1]: [] for row in [*before[2:], *rows]}
    renewed = {row.split("|")[1] for row in rows}
    for row in [*(row for row in before[2:] if row.split("|")[1] not in renewed), *rows]:
        found[row.split("|")[1]].append(row)
    return "\n".join([head, line, *(row for own in found.values() for row in own)])


def main() -> None:
    pairs = [argument.partition("=") for argument in sys.argv[1:]]
    found = {name: json.loads(Path(path).read_text("utf-8")) for name, _, path in pairs}
    steps = {name: facts for name, facts in found.items() if isinstance(facts, list)}
    shops = {name: facts for name, facts in found.items() if "rows" in facts and name not in steps}
    pages = {name: facts for name, facts in found.items() if "plain" in facts}
    other = {*steps, *shops, *pages}
    found = {name: facts for name, facts in found.items() if name not in other}
    items = {name: facts for name, facts in found.items() if "baskets" not in facts}
    compared = {name: facts for name, facts in items.items() if facts.get("alone")}
    households = {name: facts for name, facts in found.items() if "baskets" in facts}
    for lang, words in WORDS.items():
        page = DOCS / lang / "results.md"
        text = page.read_text("utf-8")
        for mark, table, rows in (
            ("next-item", tables, items), ("alone", alone, compared), ("next-basket", baskets, households),
            ("cold", cold, shops), ("goes-with", together, pages), ("new-share", share, steps),
        ):  # fmt: skip
            text = put(text, mark, table(rows, words)) if rows else text
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
