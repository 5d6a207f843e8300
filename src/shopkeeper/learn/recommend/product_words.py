"""The words of product names, in Latin script and Chinese, as TF-IDF vectors."""

import re
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

_RUNS = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff_]+")


def words(text: str) -> list[str]:
    """Lower-case words and numbers; runs of Chinese characters are cut by jieba's dictionary.

    >>> words("Oat MILK 1L")
    ['oat', 'milk', '1l']
    """
    found: list[str] = []
    for run in _RUNS.findall(text.casefold()):
        found.extend(_chinese().lcut(run) if "\u3400" <= run[0] <= "\u9fff" else [run])
    return found


def search_words(text: str) -> list[str]:
    """Words as they are looked for: of long Chinese words their parts too, of English plurals the singular.

    >>> search_words("Baby DOLLS")
    ['baby', 'doll']
    """
    found: list[str] = []
    for run in _RUNS.findall(text.casefold()):
        found.extend(_chinese().lcut_for_search(run) if "\u3400" <= run[0] <= "\u9fff" else [_singular(run)])
    return found


def _singular(word: str) -> str:
    """Source: the s-stemmer, Harman (1991), How effective is suffixing?"""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("us", "ss")):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "xes", "oes")) else word[:-1]


@cache
def _chinese() -> Any:
    """jieba's cutter: loaded at the first Chinese name, since its dictionary takes a second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(60)
    return jieba.Tokenizer()


def word_vectors(names: Iterable[object], most: int) -> sp.csr_matrix:
    """(products, words) TF-IDF of unit length, then without words that one name alone or more than ``most`` have."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # here: only learning needs it

    texts = [str(name) for name in names]
    if not any(_RUNS.search(text) for text in texts):
        return sp.csr_matrix((len(texts), 0), dtype=np.float32)
    table = TfidfVectorizer(analyzer=words, dtype=np.float32).fit_transform(texts).tocsc()
    shared: NDArray[np.intp] = np.diff(table.indptr)
    return table[:, (shared > 1) & (shared <= most)].tocsr()
