"""How far to trust each member of a blend, learned from what was shown and what was clicked.

What was shown is what the blend of then liked, so clicks speak most of what it liked. Where dice were thrown, every
shown item has the probability with which they showed it; weighed by its inverse, the shown items stand for all that
could have been shown. Weights are clipped (few rare items must not decide alone) and normalised by their sum.

Source: Schnabel, Swaminathan, Singh, Chandak, Joachims (2016), Recommendations as treatments; self-normalisation:
Swaminathan, Joachims (2015), The self-normalized estimator for counterfactual learning; clipping: Ionides (2008),
Truncated importance sampling; places as a nuisance: Joachims, Swaminathan, Schnabel (2017), Unbiased learning-to-rank
with biased feedback.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Bool, Float32, Int64
from shopkeeper.measure.bootstrap import Interval, ratio_intervals

Float64 = NDArray[np.float64]
_FREE = 100.0
"""What must not be pulled towards 0 is scaled by this."""
_PLACES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Items that dice have put before somebody; (items,) each."""

    said: Float32
    """(items, members) what each member of the blend said of it, 0 to 1, without its weight."""
    other: Float32
    """What else its score was made of."""
    slot: Int64
    """0 = the first place."""
    propensity: Float64
    """With which probability it was put there, more than 0."""
    clicked: Bool
    person: Int64
    """Whose answer it was: people are what intervals and the held-out part are drawn of."""

    def __len__(self) -> int:
        return len(self.slot)

    def rows(self, which: Bool) -> "Shown":
        return Shown(**{name: getattr(self, name)[which] for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class FromLog:
    """When a log is enough, and how it is read."""

    least_clicks: int = 500
    """Fewer clicks on thrown items teach nothing yet,"""
    least_effective: float = 5000.0
    """nor does a log that weighs like fewer items than this (Kish's effective sample size)."""
    most_weight: float = 20.0
    """An item counts at most so many times the middle one."""
    pull: float = 20.0
    """How strongly the weights are held to those there were: as so many clicks would."""
    held_out: float = 0.3
    """This share of people says whether the new weights foretell clicks better; only then they are taken."""

    def fit_shown(self, shown: Shown, weights: Float64, *, seed: int = 0) -> "Learned":
        """New weights of a blend that had ``weights`` (members,) > 0."""
        thrown = shown.rows(shown.propensity < 1.0)
        worth = importance(thrown.propensity, self.most_weight)
        effective = float(worth.sum() ** 2 / np.square(worth).sum()) if len(worth) else 0.0
        told = Learned(items=len(thrown), clicks=int(thrown.clicked.sum()), effective=effective, weights=weights)
        if told.clicks < self.least_clicks or effective < self.least_effective:
            return told
        people = np.unique(thrown.person)
        kept = np.random.default_rng(seed).permutation(people)[: int(self.held_out * len(people))]
        held = np.isin(thrown.person, kept)
        tried = self._weights(thrown.rows(~held), worth[~held], weights)
        gain = _gain(thrown, worth, held, weights, tried)
        if not gain.low > 0:
            return Learned(items=told.items, clicks=told.clicks, effective=effective, weights=weights, gain=gain)
        found = self._weights(thrown, worth, weights)
        return Learned(items=told.items, clicks=told.clicks, effective=effective, weights=found, gain=gain, used=True)

    def _weights(self, shown: Shown, worth: Float64, weights: Float64) -> Float64:
        """The likeliest weights that are pulled towards the direction of the old ones; none negative, of equal sum."""
        from sklearn.linear_model import LogisticRegression  # here: only learning needs it

        model = LogisticRegression(C=1.0 / self.pull, max_iter=500)
        columns = np.column_stack([_known(shown, weights), shown.said])
        model.fit(columns, shown.clicked, sample_weight=worth)
        of_old, rest = model.coef_[0, 0] * _FREE, model.coef_[0, -len(weights) :]
        found = np.maximum(of_old * weights + rest, 0.0)
        return found * (weights.sum() / found.sum()) if found.sum() > 0 else weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a log taught. ``gain``: how much better the new weights foretold the clicks of people held out (logarithm of
    the probability, per shown item); None where the log was not enough."""

    items: int
    clicks: int
    effective: float
    weights: Float64
    gain: Interval | None = None
    used: bool = False

    def facts(self) -> dict[str, Any]:
        """The same as JSON holds it."""
        gain = None if self.gain is None else asdict(self.gain)
        return {
            "items": self.items, "clicks": self.clicks, "effective": round(self.effective, 1), "used": self.used,
            "weights": self.weights.tolist(), "gain": gain,
        }  # fmt: skip


def importance(propensity: Float64, most: float) -> Float64:
    """(items,) inverse propensities, clipped at ``most`` times their median, then of mean 1."""
    if not len(propensity):
        return propensity
    inverse = 1.0 / propensity
    clipped = np.minimum(inverse / np.median(inverse), most)
    mean_one: Float64 = clipped / clipped.mean()
    return mean_one


def _known(shown: Shown, weights: Float64) -> Float64:
    """(items, any) what is no news: the old score, what else was added, the place."""
    place = np.minimum(shown.slot, _PLACES - 1)[:, None] == np.arange(1, _PLACES)
    return np.column_stack([shown.said @ weights, shown.other, place]).astype(np.float64) * _FREE


def _gain(shown: Shown, worth: Float64, held: Bool, old: Float64, new: Float64) -> Interval:
    """By how much the clicks of those held out are likelier with the new weights than with the old, each with its own
    scale and places, learned from the others."""

    from sklearn.linear_model import LogisticRegression  # here: only learning needs it

    def likelihood(weights: Float64) -> Float64:
        columns = _known(shown, weights)
        model = LogisticRegression(C=1.0, max_iter=500)
        model.fit(columns[~held], shown.clicked[~held], sample_weight=worth[~held])
        chance = np.clip(model.predict_proba(columns[held])[:, 1], 1e-9, 1 - 1e-9)
        told: Float64 = np.log(np.where(shown.clicked[held], chance, 1 - chance))
        return told

    better = worth[held] * (likelihood(new) - likelihood(old))
    _, person = np.unique(shown.person[held], return_inverse=True)
    tops, bottoms = np.bincount(person, better), np.bincount(person, worth[held])
    return ratio_intervals(tops[:, None], bottoms[:, None])[0]
