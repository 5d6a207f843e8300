"""Everything that is found out about groups of a shop's customers, fitted together on one day.

What cannot be fitted is kept as the reason why not: the page then shows that sentence instead of a number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.core.histories import Histories, Int32
from shopkeeper.learn.propensity.columns import Float64
from shopkeeper.learn.propensity.panel import Facts
from shopkeeper.learn.segment.assigning import assigned, numbers_for
from shopkeeper.learn.segment.components import ComponentsModel, PrincipalComponents
from shopkeeper.learn.segment.flows import Step, states_of, step_of
from shopkeeper.learn.segment.k_means import KMeansModel, KMeansSegments
from shopkeeper.learn.segment.mixture import GaussianMixtureSegments, MixtureModel
from shopkeeper.learn.segment.naming import Told, Trait, matched, name_of, traits_of
from shopkeeper.learn.segment.portraits import CATEGORY, Portraits, portraits_of
from shopkeeper.learn.segment.spending import RFMGrid, RFMModel, SpendingBands, SpendingModel
from shopkeeper.learn.segment.tastes import top_products

NAME: Final = "segments"
"""Under this name the model is kept beside the shop's recommenders."""
_ON_THE_MAP: Final = 1_500
_TRAITS: Final = 12
_MODELS: Final[Mapping[str, Any]] = {
    "groups": KMeansModel, "mixture": MixtureModel, "spending": SpendingModel, "rfm": RFMModel, "map": ComponentsModel,
}  # fmt: skip


class Goods(Protocol):
    """What is bought: the snapshot's histories, and how many products there are."""

    def histories(self) -> Histories: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One group: who they are in numbers."""

    label: str
    """A letter that stays with the group through refits."""
    people: int
    spend: float
    """What they spent together in the window, minor units."""
    means: Mapping[str, float]
    name: tuple[Trait, ...]
    """What is said of them, most telling first; empty: like everybody."""
    traits: tuple[Trait, ...]
    products: tuple[tuple[int, int, float], ...] = ()
    """(product index of the version's catalogue, buyers, lift)."""

    def facts(self) -> dict[str, Any]:
        return {
            "label": self.label, "people": self.people, "spend": self.spend, "means": dict(self.means),
            "name": [trait.facts() for trait in self.name], "traits": [trait.facts() for trait in self.traits],
            "products": [list(row) for row in self.products],
        }  # fmt: skip

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> "Segment":
        return cls(
            label=facts["label"], people=facts["people"], spend=facts["spend"], means=facts["means"],
            name=tuple(Trait(**trait) for trait in facts["name"]), traits=tuple(Trait(**t) for t in facts["traits"]),
            products=tuple((int(row[0]), int(row[1]), float(row[2])) for row in facts["products"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmented:
    """The fitted models by name, the groups, and what became of them over time."""

    days: float
    timezone: str
    categories: tuple[str, ...]
    """Whose shares are columns of the portraits."""
    people: int
    models: Mapping[str, Any]
    """groups (K-means), mixture, spending, rfm, map (principal components)."""
    segments: tuple[Segment, ...]
    """In the order of the K-means groups."""
    steps: tuple[Step, ...]
    means: Mapping[str, float]
    """Everybody's."""
    counts: Mapping[str, NDArray[Any]]
    """``spending`` (3,) and ``rfm`` (25,) customers, ``rfm_money`` (25,) mean spending, ``mixture`` (groups,)."""
    points: Float64
    """(some, 2) where some customers lie on the map, without their names."""
    point_groups: Int32
    refused: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(segment.label for segment in self.segments)

    def portraits(self, known: Facts, people: frozenset[str] | None = None) -> Portraits:
        """The table that the models understand, as of a snapshot's moment."""
        return portraits_of(known, days=self.days, timezone=self.timezone, people=people, categories=self.categories)

    def labels_of(self, known: Portraits) -> list[str]:
        """Everybody's letter; "" where there is none."""
        if "groups" not in self.models:
            return [""] * len(known)
        return [self.labels[group] if group >= 0 else "" for group in assigned(self.models["groups"], known).tolist()]

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        found = {f"{name}.{part}": array for name, one in self.models.items() for part, array in one.arrays().items()}
        found |= {f"counts.{name}": array for name, array in self.counts.items()}
        return found | {"points": self.points, "point_groups": self.point_groups}

    def facts(self) -> Mapping[str, Any]:
        return {
            "days": self.days, "timezone": self.timezone, "categories": list(self.categories), "people": self.people,
            "models": {name: one.facts() for name, one in self.models.items()}, "means": dict(self.means),
            "segments": [segment.facts() for segment in self.segments], "refused": dict(self.refused),
            "steps": [step.facts() for step in self.steps],
        }  # fmt: skip

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Segmented":
        def own(name: str) -> dict[str, NDArray[Any]]:
            return {key.removeprefix(f"{name}."): part for key, part in arrays.items() if key.startswith(f"{name}.")}

        return cls(
            days=facts["days"], timezone=facts["timezone"], categories=tuple(facts["categories"]),
            models={name: _MODELS[name].restore(own(name), page) for name, page in facts["models"].items()},
            segments=tuple(Segment.restore(segment) for segment in facts["segments"]), people=facts["people"],
            steps=tuple(Step.restore(step) for step in facts["steps"]), means=facts["means"], refused=facts["refused"],
            counts=own("counts"), points=arrays["points"], point_groups=arrays["point_groups"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmenting:
    """Fits everything about groups of customers."""

    days: float = 182.0
    """Orders of so many days are looked at."""
    most: int = 8
    """Most groups."""
    floor: int = 20
    """Fewest customers of a group, a flow or a count."""
    steps: int = 3
    """How many earlier days the flows show."""
    step_days: float = 28.0

    def fit(
        self, known: Facts, *, at: Callable[[datetime], Facts], people: frozenset[str], timezone: str = "UTC",
        told: Told | None = None, goods: tuple[Histories, int] | None = None, before: Segmented | None = None,
        allowed: Callable[[str], bool] = lambda _: True, seed: int = 0,
    ) -> Segmented:  # fmt: skip
        """Learn from these people's orders. ``at`` gives the facts as of an earlier day, ``told`` registration fields
        (for naming only), ``goods`` their histories and the number of products, ``before`` the last version, whose
        letters and names stay where they can."""
        refused: dict[str, Mapping[str, Any]] = {}
        portraits = portraits_of(known, days=self.days, timezone=timezone, people=people, allowed=allowed)
        models: dict[str, Any] = {}
        for name, settings in self._settings().items():
            try:
                models[name] = settings.fit(portraits, seed=seed)
            except DataError as error:
                refused[name] = {"key": error.key, "facts": dict(error.facts)}
        names = portraits.columns.names
        found = Segmented(
            days=self.days, timezone=timezone, people=len(portraits), models=models, segments=(), steps=(),
            categories=tuple(name.removeprefix(CATEGORY) for name in names if name.startswith(CATEGORY)),
            means=_means(portraits), counts=_counts(models, portraits), refused=refused,
            **_map(models, portraits, seed),
        )  # fmt: skip
        if "groups" not in models:
            return found
        segments = self._segments(found, portraits, told, goods, before)
        return _with(
            found, segments=segments, steps=self._steps(_with(found, segments=segments), at, people, portraits)
        )

    def _settings(self) -> dict[str, Any]:
        return {
            "groups": KMeansSegments(most=self.most, floor=self.floor), "mixture": GaussianMixtureSegments(),
            "spending": SpendingBands(), "rfm": RFMGrid(), "map": PrincipalComponents(),
        }  # fmt: skip

    def _segments(
        self, found: Segmented, portraits: Portraits, told: Told | None, goods: tuple[Histories, int] | None,
        before: Segmented | None,
    ) -> tuple[Segment, ...]:  # fmt: skip
        model: KMeansModel = found.models["groups"]
        groups = assigned(model, portraits)
        labels, old = _labels(groups, model.groups, portraits, before)
        tops: Sequence[Any] = [()] * model.groups
        if goods is not None:
            of = dict(zip(portraits.people.tolist(), groups.tolist(), strict=True))
            tops = top_products(goods[0], of, model.groups, goods[1], self.floor)
        made: list[Segment] = []
        for number in range(model.groups):
            mine = groups == number
            traits = traits_of(portraits, mine, told)
            name = name_of(traits, old.get(labels[number], ()), [segment.name for segment in made])
            made.append(
                Segment(
                    label=labels[number], people=int(mine.sum()),
                    spend=float(np.nansum(portraits.column("spend")[mine])),
                    means=_means(portraits.rows(mine)), name=tuple(name), traits=tuple(traits[:_TRAITS]),
                    products=tuple(tops[number]),
                )
            )  # fmt: skip
        return tuple(made)

    def _steps(
        self, found: Segmented, at: Callable[[datetime], Facts], people: frozenset[str], newest: Portraits
    ) -> tuple[Step, ...]:
        days = [newest.moment - timedelta(days=self.step_days * number) for number in range(self.steps, -1, -1)]
        tables = [found.portraits(at(day), people) for day in days[:-1]] + [newest]
        states = [
            states_of(table, assigned(found.models["groups"], table), found.labels) if len(table) else {}
            for table in tables
        ]
        pairs = zip(states, states[1:], pairwise(days), strict=False)
        return tuple(step_of(one, after, both, self.floor) for one, after, both in pairs if one)


def _with(found: Segmented, **changed: Any) -> Segmented:
    parts = {name: getattr(found, name) for name in Segmented.__dataclass_fields__}
    return Segmented(**{**parts, **changed})


def _labels(
    groups: Int32, count: int, portraits: Portraits, before: Segmented | None
) -> tuple[tuple[str, ...], dict[str, list[tuple[str, bool]]]]:
    """Each group's letter, and the last version's names by letter."""
    if before is None or "groups" not in before.models:
        return matched(groups, count, np.full(len(groups), -1, np.int32), ()), {}
    old = {segment.label: [(trait.field, trait.up) for trait in segment.name] for segment in before.segments}
    return matched(groups, count, assigned(before.models["groups"], portraits), before.labels), old


def _means(portraits: Portraits) -> dict[str, float]:
    """The mean of each number over those of whom it is known."""
    values = portraits.columns.values
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=0)
    return {
        name: float(total[place] / known[:, place].sum())
        for place, name in enumerate(portraits.columns.names)
        if known[:, place].any()
    }


def _counts(models: Mapping[str, Any], portraits: Portraits) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for name in ("spending", "rfm", "mixture"):
        if name in models:
            groups = assigned(models[name], portraits)
            found[name] = np.bincount(groups[groups >= 0], minlength=models[name].groups)
            money = np.bincount(groups[groups >= 0], weights=np.nan_to_num(portraits.column("spend"))[groups >= 0],
                                minlength=models[name].groups)  # fmt: skip
            found[f"{name}_money"] = money / np.maximum(found[name], 1)
    return found


def _map(models: Mapping[str, Any], portraits: Portraits, seed: int) -> dict[str, Any]:
    """Some customers' places on the map, to two decimals, and their groups: drawn, never looked up."""
    if "map" not in models or "groups" not in models or len(models["map"].axes) < 2:
        return {"points": np.zeros((0, 2)), "point_groups": np.zeros(0, np.int32)}
    some = np.random.default_rng(seed).permutation(len(portraits))[:_ON_THE_MAP]
    shown = portraits.rows(some)
    where = models["map"].project(numbers_for(models["map"].fields, shown))[:, :2]
    return {"points": np.round(where, 2), "point_groups": assigned(models["groups"], shown)}
