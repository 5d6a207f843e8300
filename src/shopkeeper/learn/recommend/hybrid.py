"""Several recommenders as one: their scores are added with weights learned from what people chose next."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.decision import Reason
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.histories import Bool, Float32, Histories
from shopkeeper.core.ports import Arrays, Estimator, Snapshot
from shopkeeper.learn.discovery import estimator
from shopkeeper.learn.recommend.blend import Part, find_parts
from shopkeeper.learn.recommend.blend_trial import sample, slope, trial_of, with_chance
from shopkeeper.learn.snapshot import microseconds

_HOME = "shopkeeper.learn.recommend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid:
    """Learns how far to trust each member: members learn from the past up to ``validation_days`` ago, and what
    people then chose decides their weights (never negative, found on NDCG@10). Members that do not help are left
    out, the others learn again from everything.

    Weights are judged on all that people chose and, with ``novel_share``, on what they chose for the first time: so
    that a placement that hides what somebody has already bought still has a good order below. A person without a
    history gets what the members say of a stranger, that is popularity. Where nothing was chosen in the validation
    days, all members count the same.

    Source: weighted hybrids: R. Burke, "Hybrid recommender systems", UMUAI 2002; coordinate ascent on a ranking
    measure: D. Metzler, W. Croft, "Linear feature-based models for information retrieval", Information Retrieval 2007.
    """

    members: tuple[str | Estimator[Any], ...] = (
        "popularity.Popularity",
        "buy_again.BuyAgain",
        "repurchase.Repurchase",
        "item_knn.ItemKNN",
    )
    """Estimators, or their names inside ``learn/recommend`` for their default settings. ``user_knn.UserKNN`` may be
    added; it costs a request as much time as all of these together."""
    validation_days: int = 28
    people: int = 2000
    """Weights are learned from a sample of at most so many people."""
    novel_share: float = 0.1
    least: float = 0.002
    """A member that adds less than this to the quality is left out."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> "HybridModel":
        return self.fit_with(known, seed=seed)

    def fit_with(
        self, known: Snapshot, *, seed: int = 0, fitted: Sequence[tuple[Estimator[Any], Any]] = ()
    ) -> "HybridModel":
        """The same, taking members from ``fitted``: models of equal settings, fitted on the same snapshot and seed."""
        members = tuple(_estimator(member) for member in self.members)
        if not members:
            raise SettingsError("hybrid_without_members")
        parts = self._parts(members, known, seed)
        kept = [(member, part) for member, part in zip(members, parts, strict=True) if part is not None]

        def learned(member: Estimator[Any]) -> Any:
            ready = [model for settings, model in fitted if settings == member]
            return ready[0] if ready else member.fit(known, seed=seed)

        return HybridModel(
            names=_names([member for member, _ in kept]), blend=tuple(part for _, part in kept),
            members=tuple(learned(member) for member, _ in kept),
        )  # fmt: skip

    def _parts(self, members: Sequence[Estimator[Any]], known: Snapshot, seed: int) -> list[Part | None]:
        moment = known.moment - timedelta(days=self.validation_days)
        now, everything = microseconds(moment), known.histories()
        rows = sample(everything, now, self.people, seed)
        equal = [Part(weight=1.0, shape="rank") for _ in members]
        if not len(rows):
            return [*equal]
        early = known.as_of(moment)
        models = [member.fit(early, seed=seed) for member in members]
        trial = trial_of(models, everything.rows(rows), now)
        slopes = [slope(scores, trial.hit) for scores in trial.scores]
        trial = with_chance(trial, slopes)
        parts = find_parts(trial, slopes, self.novel_share, self.least)
        return _for_strangers(parts, models, now) if any(parts) else [*equal]


def _estimator(member: "str | Estimator[Any]") -> Estimator[Any]:
    if not isinstance(member, str):
        return member
    made: Estimator[Any] = estimator(f"recommend.{member}")()
    return made


def _names(members: Sequence[Estimator[Any]]) -> tuple[str, ...]:
    plain = [type(member).__module__.rpartition(".")[2] for member in members]
    return tuple(name if plain.count(name) == 1 else f"{name}_{at}" for at, name in enumerate(plain))


def _for_strangers(parts: Sequence[Part | None], models: Sequence[Any], now: int) -> list[Part | None]:
    """If no member that was kept can score a stranger, the first that can comes back as a tie-breaker."""
    stranger = Histories.of_sequences([[]])
    able = [bool(np.isfinite(model.score(stranger, now)).any()) for model in models]
    if any(can and part is not None for can, part in zip(able, parts, strict=True)) or not any(able):
        return list(parts)
    first = able.index(True)
    return [Part(weight=0.001, shape="rank") if at == first else part for at, part in enumerate(parts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridModel:
    """Members with what each counts for; a score is the sum of their parts, NaN where no member can say."""

    names: tuple[str, ...]
    blend: tuple[Part, ...]
    members: tuple[Any, ...]
    _fixed: tuple[tuple[Float32, Bool] | None, ...] = field(init=False, repr=False, compare=False)
    """What members that say the same to everybody add, worked out once."""

    def __post_init__(self) -> None:
        stranger = Histories.of_sequences([[]])
        fixed = tuple(
            _added(member, part, stranger, 0) if getattr(member, "alike", False) else None
            for member, part in zip(self.members, self.blend, strict=True)
        )
        object.__setattr__(self, "_fixed", fixed)

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each member that was kept."""
        return {name: part.weight for name, part in zip(self.names, self.blend, strict=True)}

    def score(self, profiles: Histories, now: int) -> Float32:
        return _total(self._said(profiles, now))

    def opinion(self, profile: Histories, now: int) -> "Opinion":
        """Scores of a one-row profile that can also be explained, without scoring again."""
        said = list(self._said(profile, now))
        return Opinion(model=self, profile=profile, now=now, parts=tuple(part for part, _ in said), scores=_total(said))

    def explain(
        self, profile: Histories, products: Sequence[int], now: int
    ) -> list[tuple[Reason | None, Mapping[str, float]]]:
        """Why each product: the evidence of the member that adds most and has any, and what each member adds."""
        return self.opinion(profile, now).explain(products)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        return self.explain(profile, [product], now)[0][0]

    def _said(self, profiles: Histories, now: int) -> Iterator[tuple[Float32, Bool]]:
        """Each member's contributions, and where it has a score."""
        for member, part, fixed in zip(self.members, self.blend, self._fixed, strict=True):
            if fixed is None:
                yield _added(member, part, profiles, now)
            else:
                yield tuple(np.repeat(row, len(profiles), axis=0) for row in fixed)  # type: ignore[misc]  # a pair

    def arrays(self) -> Arrays:
        nested = zip(self.names, self.members, strict=True)
        return {f"{name}.{key}": array for name, member in nested for key, array in member.arrays().items()}

    def facts(self) -> Mapping[str, Any]:
        nested = zip(self.names, self.blend, self.members, strict=True)
        return {"members": [
            {"name": name, "model": f"{type(member).__module__}:{type(member).__qualname__}", "part": asdict(part),
             "facts": dict(member.facts())} for name, part, member in nested
        ]}  # fmt: skip

    @classmethod
    def restore(cls, arrays: Arrays, facts: Mapping[str, Any]) -> "HybridModel":
        kept = facts["members"]
        return cls(
            names=tuple(one["name"] for one in kept), blend=tuple(Part(**one["part"]) for one in kept),
            members=tuple(_restored(one, arrays) for one in kept),
        )  # fmt: skip


def _added(member: Any, part: Part, profiles: Histories, now: int) -> tuple[Float32, Bool]:
    """What a member adds, and where it has a score."""
    scores = member.score(profiles, now)
    return part.of(scores), np.isfinite(scores)


def _total(said: Iterable[tuple[Float32, Bool]]) -> Float32:
    """The sum of contributions, in the members' order; NaN where none has a score."""
    rest = iter(said)
    part, known = next(rest)
    total = part.copy()
    for part, finite in rest:
        total += part
        known |= finite
    total[~known] = np.nan
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a hybrid says to one person now."""

    model: HybridModel
    profile: Histories
    now: int
    parts: tuple[Float32, ...]
    """What each member adds, each of shape (1, products)."""
    scores: Float32
    """(1, products)"""

    def explain(self, products: Sequence[int]) -> list[tuple[Reason | None, Mapping[str, float]]]:
        """Why each product, see ``HybridModel.explain``; nothing of products that were not there at fitting."""
        shown = [product for product in products if 0 <= product < self.scores.shape[1]]
        added = np.stack([part[0, shown] for part in self.parts], axis=1) if shown else np.zeros((0, 0))
        reasons = self._reasons(shown, np.argsort(-added, axis=1, kind="stable"))
        parts = [dict(zip(self.model.names, line, strict=True)) for line in added.tolist()]
        found = {product: (reasons.get(product), told) for product, told in zip(shown, parts, strict=True)}
        return [found.get(product, (None, {})) for product in products]

    def _reasons(self, products: Sequence[int], turn: NDArray[np.intp]) -> dict[int, Reason]:
        """Each member is asked once for all products on which it is next to speak."""
        found: dict[int, Reason] = {}
        for place in range(turn.shape[1]):
            for speaker in np.unique(turn[:, place]):
                open_ones = [
                    item for item, who in zip(products, turn[:, place], strict=True)
                    if who == speaker and item not in found
                ]  # fmt: skip
                told = _reasons_of(self.model.members[speaker], self.profile, open_ones, self.now)
                found |= {item: reason for item, reason in zip(open_ones, told, strict=True) if reason is not None}
            if len(found) == len(products):
                break
        return found


def _reasons_of(member: Any, profile: Histories, products: Sequence[int], now: int) -> Sequence[Reason | None]:
    """All at once where the member has ``reasons(profile, products, now)``."""
    if not products:
        return []
    at_once: Callable[[Histories, Sequence[int], int], Sequence[Reason | None]] | None
    at_once = getattr(member, "reasons", None)
    return at_once(profile, products, now) if at_once else [member.reason(profile, item, now) for item in products]


def _restored(one: Mapping[str, Any], arrays: Arrays) -> Any:
    module, _, name = one["model"].partition(":")
    if not module.startswith(f"{_HOME}."):
        raise SettingsError("no_such_recommender", name=one["model"])
    own = {
        key.removeprefix(f"{one['name']}."): array for key, array in arrays.items() if key.startswith(f"{one['name']}.")
    }
    return getattr(import_module(module), name).restore(own, one["facts"])
