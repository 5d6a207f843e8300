"""What a shop says of its products beside category and brand, in the forms in which shops export it."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Int64


def tagged(texts: NDArray[np.object_] | None) -> dict[str, Int64]:
    """Each tag in lower case, and the products that have it, ascending. None and empty texts say nothing."""
    found: dict[str, list[int]] = {}
    if texts is not None:
        for product in np.flatnonzero(texts.astype(np.bool_)).tolist():
            for tag in dict.fromkeys(tags_of(str(texts[product]))):
                found.setdefault(tag, []).append(product)
    return {tag: np.array(products, np.int64) for tag, products in found.items()}


def tags_of(text: str) -> Iterator[str]:
    """The tags of one product in lower case: a JSON list's entries, a JSON object's as ``name:value``, or the words
    between commas."""
    try:
        told = json.loads(text) if text[:1] in "[{" else text.split(",")
    except ValueError:
        told = text.split(",")
    for tag in _flat(told):
        if tag.strip():
            yield tag.strip().casefold()


def _flat(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        for name, value in told.items():
            yield from (f"{name}:{one}" for one in _flat(value))
    elif isinstance(told, list):
        for one in told:
            yield from _flat(one)
    elif isinstance(told, bool):
        yield str(told).lower()
    elif told is not None:
        yield str(told)
