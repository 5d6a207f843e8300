"""What the learned order did to a shown product, in words."""

from typing import Any, Final

from shopkeeper.apps.console.words import Words
from shopkeeper.core.shortlist import PLACE, SAYS, WORDS
from shopkeeper.shop.why_order import Moved

_MOST: Final = 6
"""So many of the things that moved a product most are shown."""


def moved_values(how: Moved | None, words: Words) -> dict[str, Any] | None:
    """The sentence of both places, and what moved the product most; None where nothing did."""
    if how is None:
        return None
    most = sorted((how.because or {}).items(), key=lambda pair: -abs(pair[1]))[:_MOST]
    return {
        "sentence": words("moved", place=words.number(how.place), ranked=words.number(how.ranked_place)),
        "gone": how.because is None,
        "because": [(looked_at(name, words), added) for name, added in most if added],
    }


def looked_at(name: str, words: Words) -> str:
    """What trees look at, in words."""
    kind, _, word = name.partition(":")
    if name == "place":
        return words("looked_mixed_place")
    if f"{kind}:" in (SAYS, PLACE):
        return words(f"looked_{kind}", model=words.named("model", word))
    if kind in WORDS:
        return words(f"looked_{kind}", word=words.named("placement", word) if kind == "placement" else word)
    return words.named("looked", name)
