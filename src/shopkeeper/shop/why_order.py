"""What the learned order did to a list that was shown: where the mix of models had each product, where the trees put
it, and what moved it."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from shopkeeper.core.decision import Decision
from shopkeeper.core.errors import NotFound
from shopkeeper.core.shortlist import SAYS, Float64, Shortlist, Words
from shopkeeper.decide.order import moment_of
from shopkeeper.learn.loading import restored
from shopkeeper.learn.rank.ranker import NAME, RankerModel
from shopkeeper.shop.shop import Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One shown product. Places are among all candidates, 1 = first, before dice were thrown and likeness was looked
    at."""

    place: int
    """By the mix of models."""
    ranked_place: int
    """By the trees."""
    because: Mapping[str, float] | None
    """What each thing that the trees look at added to its score, against the mean of all they learned from: the sum is
    what they said. None where the trees are gone with their version, or would say something else today."""


def moved(shop: Shop, decision: Decision) -> list[Moved | None]:
    """Each choice of a decision; None where no trees put it in order."""
    ranked = [number for number, choice in enumerate(decision.choices) if "ranked" in choice.features]
    found: list[Moved | None] = [None] * len(decision.choices)
    if not ranked:
        return found
    listed, trees = _seen(shop, decision, ranked), _trees(shop, decision)
    said = None if trees is None else trees.rank(listed).tolist()
    why = None if trees is None else trees.because(listed)
    for row, number in enumerate(ranked):
        features = decision.choices[number].features
        told = None
        if trees is not None and why is not None and said is not None and said[row] == features["ranked"]:
            told = dict(zip(trees.names, why[row].tolist(), strict=True))
        found[number] = Moved(
            place=int(features["place"]), ranked_place=int(features["ranked_place"]), because=told
        )  # fmt: skip
    return found


def _trees(shop: Shop, decision: Decision) -> RankerModel | None:
    """The trees of the version that decided; None where they are no longer there."""
    try:
        stored = shop.models.model(decision.policy.rpartition("@")[2], NAME)
    except NotFound:
        return None
    if stored is None:
        return None
    trees: RankerModel = restored(stored.use, stored.arrays, stored.facts)
    return trees


def _seen(shop: Shop, decision: Decision, which: list[int]) -> Shortlist:
    """Some choices as the trees saw them."""
    request, size, catalogue = decision.request, len(which), shop.serving.catalogue
    choices = [decision.choices[number] for number in which]
    rows = [{**{f"{SAYS}{name}": value for name, value in one.parts.items()}, **one.features} for one in choices]
    names = {name for row in rows for name in row}
    numbers: dict[str, Float64] = {
        name: np.array([row.get(name, 0.0 if name.startswith(SAYS) else np.nan) for row in rows]) for name in names
    }
    when = moment_of(request.at, ZoneInfo(shop.settings.shop.timezone))
    widest = catalogue().categories
    shelf = [
        str(widest[0][catalogue.index[one.item]]) if widest and one.item in catalogue.index else "" for one in choices
    ]
    return Shortlist(
        size=size, numbers={**numbers, **{name: np.full(size, value) for name, value in when.items()}},
        words={
            "placement": Words.same(request.placement, size), "device": Words.same(request.device, size),
            "category": Words.of(shelf),
        },
    )  # fmt: skip
