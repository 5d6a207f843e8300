"""What the pages of segments and of rules show: plain values and drawings for the templates."""

from itertools import accumulate
from typing import Any
from unicodedata import east_asian_width

from shopkeeper.apps.console.charts import Point, Range, lying_bars, ranges
from shopkeeper.apps.console.drawings import Cell, Link, Ribbon, Spot, both_ways, cells, net, ribbons, spots
from shopkeeper.apps.console.words import Words
from shopkeeper.core.errors import DataError, NotFound
from shopkeeper.learn.segment.flows import GONE, NEW
from shopkeeper.learn.segment.segmenting import Segmented
from shopkeeper.shop import Shop
from shopkeeper.shop.basket_rules import Filter, rules_of
from shopkeeper.shop.segment_facts import segment_facts
from shopkeeper.shop.segment_words import field_said, refusal_said
from shopkeeper.shop.segments import segmented

Values = dict[str, Any]
_COMPARED = ("orders", "spend", "basket_spend", "basket_lines", "discount_share", "quiet_days", "weekend_share",
             "dear_share")  # fmt: skip
_MONEY = ("spend", "basket_spend", "usual_price")
_STRINGS = 40
_BESIDE = 22
"""Letters that fit to the right of the flows."""


def people(words: Words, number: int | None) -> str:
    """A number of people as it may be said."""
    return words("people_few") if number is None else words("people_about", count=words.number(number))


def segments_page(shop: Shop, words: Words) -> Values:
    """Every group beside every other: who they are, how sure that is, where they lie, where they went."""
    facts = segment_facts(shop, words.language)
    _, found = segmented(shop)
    values: Values = {"facts": facts, "refused": _refused(facts, words), "days": facts.get("days"), "segments": []}
    if found is None or not facts["segments"]:
        return values | {"bands": _bands(facts, words), "rfm": _rfm(facts, words)}
    return values | {
        "segments": [_card(number, one, words) for number, one in enumerate(facts["segments"])],
        "people": people(words, facts["people"]), "sure": _sure(facts, words), "trials": _trials(facts, words),
        "map": _map(found, facts, words), "legend": [(n, f"{one['label']} {one['name']}") for n, one in
                                                     enumerate(facts["segments"])],
        "components": [(words.share(one["explained"]), one["text"]) for one in facts["components"][:3]],
        "compared": _compared(found, facts, words), "flows": _flows(facts, words), "bands": _bands(facts, words),
        "rfm": _rfm(facts, words), "mixture": _mixture(facts, words),
    }  # fmt: skip


def segment_page(shop: Shop, words: Words, label: str) -> Values:
    """One group: what sets it apart, what it buys, what it buys together.

    Raises:
        NotFound: no such segment.
    """
    facts = segment_facts(shop, words.language)
    number = next((n for n, one in enumerate(facts["segments"]) if one["label"] == label), None)
    if number is None:
        known = ", ".join(one["label"] for one in facts["segments"]) or "-"
        raise NotFound("unknown_segment", segment=label[:20], known=known)
    one = facts["segments"][number]
    traits = [(trait["label"], trait["effect"], said_value(trait["field"], trait["value"], words))
              for trait in one["traits"]]  # fmt: skip
    products = [Point(label=row["name"], value=row["lift"], title=words("times", count=words.fixed(row["lift"], 1)))
                for row in one["products"][:10]]  # fmt: skip
    try:
        rules = [_rule(row, words) for row in rules_of(shop, Filter(segment=label, most=15)).rows]
        why = ""
    except (DataError, NotFound) as error:
        rules, why = [], refusal_said(error, words.language)
    return {
        "card": _card(number, one, words), "traits": both_ways(traits, words("segment_traits")),
        "products": lying_bars(products, words("segment_products"), words.axis), "rules": rules, "rules_why": why,
    }  # fmt: skip


def rules_page(shop: Shop, words: Words, wanted: Filter) -> Values:
    """Rules that pass a filter, as a net and as a table."""
    _, found = segmented(shop)
    made = [(bundle.product, shop.name_of(bundle.product), bundle.partner, shop.name_of(bundle.partner))
            for bundle in shop.state.bundles.list()]  # fmt: skip
    values: Values = {"wanted": wanted, "bundles": made, "segments": found.labels if found else (), "why": ""}
    try:
        shown = rules_of(shop, wanted)
    except DataError as error:
        return values | {"rows": [], "why": refusal_said(error, words.language), "net": "", "told": ""}
    pairs: dict[frozenset[str], Link] = {}
    for row in shown.rows:
        key = frozenset((row["if"], row["then"]))
        if len(key) == 2 and len(pairs) < _STRINGS and key not in pairs:
            title = f"{row['if']} – {row['then']}: {words('lift_times', count=words.fixed(row['lift'], 1))}"
            pairs[key] = Link(one=row["if"], other=row["then"], strength=row["lift"] ** 0.5, title=title)
    return values | {
        "rows": [_rule(row, words) for row in shown.rows], "net": net(list(pairs.values()), words("rules_net")),
        "told": words("rules_told", passing=words.number(shown.passing), tested=words.number(shown.tested),
                      orders=words.number(shown.orders), days=words.number(shown.days)),
    }  # fmt: skip


def _rule(row: Values, words: Words) -> Values:
    return {
        "if": row["if"], "then": row["then"], "orders": words.number(row["orders"]),
        "support": words.share(row["support"]), "confidence": words.share(row["confidence"]),
        "lift": words.fixed(row["lift"], 2), "p": _tiny(row["holm"]), "false": _tiny(row["false_share"]),
        "conviction": "∞" if row["conviction"] is None else words.fixed(row["conviction"], 2),
        "product": row.get("product", ""), "partner": row.get("partner", ""),
    }  # fmt: skip


def _tiny(p: float) -> str:
    """A p-value: 0.031, 2e-16."""
    return "< 1e-300" if p < 1e-300 else f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"


def _refused(facts: Values, words: Words) -> list[tuple[str, str]]:
    return [(words(f"segments_part_{name}"), why) for name, why in facts["refused"].items()]


def _card(number: int, one: Values, words: Words) -> Values:
    means = one["means"]
    return {
        "colour": number, "label": one["label"], "name": one["name"], "people": people(words, one["people"]),
        "share": words.share(one["people_share"]), "spend_share": words.share(one["spend_share"]),
        "facts": [(field_said(name, words.language), said_value(name, means[name], words))
                  for name in _COMPARED[:6] if name in means],
    }  # fmt: skip


def said_value(field: str, value: float, words: Words) -> str:
    """A number of the portraits with its unit."""
    if field in _MONEY:
        return words.money(value)
    if field.endswith("_share") or ":" in field:
        return words.share(value)
    return words.number(value, 1)


def _sure(facts: Values, words: Words) -> str:
    trials = facts["trials"]
    kept = next(one for one in trials["tried"] if one["k"] == trials["kept"])
    return words("segments_sure", k=kept["k"], ari=words.fixed(kept["ari"], 2), low=words.fixed(kept["ari_low"], 2),
                 high=words.fixed(kept["ari_high"], 2), silhouette=words.fixed(kept["silhouette"], 2),
                 gap=trials["gap_would_keep"])  # fmt: skip


def _trials(facts: Values, words: Words) -> Values:
    trials = facts["trials"]
    rows = [Range(label=words("segments_k", k=one["k"]), value=one["ari"], low=max(one["ari_low"], 0),
                  high=one["ari_high"], mark="ours" if one["k"] == trials["kept"] else "")
            for one in trials["tried"]]  # fmt: skip
    table = [(one["k"], one["k"] == trials["kept"], words.fixed(one["silhouette"], 3), words.fixed(one["gap"], 3),
              words.fixed(one["gap_error"], 3), words.fixed(one["ari"], 3)) for one in trials["tried"]]  # fmt: skip
    return {"chart": ranges(rows, words("segments_stability"), base=0.8), "rows": table}


def _map(found: Segmented, facts: Values, words: Words) -> Any:
    points = [Spot(x=float(x), y=float(y), colour=int(group))
              for (x, y), group in zip(found.points.tolist(), found.point_groups.tolist(), strict=True)]  # fmt: skip
    axes = [one["text"] for one in facts["components"][:2]]
    return spots(points, words("segments_map"), *axes) if len(axes) == 2 else ""


def _compared(found: Segmented, facts: Values, words: Words) -> list[Values]:
    """One block of bars a number: each group's mean."""
    made = []
    for name in _COMPARED:
        if name not in found.means:
            continue
        bars = [Point(label=one["label"], value=one["means"].get(name, 0.0),
                      title=said_value(name, one["means"].get(name, 0.0), words))
                for one in facts["segments"]]  # fmt: skip
        label = field_said(name, words.language)
        made.append({"label": label, "bars": lying_bars(bars, label, words.axis)})
    return made


def _flows(facts: Values, words: Words) -> Values | None:
    steps = facts["flows"]
    if not steps:
        return None
    names = {one["label"]: f"{one['label']} {one['name']}" for one in facts["segments"]}
    names |= {NEW: words("segments_new"), GONE: words("segments_gone")}
    order = [one["label"] for one in facts["segments"]] + [NEW, GONE]
    flows = [
        Ribbon(step=step, before=flow["before"], after=flow["after"], size=float(flow["people"] or 0),
               title=f"{names[flow['before']]} → {names[flow['after']]}: {people(words, flow['people'])}")
        for step, one in enumerate(steps) for flow in one["flows"]
    ]  # fmt: skip
    days = [words.day(steps[0]["from"]), *(words.day(one["to"]) for one in steps)]
    short = {name: _cut(text) for name, text in names.items()}
    return {"chart": ribbons(flows, order, days, short, words("segments_flows")),
            "hidden": [people(words, one["hidden"]) for one in steps]}  # fmt: skip


def _cut(text: str) -> str:
    """A name that fits beside the flows: a Chinese character is as wide as two letters."""
    ends = list(accumulate(2 if east_asian_width(letter) in "WF" else 1 for letter in text))
    if not ends or ends[-1] <= _BESIDE:
        return text
    return text[: sum(end < _BESIDE for end in ends)] + "…"


def _bands(facts: Values, words: Words) -> list[Values]:
    return [
        {"band": words(f"band_{one['band']}"), "people": people(words, one["people"]),
         "mean": words.money(one["mean_minor"]), "share": words.share(one["spend_share"]),
         "above": words.money(one["from_minor"]) if one["from_minor"] is not None else ""}
        for one in facts.get("spending", [])
    ]  # fmt: skip


def _rfm(facts: Values, words: Words) -> Any:
    grid = facts.get("rfm", [])
    if not grid:
        return ""
    top = max((one["people"] or 0 for one in grid), default=1) or 1
    rows = [
        [Cell(strength=(one["people"] or 0) / top, text=words.number(one["people"]) if one["people"] else "<20",
              title=words("rfm_cell", recency=one["recency"], frequency=one["frequency"],
                          people=people(words, one["people"]), mean=words.money(one["mean_minor"])))
         for one in grid[start:start + 5]] for start in range(0, 25, 5)
    ]  # fmt: skip
    names = [words("rfm_recency", score=5 - place) for place in range(5)]
    return cells(rows, names, [words("rfm_frequency", score=5 - place) for place in range(5)], words("rfm_title"))


def _mixture(facts: Values, words: Words) -> list[tuple[str, str, str]]:
    found = facts.get("mixture")
    if not found:
        return []
    return [(words.share(one["weight"]), people(words, one["people"]), words.money(one["mean_minor"]))
            for one in found["groups"]]  # fmt: skip
