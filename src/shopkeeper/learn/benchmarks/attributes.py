"""How like a person's newest items every item is, by free attributes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from shopkeeper.core.histories import Float32, Histories
from shopkeeper.learn.benchmarks.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class AttributeLikeness:
    """``items`` (items, attributes) CSR: attributes weighted by rarity, rows of unit length; none = an empty row."""

    items: Any

    @classmethod
    def of(cls, attributes: Mapping[str, Sequence[str]], items: Vocabulary) -> "AttributeLikeness":
        """``attributes`` of items that are not in the vocabulary are ignored.

        Source: inverse document frequency, Spärck Jones (1972), A statistical interpretation of term specificity.
        """
        pairs = [
            (items.numbers[item], one) for item, has in attributes.items() if item in items.numbers for one in set(has)
        ]
        names = {name: number for number, name in enumerate(sorted({one for _, one in pairs}))}
        rows, columns = [item for item, _ in pairs], [names[one] for _, one in pairs]
        table = sparse.csr_matrix((np.ones(len(pairs), np.float32), (rows, columns)), (len(items), max(len(names), 1)))
        rarity = np.log(max(len(items), 1) / np.maximum(np.asarray(table.sum(axis=0)).ravel(), 1.0))
        table = table @ sparse.diags(rarity.astype(np.float32))
        length = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
        scale = np.divide(1.0, length, out=np.zeros(len(length)), where=length > 0)
        return cls((sparse.diags(scale.astype(np.float32)) @ table).tocsr())

    def score(self, profiles: Histories, decay: float) -> Float32:
        """(people, items) sum over a history of cosine times ``decay ** age``, age 0 being the newest event."""
        weight = decay ** np.minimum(profiles.age_rank(), 60).astype(np.float32)
        shape = (len(profiles), self.items.shape[0])
        history = sparse.csr_matrix((weight, (profiles.row_of_event(), profiles.product)), shape)
        scores: Float32 = ((history @ self.items) @ self.items.T).toarray().astype(np.float32)
        return scores
