"""What is known of a customer and a product before a rating: numbers that the classical learners learn from.

Of the customer everything before the rating's own moment is used; of the product what the teaching ratings say, and for
a teaching rating itself only those before it. So no rating ever says anything of itself.

Source: shrunk means and deviations: Koren, Bell, Volinsky (2009), Matrix factorization techniques for recommender
systems; Bell, Koren (2007), Scalable collaborative filtering with jointly derived neighborhood interpolation weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.rating.rated import Int64, Mask, Ratings, Words, before

PRODUCT_PRIOR: Final = 5.0
"""So many ratings of the shop's mean are added to each product's."""
OWN_PRIOR: Final = 5.0
WORD_PRIOR: Final = 3.0
_SHOP_WORD_PRIOR: Final = 20.0
NAMES: Final = (
    "product_stars", "product_ratings", "word_stars", "own_shift", "own_ratings", "own_spread", "own_lately",
    "word_shift", "word_ratings",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the teaching ratings say of the shop, of each product and of each word."""

    mean: float
    total: Float64
    """(products,) the sum of stars above the shop's mean."""
    count: Float64
    word_total: Float64
    word_count: Float64
    words: Words

    @classmethod
    def of(cls, taught: Ratings, products: int, words: Words) -> "Asking":
        """Learned from the teaching ratings."""
        mean = float(taught.stars.mean())
        above = taught.stars - mean
        row, word = words.of_rows(taught.product)
        many = len(words.names)
        return cls(
            mean=mean, total=np.bincount(taught.product, above, minlength=products).astype(np.float64),
            count=np.bincount(taught.product, minlength=products).astype(np.float64), words=words,
            word_total=np.bincount(word, above[row], minlength=many).astype(np.float64),
            word_count=np.bincount(word, minlength=many).astype(np.float64),
        )  # fmt: skip

    def columns(self, ratings: Ratings, taught: Mask | None = None) -> Columns:
        """(rows, ``NAMES``) of each rating; ``taught`` marks those that ``of`` learned from."""
        own = np.zeros(len(ratings), np.bool_) if taught is None else taught
        known = ratings.product >= 0
        above = np.where(np.isfinite(ratings.stars), ratings.stars - self.mean, 0.0)
        total, count = self._of_products(ratings, own, known, above)
        product = total / (count + PRODUCT_PRIOR)
        row, word = self.words.of_rows(ratings.product)
        usual = self._of_words(row, word, own, above, len(ratings))
        # what others give the product does not depend on the rows asked for, so a customer's shift may use it
        shift = np.where(np.isfinite(ratings.stars), above - self._final(ratings.product), 0.0)
        gave = np.isfinite(ratings.stars).astype(np.float64)
        sums, squares, times = before(ratings.customer, ratings.at, shift, shift**2, gave)
        own_shift = sums / (times + OWN_PRIOR)
        spread = np.sqrt(np.maximum(squares / np.maximum(times, 1) - (sums / np.maximum(times, 1)) ** 2, 0.0))
        taste, rated = self._tastes(ratings, row, word, shift, gave, own_shift)
        return Columns(names=NAMES, values=np.stack([
            product, np.log1p(count), usual, own_shift, np.log1p(times), np.where(times > 1, spread, np.nan),
            _lately(ratings, shift, gave), taste, np.log1p(rated),
        ], axis=1))  # fmt: skip

    def _final(self, product: Int64) -> Float64:
        """(rows,) a product's stars above the mean, shrunk; 0 for one that is not known."""
        shrunk = self.total / (self.count + PRODUCT_PRIOR)
        return np.where(product >= 0, shrunk[product], 0.0) if len(shrunk) else np.zeros(len(product))

    def _of_products(self, ratings: Ratings, own: Mask, known: Mask, above: Float64) -> tuple[Float64, Float64]:
        place = np.maximum(ratings.product, 0)
        total = np.where(known, self.total[place], 0.0) if len(self.total) else np.zeros(len(ratings))
        count = np.where(known, self.count[place], 0.0) if len(self.count) else np.zeros(len(ratings))
        mine = np.flatnonzero(own)
        order = mine[np.lexsort((ratings.at[mine], ratings.product[mine]))]
        sums, times = before(ratings.product[order], ratings.at[order], above[order], np.ones(len(order)))
        total[order], count[order] = sums, times
        return total, count

    def _of_words(self, row: Int64, word: Int64, own: Mask, above: Float64, rows: int) -> Float64:
        """(rows,) the mean over a product's words of what their products get above the mean, without its own rating."""
        mine = own[row]
        total, count = self.word_total[word] - np.where(mine, above[row], 0.0), self.word_count[word] - mine
        return _mean_by_row(row, total / (count + _SHOP_WORD_PRIOR), rows)

    def _tastes(
        self, ratings: Ratings, row: Int64, word: Int64, shift: Float64, gave: Float64, own_shift: Float64
    ) -> tuple[Float64, Float64]:
        """(rows,) how much more than usual the customer gave to products that share words, and how many those were."""
        many = max(len(self.words.names), 1)
        group = ratings.customer[row] * many + word
        order = np.lexsort((ratings.at[row], group))
        more = (shift - own_shift)[row] * gave[row]
        sums, times = before(group[order], ratings.at[row][order], more[order], gave[row][order])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        shrunk = (sums / (times + WORD_PRIOR))[back]
        return _mean_by_row(row, shrunk, len(ratings)), _mean_by_row(row, times[back], len(ratings))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"total": self.total, "count": self.count, "word_total": self.word_total, "word_count": self.word_count,
                "offsets": self.words.offsets, "word": self.words.word}  # fmt: skip

    def facts(self) -> Mapping[str, Any]:
        return {"mean": self.mean, "words": list(self.words.names)}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Asking":
        words = Words(names=tuple(facts["words"]), offsets=arrays["offsets"], word=arrays["word"])
        names = ("total", "count", "word_total", "word_count")
        return cls(mean=facts["mean"], words=words, **{name: arrays[name] for name in names})


def _mean_by_row(row: Int64, values: Float64, rows: int) -> Float64:
    sums, counts = np.bincount(row, values, minlength=rows), np.bincount(row, minlength=rows)
    return np.asarray(sums / np.maximum(counts, 1), np.float64)


_LATELY: Final = 5


def _lately(ratings: Ratings, shift: Float64, gave: Float64) -> Float64:
    """(rows,) the customer's shift over the five ratings before, drawn to none by two."""
    sums, times = before(ratings.customer, ratings.at, shift, gave)
    index = np.arange(len(ratings))
    first = np.r_[True, ratings.customer[1:] != ratings.customer[:-1]] if len(ratings) else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(first, index, 0)) if len(ratings) else index
    earlier = np.maximum(index - _LATELY, start)
    return np.asarray((sums - sums[earlier]) / (times - times[earlier] + 2.0), np.float64)
