"""All association rules of baskets of named items."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.learn.recommend.rule_mining import Rules, basket_table, mine


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRules:
    """Rules, strongest lift first (ties: more baskets, then the names), with the names of what they are about."""

    rules: Rules
    names: tuple[str, ...]
    order: tuple[int, ...]
    separator: str

    def __len__(self) -> int:
        return len(self.order)

    def rows(self) -> Iterator[tuple[str, str, float, float, float]]:
        """``antecedent, consequent, support, confidence, lift``; a side's items are in alphabetical order."""
        found, confidence = self.rules, _confidence(self.rules)
        lift = confidence / found.consequent_support
        for row in self.order:
            sides = self._side(found.antecedents[row]), self._side(found.consequents[row])
            yield (*sides, float(found.support[row]), float(confidence[row]), float(lift[row]))

    def _side(self, items: Sequence[int]) -> str:
        # Names are numbered in alphabetical order and a side's numbers ascend.
        return self.separator.join(self.names[item] for item in items if item >= 0)


def mine_rules(
    baskets: Sequence[Sequence[str]], *, support: float = 0.001, confidence: float = 0.0,
    max_length: int | None = None, separator: str = "|",
) -> NamedRules:  # fmt: skip
    """Every rule with at least this support and confidence, both sides of any length.

    Raises:
        DataError: an item's name contains the separator, so that the result couldn't be read back.
    """
    names = sorted({item for basket in baskets for item in basket})
    for name in names:
        if separator in name:
            raise DataError("benchmark_separator", item=name, separator=separator)
    number = {name: index for index, name in enumerate(names)}
    table = basket_table([[number[item] for item in basket] for basket in baskets], len(names))
    found = mine(table, min_support=support, min_confidence=confidence * (1 - 1e-9), max_length=max_length)
    sides = np.concatenate([found.antecedents, found.consequents], axis=1)
    order = np.lexsort((*sides.T[::-1], -found.count, -found.lift))
    kept = order[_confidence(found)[order] >= confidence]
    return NamedRules(rules=found, names=tuple(names), order=tuple(kept.tolist()), separator=separator)


def _confidence(rules: Rules) -> NDArray[np.float64]:
    """Support over the antecedent's support, rounded as mlxtend does, so that a floor keeps the same rules."""
    confidence: NDArray[np.float64] = rules.support / rules.antecedent_support
    return confidence
