"""What is bought together with what is in the basket, from rules between products."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.decision import Reason
from shopkeeper.core.histories import Bool, Float32, Histories, Int32, Int64
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.rule_mining import Float64, Rules, mine, presence

_WANTED = (Action.ORDER, Action.CART_ADD, Action.CART_VIEW, Action.CHECKOUT, Action.PRODUCT_VIEW, Action.WISHLIST_ADD)
_CONFIDENT = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRules:
    """ "Often bought together": rules with one product to recommend, mined from orders.

    A rule's strength is ``low / share ** popularity_power``: ``low`` is the lower end of the 95 % Wilson interval of
    its confidence (a rule seen three times must not beat one seen three thousand times) and ``share`` the
    recommended product's share of all orders. Power 0 is confidence, which puts what everybody buys beside
    everything; power 1 is lift, which prefers the rare; the default 0.5 lies between, so that a product page shows
    what belongs to the product. Only rules with lift above 1 are kept. Baskets with more than ``max_basket``
    different products give their first ``max_basket`` (by catalogue number): a basket of k products makes k² pairs.

    Source: E. B. Wilson, "Probable inference", JASA 1927; see ``rule_mining`` for the mining.
    """

    min_orders: int = 5
    """Fewest orders with all products of a rule."""
    min_share: float = 0.0
    """And the least share of all orders; the stricter of the two floors holds."""
    min_confidence: float = 0.0
    max_length: int = 2
    """Products of a rule, both sides together; 3 and more take time and memory that grow fast."""
    popularity_power: float = 0.5
    rules_a_product: int = 100
    """At most so many rules, the strongest, of each length start with the same product."""
    max_basket: int = 100
    recent: int = 10
    """A person's newest so many events are the context."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "AssociationRulesModel":  # noqa: ARG002 (nothing is random)
        products = len(known.catalogue())
        baskets, items = _orders(known.histories(), self.max_basket)
        count = int(baskets[-1]) + 1 if len(baskets) else 0
        floor = max(self.min_orders, int(np.ceil(self.min_share * count)), 1)
        table = presence(baskets, items, (count, products))
        rules = mine(table, min_support=floor, min_confidence=self.min_confidence, max_length=self.max_length)
        return _model(rules, products, self)


def _orders(histories: Histories, max_basket: int) -> tuple[Int64, Int32]:
    """Each order's different products as (basket number, product), the basket numbers without gaps."""
    bought = histories.keep((histories.action == Action.ORDER) & (histories.order >= 0))
    wide = int(bought.order.max(initial=0)) + 1
    person_order = bought.row_of_event().astype(np.int64) * wide + bought.order
    place = np.lexsort((bought.product, person_order))
    basket, product = person_order[place], bought.product[place]
    fresh = np.r_[True, (basket[1:] != basket[:-1]) | (product[1:] != product[:-1])][: len(basket)]
    basket, product = basket[fresh], product[fresh]
    starts = np.r_[True, basket[1:] != basket[:-1]][: len(basket)]
    number = np.cumsum(starts) - 1
    kept = np.arange(len(number)) - np.flatnonzero(starts)[number] < max_basket
    return number[kept], product[kept]


def _model(rules: Rules, products: int, how: AssociationRules) -> "AssociationRulesModel":
    single = (rules.consequents >= 0).sum(axis=1) == 1
    keep = np.flatnonzero(single & (rules.lift > 1))
    strength = _low(rules.count[keep], rules.antecedent_support[keep] * rules.baskets)
    strength /= rules.consequent_support[keep] ** how.popularity_power
    first, size = rules.antecedents[keep, 0], (rules.antecedents[keep] >= 0).sum(axis=1)
    place = np.lexsort((rules.consequents[keep, 0], -strength, size, first))
    group = (first.astype(np.int64) * rules.antecedents.shape[1] + size)[place]
    place = place[np.arange(len(place)) - np.searchsorted(group, group) < how.rules_a_product]
    chosen = keep[place]
    return AssociationRulesModel(
        starts=np.searchsorted(first[place], np.arange(products + 1)).astype(np.int64),
        others=rules.antecedents[chosen, 1 : max(how.max_length - 1, 1)].astype(np.int32),
        consequent=rules.consequents[chosen, 0].astype(np.int32), strength=strength[place].astype(np.float32),
        confidence=rules.confidence[chosen].astype(np.float32), lift=rules.lift[chosen].astype(np.float32),
        orders=rules.count[chosen].astype(np.int32), recent=how.recent,
    )  # fmt: skip


def _low(hits: Int64, tries: Float64) -> Float64:
    """The lower end of the Wilson interval of ``hits / tries``."""
    share, square = hits / tries, _CONFIDENT**2
    spread = _CONFIDENT * np.sqrt(share * (1 - share) / tries + square / (4 * tries**2))
    low: Float64 = (share + square / (2 * tries) - spread) / (1 + square / tries)
    return low


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRulesModel:
    """Rules grouped by the antecedent's first product: product ``p`` owns ``starts[p]:starts[p + 1]``,
    short and strong ones first. A rule fires when its whole antecedent is among the person's newest events; a
    product's score is the strength of the strongest rule that fires for it. Shapes are (rules,)."""

    starts: Int64
    """(products + 1,)"""
    others: Int32
    """(rules, most) the rest of the antecedent, -1 where there is none."""
    consequent: Int32
    strength: Float32
    confidence: Float32
    lift: Float32
    orders: Int32
    recent: int

    def score(self, profiles: Histories, now: int) -> Float32:  # noqa: ARG002 (rules do not age)
        products = len(self.starts) - 1
        scores = np.full(len(profiles) * products, np.nan, np.float32)
        row, rule = self._fired(profiles)
        np.fmax.at(scores, row * products + self.consequent[rule], self.strength[rule])
        return scores.reshape(len(profiles), products)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:  # noqa: ARG002
        _, rule = self._fired(profile)
        rule = rule[self.consequent[rule] == product]
        if not len(rule):
            return None
        best = int(rule[np.argmax(self.strength[rule])])
        facts = {
            "product_index": int(np.searchsorted(self.starts, best, side="right")) - 1,
            "confidence": float(self.confidence[best]), "lift": float(self.lift[best]),
            "orders": int(self.orders[best]),
        }  # fmt: skip
        return Reason(key="often_bought_with", facts=facts, scorer="association_rules")

    def _fired(self, profiles: Histories) -> tuple[Int64, Int64]:
        """(row, rule) of every rule that fires; a pair may come twice."""
        row, product = self._context(profiles)
        sizes = self.starts[product + 1] - self.starts[product]
        rule = np.repeat(self.starts[product] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        row = np.repeat(row, sizes)
        if self.others.size:
            held = self._held(row, rule, *self._context(profiles))
            row, rule = row[held], rule[held]
        return row, rule

    def _context(self, profiles: Histories) -> tuple[Int64, Int32]:
        known = np.isin(profiles.action, np.array(_WANTED, np.int8)) & (profiles.product < len(self.starts) - 1)
        wanted = profiles.keep(known & (profiles.product >= 0)).last(self.recent)
        return wanted.row_of_event().astype(np.int64), wanted.product

    def _held(self, row: Int64, rule: Int64, has_row: Int64, has_product: Int32) -> Bool:
        """Whether the rest of each rule's antecedent is in its row's context too."""
        products = len(self.starts) - 1
        held = np.unique(has_row * products + has_product)
        rest = self.others[rule]
        fires: Bool = np.all((rest < 0) | np.isin(row[:, None] * products + rest, held), axis=1)
        return fires

    def arrays(self) -> Arrays:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "recent"}

    def facts(self) -> Mapping[str, Any]:
        return {"recent": self.recent}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "AssociationRulesModel":
        return cls(**dict(arrays), recent=int(facts["recent"]))
