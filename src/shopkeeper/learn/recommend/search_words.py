"""Which products some words speak of: names, categories, brands and tags, in Latin script and Chinese."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Catalogue, Float32, Int32, Int64
from shopkeeper.core.ports import Arrays, Snapshot
from shopkeeper.learn.recommend.popularity import newest_per_pair
from shopkeeper.learn.recommend.product_words import search_words

NAME: Final = "search_words"
_MOST_WORDS: Final = 12
"""Of a longer text the first words are looked for."""
_KNOWN: Final = 0.3
"""How much of a strength is how well known the product is: among many that match the popular come first."""
Match = tuple[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchWords:
    """An inverted index. A product matches as far as it has the words, rare ones counting more; a word of its name
    counts ``name``, one of its categories, brand or tags ``kind``.

    Source: inverse document frequency, Spärck Jones (1972), A statistical interpretation of term specificity.
    """

    name: float = 1.0
    kind: float = 0.9

    def learn(self, known: Snapshot) -> "SearchWordsModel":
        catalogue, events = known.catalogue(), known.histories()
        names = _table(catalogue.names.tolist())
        kinds = _table(_kinds(catalogue))
        words = sorted({*names, *kinds})
        place = {word: number for number, word in enumerate(words)}
        shape = (len(words), len(catalogue))
        weight = _matrix(names, place, shape, self.name).maximum(_matrix(kinds, place, shape, self.kind)).tocsr()
        ordered = events.of(Action.ORDER)
        buyers = np.bincount(ordered.product[newest_per_pair(ordered, shape[1])], minlength=shape[1])
        known_by = np.log1p(buyers) / max(float(np.log1p(buyers).max(initial=0.0)), 1e-9)
        having = np.diff(weight.indptr)
        return SearchWordsModel(
            words=np.array(words, np.str_), rarity=np.log1p(shape[1] / np.maximum(having, 1)).astype(np.float32),
            offsets=weight.indptr.astype(np.int64), product=weight.indices.astype(np.int32),
            weight=weight.data.astype(np.float32), known=known_by.astype(np.float32),
        )  # fmt: skip


def _kinds(catalogue: Catalogue) -> list[str]:
    tags = [""] * len(catalogue) if catalogue.tags is None else [_plain(tags) for tags in catalogue.tags.tolist()]
    columns = [*(level.tolist() for level in catalogue.categories), catalogue.brands.tolist(), tags]
    return [" ".join(parts) for parts in zip(*columns, strict=True)]


def _plain(tags: object) -> str:
    """The words of a product's tags: the values of a JSON list or object, or the text itself."""
    text = str(tags or "")
    if not text.startswith(("[", "{")):
        return text
    told = json.loads(text)
    return " ".join(map(str, told.values() if isinstance(told, dict) else told))


def _table(texts: Sequence[object]) -> dict[str, list[int]]:
    """word -> products whose text has it; a text that comes again and again is cut once."""
    cut = {text: search_words(str(text)) for text in set(texts)}
    found: dict[str, list[int]] = {}
    for product, text in enumerate(texts):
        for word in cut[text]:
            found.setdefault(word, []).append(product)
    return found


def _matrix(table: Mapping[str, list[int]], place: Mapping[str, int], shape: tuple[int, int], weight: float) -> Any:
    word = np.repeat([place[word] for word in table], [len(products) for products in table.values()]).astype(np.int64)
    product = np.fromiter((product for products in table.values() for product in products), np.int64, len(word))
    return sparse.csr_matrix((np.full(len(word), weight, np.float32), (word, product)), shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchWordsModel:
    """Word ``w`` (of ``words``, ascending) owns ``product[offsets[w]:offsets[w + 1]]`` and their weights."""

    words: NDArray[np.str_]
    rarity: Float32
    offsets: Int64
    product: Int32
    weight: Float32
    known: Float32
    """(products,) how well known each is, 0 to 1."""
    _found: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # of the arrays and not of this model: a model that remembers itself stays until all memory is searched for such
        object.__setattr__(self, "_found", lru_cache(2_000)(partial(_find, self.arrays())))
        if any("\u3400" <= word[:1] <= "\u9fff" for word in self.words[-1:].tolist()):
            search_words("掌柜")  # the Chinese dictionary is read now, not while somebody waits

    def find(self, text: str, count: int = 20) -> tuple[Match, ...]:
        """(product, how well it matches: 0 to 1) of the best, best first; none where no word is known."""
        found: tuple[Match, ...] = self._found(text.casefold().strip(), count)
        return found

    def arrays(self) -> Arrays:
        return {name: getattr(self, name) for name in ("words", "rarity", "offsets", "product", "weight", "known")}

    def facts(self) -> Mapping[str, Any]:
        return {}

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "SearchWordsModel":  # noqa: ARG003 - all is in the arrays
        return cls(**dict(arrays))


def _find(index: Arrays, text: str, count: int) -> tuple[Match, ...]:
    words, rarity, offsets = index["words"], index["rarity"], index["offsets"]
    asked = list(dict.fromkeys(search_words(text)))[:_MOST_WORDS]
    if not asked or not len(words):
        return ()
    place = np.minimum(np.searchsorted(words, asked), len(words) - 1)
    here = place[words[place] == np.array(asked)]
    unknown = (len(asked) - len(here)) * float(rarity.max())  # nobody says it: as rare as a word can be
    whole = float(rarity[here].sum()) + unknown
    cuts = [slice(int(offsets[word]), int(offsets[word + 1])) for word in here]
    if not cuts:
        return ()
    product = np.concatenate([index["product"][cut] for cut in cuts])
    said = [index["weight"][cut] * rarity[word] for cut, word in zip(cuts, here, strict=True)]
    own, at = np.unique(product, return_inverse=True)
    strength = np.bincount(at, np.concatenate(said)) / whole * (1 - _KNOWN + _KNOWN * index["known"][own])
    best = np.argsort(-strength, kind="stable")[:count]
    return tuple(zip(own[best].tolist(), strength[best].tolist(), strict=True))
