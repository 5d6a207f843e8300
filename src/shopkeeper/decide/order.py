"""In which order the candidates of a request stand before the dice are thrown: as the mix of models has them, or as a
ranker does that has learned from what came of such lists. What it goes by is kept beside what is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Float32, Histories
from shopkeeper.core.ports import Scorer
from shopkeeper.core.shortlist import PLACE, SAYS, Float64, Ranker, Shortlist, Words
from shopkeeper.decide.context import Context, nobody
from shopkeeper.decide.find import Found, Layer, scaled
from shopkeeper.decide.goals import unknown
from shopkeeper.decide.shelf import Shelf
from shopkeeper.features.candidates import Goods, fits, goods_of

_LEVEL: Final = 2
"""The category level at which a person's taste is held against a product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """The candidates of the first layer in a ranker's order."""

    found: Found
    """The candidates, with the ranker's utilities where it was asked."""
    columns: Mapping[str, Float64]
    """What the log keeps of each candidate of the first layer, beside what models said."""

    def of(self, candidate: int) -> dict[str, float]:
        """What is kept of one candidate; nothing of those that popular products filled up."""
        if candidate >= len(self.columns["place"]):
            return {}
        told = {name: float(column[candidate]) for name, column in self.columns.items()}
        return {name: value for name, value in told.items() if value == value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Looks at each candidate, and asks the ranker where there is one that knows the placement."""

    ranker: Ranker | None = None
    zone: ZoneInfo
    """Whose clock tells the hour."""
    popular: Scorer

    def answers(self, placement: str) -> bool:
        """Whether a ranker is asked there."""
        return self.ranker is not None and placement in self.ranker.placements

    def of(self, found: Found, layer: Layer, person: Histories, context: Context) -> Ordered:
        """The candidates that ``layer`` brought (the first ones) in order; utilities of all others stay."""
        listed, kept = self._look(found, layer, person, context)
        if self.ranker is None or not self.answers(context.request.placement) or not listed.size:
            return Ordered(found=found, columns=kept)
        scores = self.ranker.rank(listed)
        utility = found.utility.copy()
        utility[: listed.size] = scaled(scores)
        columns = {**kept, "ranked": scores, "ranked_place": _places(scores)}
        return Ordered(found=replace(found, utility=utility), columns=columns)

    def _look(
        self, found: Found, layer: Layer, person: Histories, context: Context
    ) -> tuple[Shortlist, dict[str, Float64]]:
        """The candidates as the ranker sees them, and what of it cannot be told from the rest of the log."""
        shelf, size = context.shelf, int(np.count_nonzero(found.layer == 0))
        products, request = found.products[:size], context.request
        made_of = {} if layer.parts is None else layer.parts(products)
        said = {f"{SAYS}{name}": _known(part) for name, part in made_of.items()}
        kept = {
            "place": np.arange(1.0, size + 1), "utility": np.round(found.utility[:size], 4),
            **{f"{PLACE}{name.removeprefix(SAYS)}": _places(part) for name, part in said.items() if len(said) > 1},
            **fits(person, products, _goods(shelf, self.popular), context.now),
        }  # fmt: skip
        when = moment_of(request.at, self.zone)
        category = shelf.categories[0][products] if shelf.depth else np.full(size, -1, np.int32)
        listed = Shortlist(
            size=size, numbers={**said, **kept, **{name: np.full(size, value) for name, value in when.items()}},
            words={
                "placement": Words.same(request.placement, size), "device": Words.same(request.device, size),
                "category": Words(codes=category, code_of=shelf.category_codes),
            },
        )  # fmt: skip
        return listed, kept


def moment_of(at: datetime, zone: ZoneInfo) -> dict[str, float]:
    """The hour, with its minutes as a fraction, and the weekday (1 = Monday) by the shop's clock."""
    local = at.astimezone(zone)
    return {"hour": (local.hour * 60 + local.minute) / 60, "weekday": float(local.isoweekday())}


def _known(part: Float32) -> Float64:
    """What a model said, 0 where it said nothing."""
    said = part.astype(np.float64)
    said[np.isnan(said)] = 0.0
    return said


def _places(score: Float64) -> Float64:
    """(candidates,) 1 for the best, the same for equal ones."""
    turned = -score
    return np.asarray(np.sort(turned).searchsorted(turned) + 1, np.float64)


_recent: list[tuple[NDArray[np.uint64], Scorer, Goods]] = []
_REMEMBERED: Final = 4


def _goods(shelf: Shelf, popular: Scorer) -> Goods:
    """What is looked up of products: worked out once for a catalogue, but with today's prices."""
    for hashes, by, goods in _recent:
        if hashes is shelf.hashes and by is popular:
            return goods if goods.price is shelf.catalogue.price else replace(goods, price=shelf.catalogue.price)
    known: Float32 = popular.score(nobody(), 0)[0]
    kind = shelf.paths[min(_LEVEL, shelf.depth) - 1] if shelf.depth else np.full(len(shelf), -1, np.int32)
    made = goods_of(shelf.catalogue.price, kind, shelf.brands, 1.0 - unknown(known, len(shelf)))
    _recent[:] = [(shelf.hashes, popular, made), *_recent[: _REMEMBERED - 1]]
    return made
