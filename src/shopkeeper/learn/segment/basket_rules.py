"""What is bought together, in the whole shop and in each segment, with how sure that is.

Every rule that is frequent enough is tested, before any filter, so that the correction counts all that were looked at.
Orders of one customer are not independent of each other, so p-values are a little too small; a rule therefore also
needs orders of at least 20 different customers, which keeps everybody's basket their own as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from shopkeeper.core.action import Action
from shopkeeper.core.errors import DataError
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Bool, Histories, Int32, Int64
from shopkeeper.core.ports import Snapshot
from shopkeeper.learn.recommend.rule_mining import Rules, mine, presence
from shopkeeper.learn.snapshot import microseconds
from shopkeeper.measure.association import benjamini_hochberg, fisher_greater, holm

NAME: Final = "basket_rules"
"""Under this name the rules are kept beside the shop's recommenders."""
LEVELS: Final = ("product", "category")
_COLUMNS: Final = (
    "orders", "people", "support", "confidence", "lift", "conviction", "p", "holm", "false_share",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable:
    """Rules "who buys all of the antecedent also buys the consequent", strongest first. Shapes (rules,)."""

    antecedent: Int32
    """(rules, longest) indices of ``items``, -1 where shorter."""
    consequent: Int32
    orders: Int64
    """With both sides."""
    people: Int64
    """Different customers with such an order."""
    support: NDArray[np.float64]
    confidence: NDArray[np.float64]
    lift: NDArray[np.float64]
    conviction: NDArray[np.float64]
    """inf where the rule never fails."""
    p: NDArray[np.float64]
    """Fisher's exact test, one-sided."""
    holm: NDArray[np.float64]
    false_share: NDArray[np.float64]
    """Benjamini-Hochberg."""

    def __len__(self) -> int:
        return len(self.consequent)

    def rows(self, which: NDArray[Any]) -> "RuleTable":
        """Some of the rules."""
        return RuleTable(**{name: getattr(self, name)[which] for name in self.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketRules:
    """Mines orders of the last ``days`` days.

    Source: Agrawal, Srikant (1994); Brin, Motwani, Ullman, Tsur (1997) for conviction; and see ``measure.association``.
    """

    days: float = 365.0
    min_orders: int = 30
    """Fewest orders with all products of a rule; in a segment half as many."""
    min_share: float = 0.0002
    """And the least share of the orders; the stricter of the two floors holds."""
    floor: int = 20
    """Fewest different customers."""
    most: int = 1_500
    """At most so many rules a table, the strongest."""
    max_basket: int = 100

    def fit(
        self, known: Snapshot, *, groups: Mapping[str, str] | None = None, seed: int = 0  # noqa: ARG002
    ) -> "FoundRules":  # fmt: skip
        """Rules of products, of categories (second level, else the widest), and of categories in each group of people.

        Raises:
            DataError: no orders (``no_orders_known``).
        """
        catalogue, histories = known.catalogue(), known.histories()
        bought = _recent(histories, microseconds(known.moment) - int(self.days * MICROSECONDS_PER_DAY))
        if not bought.events:
            raise DataError("no_orders_known", needed=1, have=0)
        level = catalogue.categories[min(1, len(catalogue.categories) - 1)]
        names, of_product = np.unique(np.array([str(name) for name in level]), return_inverse=True)
        person, basket = _baskets(bought)
        label = np.array([(groups or {}).get(key, "") for key in bought.people.tolist()])
        tables: dict[str, RuleTable] = {}
        counted: dict[str, tuple[int, int]] = {}
        items = of_product.reshape(-1)[bought.product].astype(np.int32)
        named = names[items] != ""
        every = np.ones(len(basket), np.bool_)
        for key, use, item, width in (
            ("product", every, bought.product, len(catalogue)),
            ("category", named, items, len(names)),
        ):
            tables[key], counted[key] = self._table(person, basket, item, width, use, self.min_orders)
        for group in sorted(set(label.tolist()) - {""}):
            key = f"category:{group}"
            mine_too = named & (label[person] == group)
            tables[key], counted[key] = self._table(person, basket, items, len(names), mine_too, self.min_orders // 2)
        return FoundRules(tables=tables, counted=counted, categories=tuple(names.tolist()), days=self.days)

    def _table(
        self, person: Int32, basket: Int64, item: Int32, width: int, use: Bool, least: int
    ) -> tuple[RuleTable, tuple[int, int]]:
        """The strongest rules of some lines, and how many orders and rules were looked at."""
        who, numbered = _numbered(person[use], basket[use])
        table = _capped(numbered, item[use], (len(who), width), self.max_basket)
        floor = max(least, int(np.ceil(self.min_share * len(who))), 2)
        rules = mine(table, min_support=floor, max_length=2)
        found = _tested(rules)
        keep = np.flatnonzero((rules.lift > 1) & (found.false_share <= 0.2))
        strength = found.lift[keep] * np.sqrt(found.orders[keep])
        found = found.rows(keep[np.argsort(-strength, kind="stable")[: self.most * 2]])
        found = _with_people(found, table.tocsc(), who)
        return found.rows(np.flatnonzero(found.people >= self.floor)[: self.most]), (len(who), len(rules))


def _recent(histories: Histories, since: int) -> Histories:
    return histories.keep((histories.action == Action.ORDER) & (histories.order >= 0) & (histories.at >= since))


def _baskets(bought: Histories) -> tuple[Int32, Int64]:
    """(lines,) the person's row and a number of the order."""
    person = bought.row_of_event()
    wide = int(bought.order.max(initial=0)) + 1
    return person, person.astype(np.int64) * wide + bought.order


def _numbered(person: Int32, basket: Int64) -> tuple[Int32, Int64]:
    """Whose each order is, and the lines' orders numbered without gaps."""
    _, first, number = np.unique(basket, return_index=True, return_inverse=True)
    return person[first], number.reshape(-1).astype(np.int64)


def _capped(number: Int64, item: Int32, shape: tuple[int, int], most: int) -> sp.csr_matrix:
    """Orders by items; an order with more different items gives its first ``most``."""
    table = presence(number, item, shape)
    table.sort_indices()
    place = np.arange(table.nnz) - np.repeat(table.indptr[:-1], np.diff(table.indptr))
    if (place < most).all():
        return table
    row = np.repeat(np.arange(shape[0]), np.diff(table.indptr))
    return presence(row[place < most], table.indices[place < most], shape)


def _tested(rules: Rules) -> RuleTable:
    left = np.round(rules.antecedent_support * rules.baskets).astype(np.int64)
    right = np.round(rules.consequent_support * rules.baskets).astype(np.int64)
    p = fisher_greater(rules.count, left, right, rules.baskets)
    return RuleTable(
        antecedent=rules.antecedents[:, :1], consequent=rules.consequents[:, 0], orders=rules.count,
        people=np.zeros(len(p), np.int64), support=rules.support, confidence=rules.confidence, lift=rules.lift,
        conviction=rules.conviction, p=p, holm=holm(p), false_share=benjamini_hochberg(p),
    )  # fmt: skip


def _with_people(found: RuleTable, columns: sp.csc_matrix, who: Int32) -> RuleTable:
    """The same rules with how many different customers made each."""

    def holders(item: int) -> NDArray[Any]:
        return np.asarray(columns.indices[columns.indptr[item] : columns.indptr[item + 1]])

    seen: dict[tuple[int, int], int] = {}
    people = np.zeros(len(found), np.int64)
    for row, (left, right) in enumerate(zip(found.antecedent[:, 0].tolist(), found.consequent.tolist(), strict=True)):
        pair = (min(left, right), max(left, right))
        if pair not in seen:
            orders = np.intersect1d(holders(left), holders(right), assume_unique=True)
            seen[pair] = len(np.unique(who[orders]))
        people[row] = seen[pair]
    parts = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return RuleTable(**{**parts, "people": people})


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRules:
    """Tables by what they are of: ``product``, ``category``, and ``category:<segment>``."""

    tables: Mapping[str, RuleTable]
    counted: Mapping[str, tuple[int, int]]
    """How many orders and how many rules were looked at."""
    categories: tuple[str, ...]
    days: float

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {
            f"{key}.{name}": getattr(table, name)
            for key, table in self.tables.items()
            for name in ("antecedent", "consequent", *_COLUMNS)
        }

    def facts(self) -> Mapping[str, Any]:
        return {
            "categories": list(self.categories), "days": self.days,
            "counted": {key: list(pair) for key, pair in self.counted.items()},
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "FoundRules":
        tables = {
            key: RuleTable(**{name: arrays[f"{key}.{name}"] for name in ("antecedent", "consequent", *_COLUMNS)})
            for key in facts["counted"]
        }
        counted = {key: (int(pair[0]), int(pair[1])) for key, pair in facts["counted"].items()}
        return cls(tables=tables, counted=counted, categories=tuple(facts["categories"]), days=facts["days"])
