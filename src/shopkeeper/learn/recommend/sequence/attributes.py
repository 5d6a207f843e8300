"""What is known of products besides who bought them, as lists of codes: categories, brand, or free attributes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shopkeeper.core.histories import Catalogue, Float32, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Product ``p`` has the codes ``code[offsets[p]:offsets[p + 1]]``, each of ``count`` different ones."""

    offsets: Int64
    code: Int64
    count: int

    @property
    def sizes(self) -> Int64:
        return np.diff(self.offsets)

    def weight(self) -> Float32:
        """(codes,) one over the root of how many its product has, so that a sum has the length of one vector."""
        return (1.0 / np.sqrt(np.repeat(self.sizes, self.sizes))).astype(np.float32)

    @classmethod
    def none(cls, products: int) -> "Attributes":
        return cls(offsets=np.zeros(products + 1, np.int64), code=np.zeros(0, np.int64), count=0)

    @classmethod
    def of_pairs(cls, product: Int64, name: Sequence[str], products: int) -> "Attributes":
        """From (product, attribute's name) pairs; an attribute of one product only says nothing and is left out."""
        names, code = np.unique(np.array(name, np.str_), return_inverse=True)
        pairs = np.unique(np.stack([product, code.astype(np.int64)], axis=1), axis=0) if len(name) else None
        if pairs is None:
            return cls.none(products)
        shared = np.bincount(pairs[:, 1], minlength=len(names)) > 1
        pairs = pairs[shared[pairs[:, 1]]]
        offsets = np.zeros(products + 1, np.int64)
        np.cumsum(np.bincount(pairs[:, 0], minlength=products), out=offsets[1:])
        return cls(offsets=offsets, code=(np.cumsum(shared) - 1)[pairs[:, 1]], count=int(shared.sum()))

    @classmethod
    def of_catalogue(cls, catalogue: Catalogue) -> "Attributes":
        """Every category level and the brand; a category is the same one only on the same level."""
        product, name = [], []
        for label, texts in [
            *((f"{level}", texts) for level, texts in enumerate(catalogue.categories)),
            ("brand", catalogue.brands),
        ]:
            known = np.flatnonzero(texts != "")
            product.append(known)
            name += [f"{label}:{text}" for text in texts[known]]
        return cls.of_pairs(np.concatenate(product).astype(np.int64), name, len(catalogue))

    @classmethod
    def of_names(cls, named: Mapping[str, Iterable[str]], numbers: Mapping[str, int]) -> "Attributes":
        """From item -> attributes, of the items that have a number."""
        pairs = [(numbers[item], one) for item, has in named.items() if item in numbers for one in set(has)]
        return cls.of_pairs(np.array([item for item, _ in pairs], np.int64), [one for _, one in pairs], len(numbers))
