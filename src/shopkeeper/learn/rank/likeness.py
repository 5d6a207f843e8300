"""How like a person's newest products every product is, by what is known of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from shopkeeper.core.histories import Float32, Histories
from shopkeeper.learn.recommend.sequence.attributes import Attributes


@dataclass(frozen=True, slots=True)
class AttributeLikeness:
    """``items`` (items, attributes) CSR: attributes weighted by rarity, rows of unit length; none = an empty row."""

    items: Any

    @classmethod
    def of(cls, attributes: Attributes) -> "AttributeLikeness":
        """Source: inverse document frequency, Spärck Jones (1972), A statistical interpretation of term specificity."""
        products = len(attributes.sizes)
        parts = (np.ones(len(attributes.code), np.float32), attributes.code, attributes.offsets)
        table = sparse.csr_matrix(parts, (products, max(attributes.count, 1)))
        rarity = np.log(max(products, 1) / np.maximum(np.asarray(table.sum(axis=0)).ravel(), 1.0))
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
