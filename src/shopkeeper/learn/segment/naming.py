"""What sets a group of customers apart, so that it can be named in words; and who keeps whose letter after a refit.

The effect of a number is Cohen's d between the group and everybody else, on logarithms of what has a long tail; that of
a registration field is Cohen's h of the shares among those who told. From 0.2 on an effect is small, from 0.8 large.
Source: Cohen (1988), Statistical power analysis; Kuhn (1955), The Hungarian method for the assignment problem.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from string import ascii_uppercase
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.histories import Int32
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.segment.portraits import CATEGORY, Portraits
from shopkeeper.learn.segment.scaling import TAILED

TOLD: Final = "told:"
"""Traits of this prefix are registration fields: ``told:age=35-44``."""
_SAID: Final = 0.3
"""An effect below this is not part of a name."""
_SURE: Final = 3.0
"""Nor one of fewer standard errors: chance names nobody."""
_KEPT: Final = 0.15
"""A trait of the last version's name is kept while its effect is still this large."""
_WORDS: Final = 3
_THEMES: Final = {
    "quiet_days": "recency", "orders": "frequency", "spend": "money", "basket_spend": "basket",
    "basket_lines": "basket",
    "usual_price": "price", "cheap_share": "price", "dear_share": "price", "discount_share": "discount",
    "weekend_share": "weekday", "morning_share": "hour", "afternoon_share": "hour", "evening_share": "hour",
    "night_share": "hour",
}  # fmt: skip
Told = Mapping[str, Mapping[str, str]]
"""Person -> registration fields, for those who told any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """One way in which a group differs."""

    field: str
    """A column of the portraits, or ``told:<field>=<value>``."""
    effect: float
    """Above 0: more than others."""
    value: float
    """The group's mean (of shares: its share)."""
    usual: float
    """Everybody's."""
    error: float = 0.0
    """Standard error of the effect where nothing differs: sqrt(1/n + 1/m)."""

    @property
    def up(self) -> bool:
        return self.effect > 0

    @property
    def theme(self) -> str:
        """Traits of one theme say the same thing twice."""
        if self.field.startswith(TOLD):
            return self.field.partition("=")[0]
        return _THEMES.get(self.field, self.field)

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def traits_of(known: Portraits, mine: NDArray[np.bool_], told: Told | None = None) -> list[Trait]:
    """Every number and registration field in which a group (a mask of the people) differs, largest effect first."""
    found = [_trait(name, known.columns.values[:, place], mine) for place, name in enumerate(known.columns.names)]
    found += _told_traits(known.people.tolist(), mine, told or {})
    return sorted((each for each in found if each is not None), key=lambda each: (-abs(each.effect), each.field))


def _trait(name: str, values: Float64, mine: NDArray[np.bool_]) -> Trait | None:
    inside, outside = values[mine & np.isfinite(values)], values[~mine & np.isfinite(values)]
    if len(inside) < 2 or len(outside) < 2:
        return None
    shown = [np.log1p(np.maximum(part, 0)) if name in TAILED else part for part in (inside, outside)]
    spread = np.sqrt((shown[0].var() * len(inside) + shown[1].var() * len(outside)) / (len(inside) + len(outside)))
    if not spread > 1e-12:
        return None
    effect = float((shown[0].mean() - shown[1].mean()) / spread)
    return Trait(field=name, effect=effect, value=float(inside.mean()), usual=float(values[np.isfinite(values)].mean()),
                 error=_error(len(inside), len(outside)))  # fmt: skip


def _error(inside: int, outside: int) -> float:
    return float(np.sqrt(1 / inside + 1 / outside))


def _told_traits(people: Sequence[str], mine: NDArray[np.bool_], told: Told, floor: int = 20) -> list[Trait]:
    rows = [
        (bool(inside), told[person]) for person, inside in zip(people, mine.tolist(), strict=True) if person in told
    ]
    counts: dict[tuple[str, str], list[int]] = {}
    asked: dict[str, list[int]] = {}
    for inside, fields in rows:
        for name, value in fields.items():
            counts.setdefault((name, value), [0, 0])[inside] += 1
            asked.setdefault(name, [0, 0])[inside] += 1
    found = []
    for (name, value), (out, within) in counts.items():
        whole_out, whole_in = asked[name]
        if min(out, within) < floor or min(whole_out, whole_in) < floor:
            continue
        shares = within / whole_in, out / whole_out
        h = 2 * float(np.arcsin(np.sqrt(shares[0])) - np.arcsin(np.sqrt(shares[1])))
        usual = (out + within) / (whole_out + whole_in)
        error = _error(whole_in, whole_out)
        found.append(Trait(field=f"{TOLD}{name}={value}", effect=h, value=shares[0], usual=usual, error=error))
    return found


def name_of(traits: Sequence[Trait], before: Sequence[tuple[str, bool]] = (), taken: Iterable[Any] = ()) -> list[Trait]:
    """The traits that make a name: three of different themes with the largest effects. The last version's name stays
    while all of it still holds; a name that another group has gets a further trait. Empty: like everybody."""
    by_field = {trait.field: trait for trait in traits}
    old = [by_field[field] for field, up in before if field in by_field and by_field[field].up == up]
    taken = {key_of(other) for other in taken}
    holds = len(old) == len(before) and all(abs(trait.effect) >= _KEPT for trait in old)
    if before and holds and key_of(old) not in taken:
        return old
    chosen: list[Trait] = []
    for trait in traits:
        if abs(trait.effect) < max(_SAID, _SURE * trait.error) or trait.theme in {each.theme for each in chosen}:
            continue
        if not trait.up and (trait.field.startswith((CATEGORY, TOLD))):
            continue
        chosen.append(trait)
        if len(chosen) >= _WORDS and key_of(chosen) not in taken:
            break
    return chosen


def key_of(name: Iterable[Trait]) -> frozenset[tuple[str, bool]]:
    """Names of equal words are equal."""
    return frozenset((trait.field, trait.up) for trait in name)


def matched(groups: Int32, count: int, before: Int32, labels: Sequence[str]) -> tuple[str, ...]:
    """The letter of each new group: that of the last version's group it shares most customers with (one to one, the
    overlap as large as can be), where the two share at least a quarter of both; else a letter that was never used.

    ``before``: the same customers' groups by the last version's model; -1 = in none.
    """
    from scipy.optimize import linear_sum_assignment  # here: only learning needs it

    overlap = np.zeros((count, len(labels)))
    both = (groups >= 0) & (before >= 0)
    np.add.at(overlap, (groups[both], before[both]), 1)
    fresh = (letter for letter in _letters() if letter not in labels)
    found: dict[int, str] = {}
    if len(labels):
        sizes = (
            np.bincount(groups[groups >= 0], minlength=count),
            np.bincount(before[before >= 0], minlength=len(labels)),
        )
        for new, old in zip(*linear_sum_assignment(-overlap), strict=True):
            union = sizes[0][new] + sizes[1][old] - overlap[new, old]
            if union > 0 and overlap[new, old] / union >= 0.25:
                found[int(new)] = labels[int(old)]
    return tuple(found.get(group) or next(fresh) for group in range(count))


def _letters() -> Iterable[str]:
    """A, B, …, Z, AA, AB, …"""
    yield from ascii_uppercase
    for first in ascii_uppercase:
        yield from (first + second for second in ascii_uppercase)
