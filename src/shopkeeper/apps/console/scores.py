"""How models compare, as a table, a chart and a sentence each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shopkeeper.apps.console.charts import Range, ranges
from shopkeeper.apps.console.words import Words
from shopkeeper.learn.cold_start import GROUPS

METRICS: Final = ("hit_rate", "recall", "precision", "mrr")


def judged_values(judged: Mapping[str, Any] | None, ours: str, words: Words) -> dict[str, Any]:
    """What the page of models shows of an evaluation; empty where there was none."""
    if judged is None:
        return {"judged": None, "rows": [], "chart": "", "metrics": METRICS, "cold": []}
    rows = sorted(judged["rows"], key=lambda row: -(_ndcg(row)["value"] or 0.0))
    marks = [
        Range(
            label=words.named("model", row["name"]), mark="ours" if row["name"] == ours else "",
            value=_ndcg(row)["value"], low=_ndcg(row)["low"] or 0.0, high=_ndcg(row)["high"] or 0.0,
        )
        for row in rows if _ndcg(row)["value"] is not None
    ]  # fmt: skip
    base = next((_ndcg(row)["value"] for row in rows if row["name"] == judged["how"]["baseline"]), None)
    return {
        "judged": judged, "metrics": METRICS, "cold": _cold(rows), "chart": ranges(marks, words("chart_ndcg"), base),
        "rows": [
            {"name": row["name"], "ndcg": _ndcg(row), "metrics": row["metrics"], "gain": row["against"].get("ndcg"),
             "coverage": row["lists"].get("coverage"),
             "verdict": verdict(row, judged, words)}
            for row in rows
        ],
    }  # fmt: skip


def _cold(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The groups of which little is known that anybody is in, each with every model's NDCG; none in versions that were
    judged before there were such groups."""
    first = rows[0].get("cold", {}) if rows else {}
    return [
        {"key": f"cold_{group}", "people": first[group]["people"],
         "figures": [row["cold"][group]["metrics"]["ndcg"] for row in rows]}
        for group in GROUPS if first.get(group, {}).get("people")
    ]  # fmt: skip


def _ndcg(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = row["metrics"]["ndcg"]
    return found


def verdict(row: Mapping[str, Any], judged: Mapping[str, Any], words: Words) -> str:
    """Better or worse than the popular list, or not certainly either."""
    name = words.named("model", row["name"])
    if row["name"] == judged["how"]["baseline"]:
        return words("verdict_base", model=name)
    gain, base = row["against"].get("ndcg"), _base(judged)
    if not gain or gain["value"] is None or gain["low"] is None or gain["high"] is None:
        return words("verdict_unknown", model=name)
    key = "better" if gain["low"] > 0 else "worse" if gain["high"] < 0 else "even"
    percent = f"{abs(gain['value']) / base:.0%}" if base else "–"
    return words(
        f"verdict_{key}", model=name, percent=percent, low=words.gain(gain["low"]), high=words.gain(gain["high"])
    )


def _base(judged: Mapping[str, Any]) -> float | None:
    rows = judged["rows"]
    return next((_ndcg(row)["value"] for row in rows if row["name"] == judged["how"]["baseline"]), None)
