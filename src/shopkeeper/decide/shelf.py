"""A catalogue with its texts turned into numbers, so that rules and choosers need no loop over products."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Catalogue, Int32, Int64
from shopkeeper.decide.tags import tagged

UInt64 = NDArray[np.uint64]
_REMEMBERED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is looked up again and again in one catalogue. Codes are -1 where the text is absent."""

    catalogue: Catalogue
    index_of: Mapping[str, int]
    category_codes: Mapping[str, int]
    categories: tuple[Int32, ...]
    """One (products,) array per level: the code of the category's text, the same word at any level and place."""
    paths: tuple[Int32, ...]
    """One (products,) array per level: the code of the whole path down to this level."""
    brands: Int32
    hashes: UInt64
    """(products,) a hash of the product's id."""
    kinds: Int32
    """(levels + 1, products) the paths, widest first, and the brands: what makes two products alike."""
    judged: dict[int, tuple[object, Bool | None]] = field(init=False, default_factory=dict, repr=False, compare=False)
    """What rules that look at nothing but this catalogue said of it, by the rule's identity."""
    worth: dict[int, tuple[object, NDArray[np.float64]]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )
    """(products,) what the shop's goals add to each product, by the goals' identity."""
    brand_codes: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, Int64] = field(default_factory=dict)
    """Tag in lower case -> the products that have it."""

    def __len__(self) -> int:
        return len(self.catalogue)

    @property
    def depth(self) -> int:
        return len(self.paths)

    def ties(self, which: Int64, day: int) -> UInt64:
        """The order of products with equal scores: fixed for a day, different on the next, unrelated to their index.

        Source: the finisher of splitmix64 (Steele, Lea, Flood 2014).
        """
        mixed = self.hashes[which] + np.uint64(day * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))

    def within(self, categories: tuple[str, ...]) -> Bool:
        """(products,) which belong to one of these categories, at any level."""
        found = np.zeros(len(self), np.bool_)
        for code in {self.category_codes[text] for text in categories if text in self.category_codes}:
            for level in self.categories:
                found |= level == code
        return found

    def of_brands(self, brands: tuple[str, ...]) -> Bool:
        """(products,) which are of one of these brands."""
        codes = [self.brand_codes[text] for text in brands if text in self.brand_codes]
        found: Bool = np.isin(self.brands, codes)
        return found

    def tagged(self, tag: str) -> Bool:
        """(products,) which have a tag; capitals do not matter."""
        found = np.zeros(len(self), np.bool_)
        found[self.tags.get(tag.casefold(), np.zeros(0, np.int64))] = True
        return found

    def indices(self, products: tuple[str, ...]) -> Int64:
        """Catalogue indices of those of the products that the catalogue has."""
        return np.array([self.index_of[item] for item in products if item in self.index_of], np.int64)


def shelf_of(catalogue: Catalogue) -> Shelf:
    """The shelf of a catalogue; made once for as long as its ids, categories and brands are the same arrays."""
    for shelf in _recent:
        if shelf.catalogue is catalogue:
            return shelf
    for shelf in _recent:
        if _same_texts(shelf.catalogue, catalogue):
            return _remember(replace(shelf, catalogue=catalogue))
    return _remember(_make(catalogue))


def _remember(shelf: Shelf) -> Shelf:
    _recent[:] = [shelf, *_recent[: _REMEMBERED - 1]]
    return shelf


_recent: list[Shelf] = []


def _same_texts(one: Catalogue, other: Catalogue) -> bool:
    return all(getattr(one, name) is getattr(other, name) for name in ("ids", "brands", "categories", "tags"))


def _make(catalogue: Catalogue) -> Shelf:
    words: dict[str, int] = {}
    categories = tuple(_codes(level, words) for level in catalogue.categories)
    ids = [str(item) for item in catalogue.ids]
    hashed = b"".join(hashlib.blake2b(item.encode("utf-8", "surrogatepass"), digest_size=8).digest() for item in ids)
    labels: dict[str, int] = {}
    paths, brands = _paths(categories), _codes(catalogue.brands, labels)
    return Shelf(
        catalogue=catalogue, index_of={item: index for index, item in enumerate(ids)}, category_codes=words,
        categories=categories, paths=paths, brands=brands,
        hashes=np.frombuffer(hashed, "<u8").astype(np.uint64), kinds=np.stack([*paths, brands]),
        brand_codes=labels, tags=tagged(catalogue.tags),
    )  # fmt: skip


def _codes(texts: NDArray[np.object_], words: dict[str, int]) -> Int32:
    """Each text's number in ``words``, which grows by the new ones."""
    numbers = (words.setdefault(text, len(words)) if text else -1 for text in texts)
    return np.fromiter(numbers, np.int32, len(texts))


def _paths(levels: tuple[Int32, ...]) -> tuple[Int32, ...]:
    paths: list[Int32] = []
    for level in levels:
        above = paths[-1] if paths else np.zeros(len(level), np.int32)
        pairs = above.astype(np.int64) * (2**31) + level
        known = np.unique(pairs, return_inverse=True)[1].astype(np.int32)
        paths.append(np.where((level < 0) | (above < 0), np.int32(-1), known).astype(np.int32))
    return tuple(paths)
