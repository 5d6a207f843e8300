"""What "goes well with" shows in this shop: complements or substitutes, on days that the models do not know."""

from dataclasses import dataclass
from typing import Final

from shopkeeper.core.ports import Progress, quiet
from shopkeeper.decide.placement import placements
from shopkeeper.learn.complements import GoesWith, goes_with, in_baskets, in_visits, kinds_of
from shopkeeper.learn.loading import estimator
from shopkeeper.learn.snapshot import microseconds
from shopkeeper.shop.shop import Shop
from shopkeeper.shop.training import cut_of

_LEVEL: Final = 3
"""The category level that makes a kind, where the placement does not say."""
_SIMILAR: Final = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complements:
    """``baskets`` and ``visits``: how many products were asked about; ``bought_kind`` and ``viewed_kind``: how much of
    what came with them in a basket, in a visit, was of their own kind (NaN: nothing came)."""

    baskets: int
    visits: int
    bought_kind: float
    viewed_kind: float
    plain: tuple[GoesWith, ...]
    other_kind: tuple[GoesWith, ...]
    """With nothing of the product's own kind in the list, as the placement ``goes_with`` shows it."""


def complements(shop: Shop, *, most: int = 2000, seed: int = 0, progress: Progress = quiet) -> Complements:
    """The model of ``goes_with`` beside that of product pages, likeness and the popular list, on the last
    ``test_days`` days.

    Raises:
        DataError: too little history.
    """
    known, train, models = shop.batch_snapshot(), shop.settings.train, shop.settings.models
    cut_at = cut_of(known, train.test_days)
    past, now, wanted = known.as_of(cut_at), microseconds(cut_at), placements(shop.settings.placements)["goes_with"]
    everything, kinds = known.histories(), kinds_of(known.catalogue(), wanted.other_kind_level or _LEVEL)
    later = everything.keep(everything.at >= now)
    bought, viewed = in_baskets(later, kinds, most, seed), in_visits(later, kinds, most, seed)
    names = [name for name in (wanted.model, train.context, _SIMILAR, train.popular) if name in models]
    fitted = {}
    for number, name in enumerate(dict.fromkeys(names)):
        progress(name, number, len(names))
        fitted[name] = estimator(name, models[name]).fit(past, seed=seed)
    plain, other = (
        tuple(goes_with(fitted, bought, viewed, kinds, now=now, other_kind=other, seed=seed)) for other in (False, True)
    )
    progress("", len(names), len(names))
    return Complements(
        baskets=len(bought.asked), visits=len(viewed.asked), bought_kind=bought.same_kind,
        viewed_kind=viewed.same_kind, plain=plain, other_kind=other,
    )  # fmt: skip
