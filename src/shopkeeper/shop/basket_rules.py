"""What is bought together: mined with the other models, filtered for the command line, the API and the console."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shopkeeper.core.errors import DataError, NotFound
from shopkeeper.data.model_store import Bundle, StoredModel
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.loading import path_of
from shopkeeper.learn.segment.basket_rules import NAME, BasketRules, FoundRules
from shopkeeper.learn.segment.segmenting import Segmented
from shopkeeper.shop.of_version import is_outdated, of_version
from shopkeeper.shop.shop import Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which rules to show. ``segment``: only categories have rules in segments."""

    level: str = "category"
    segment: str = ""
    text: str = ""
    min_confidence: float = 0.0
    min_lift: float = 1.0
    max_false_share: float = 0.05
    most: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRules:
    """Rules that pass a filter, and out of how many."""

    rows: list[dict[str, Any]]
    passing: int
    orders: int
    tested: int
    days: float
    version: str


def fit_rules(shop: Shop, known: LakeSnapshot, found: Segmented, *, seed: int = 0) -> dict[str, StoredModel]:
    """The rules as they are stored; nothing where no order may be learned from."""
    portraits = found.portraits(shop.snapshot(known.moment, learning=True), frozenset(known.may_train()))
    groups = dict(zip(portraits.people.tolist(), found.labels_of(portraits), strict=True))
    try:
        rules = BasketRules().fit(known, groups=groups, seed=seed)
    except DataError as error:
        if error.key != "no_orders_known":
            raise
        return {}
    return {NAME: StoredModel(use=path_of(rules), facts=rules.facts(), arrays=rules.arrays())}


def found_rules(shop: Shop) -> tuple[str, FoundRules, list[str]]:
    """The current version, its rules, and the ids of its products.

    Raises:
        DataError: nothing was trained yet (``rules_not_trained``), or by another release (``model_outdated``).
    """
    version, found = of_version(shop, NAME, _read)
    if found is None:
        raise DataError("model_outdated", model=NAME) if is_outdated(shop, NAME) else DataError("rules_not_trained")
    return version, *found


def _read(bundle: Bundle) -> tuple[FoundRules, list[str]] | None:
    stored = bundle.models.get(NAME)
    if stored is None:
        return None
    return FoundRules.restore(stored.arrays, stored.facts), bundle.catalogue.ids.tolist()


def rules_of(shop: Shop, wanted: Filter) -> ShownRules:
    """The rules that pass a filter, strongest first.

    Raises:
        DataError: nothing was trained yet.
        NotFound: no such segment (``unknown_segment``).
    """
    version, found, ids = found_rules(shop)
    key = f"category:{wanted.segment}" if wanted.segment else wanted.level
    table = found.tables.get(key)
    if table is None:
        known = ", ".join(sorted(name.partition(":")[2] for name in found.tables if ":" in name)) or "-"
        raise NotFound("unknown_segment", segment=wanted.segment[:20] or wanted.level[:20], known=known)
    products = key == "product"

    def name(item: int) -> str:
        return shop.name_of(ids[item]) if products else found.categories[item]

    keep = np.flatnonzero(
        (table.confidence >= wanted.min_confidence) & (table.lift >= wanted.min_lift)
        & (table.false_share <= wanted.max_false_share)
    )  # fmt: skip
    text = wanted.text.strip().lower()
    if text:
        sides = (table.antecedent[:, 0], table.consequent)
        keep = np.array(
            [row for row in keep.tolist() if any(text in name(int(side[row])).lower() for side in sides)], int
        )
    orders, tested = found.counted[key]
    rows = []
    for row in keep[: wanted.most].tolist():
        left, right = int(table.antecedent[row, 0]), int(table.consequent[row])
        told: dict[str, Any] = {"if": name(left), "then": name(right)}
        if products:
            told |= {"product": ids[left], "partner": ids[right]}
        told |= {column: _plain(getattr(table, column)[row]) for column in
                 ("orders", "support", "confidence", "lift", "conviction", "p", "holm", "false_share")}  # fmt: skip
        rows.append(told)
    return ShownRules(rows=rows, passing=len(keep), orders=orders, tested=tested, days=found.days, version=version)


def _plain(value: Any) -> float | int | None:
    """JSON has no infinity: null (a rule that never fails)."""
    found: float | int = value.item()
    return None if isinstance(found, float) and not np.isfinite(found) else found


def rules_facts(found: ShownRules) -> Mapping[str, Any]:
    """Rules as JSON values."""
    return {
        "version": found.version, "orders": found.orders, "days": found.days, "tested": found.tested,
        "passing": found.passing, "rules": found.rows,
    }  # fmt: skip
