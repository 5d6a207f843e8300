"""Several recommenders as one: their scores are added with weights learned from what people chose next."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from shopkeeper.core.decision import Reason
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.histories import Bool, Float32, Histories, Int64
from shopkeeper.core.opinion import Opinion, Why, opinion_of, opinionated, places
from shopkeeper.core.ports import Arrays, Estimator, Snapshot
from shopkeeper.learn.discovery import estimator
from shopkeeper.learn.recommend.blend import Part, find_parts
from shopkeeper.learn.recommend.blend_trial import sample, slope, trial_of, with_chance
from shopkeeper.learn.snapshot import microseconds

_HOME = "shopkeeper.learn.recommend"
_WIDE = 64
"""So many products for each that is spoken of are too many to be looked through."""
_STRANGER = Histories.of_sequences([[]])


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
    able = [bool(np.isfinite(model.score(_STRANGER, now)).any()) for model in models]
    if any(can and part is not None for can, part in zip(able, parts, strict=True)) or not any(able):
        return list(parts)
    first = able.index(True)
    return [Part(weight=0.001, shape="rank") if at == first else part for at, part in enumerate(parts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridModel:
    """Members with what each counts for; a score is the sum of their parts (first of those that say the same to
    everybody, then of the others, in their order), NaN where no member can say."""

    names: tuple[str, ...]
    blend: tuple[Part, ...]
    members: tuple[Any, ...]
    _fixed: Mapping[int, Float32] = field(init=False, repr=False, compare=False)
    """member -> (products,) what it adds, of those that say the same to everybody: worked out once."""
    _base: Float32 | None = field(init=False, repr=False, compare=False)
    """(products,) their sum, NaN where none can say: the score of whatever no other member speaks of."""

    def __post_init__(self) -> None:
        fixed = {at: self.members[at].score(_STRANGER, 0) for at in range(len(self.members)) if self._is_fixed(at)}
        added = {at: self.blend[at].of(scores)[0] for at, scores in fixed.items()}
        object.__setattr__(self, "_fixed", added)
        known = [np.isfinite(scores[0]) for scores in fixed.values()]
        base = np.where(np.any(known, axis=0), _sum(list(added.values())), np.float32(np.nan)) if added else None
        object.__setattr__(self, "_base", base)

    def _is_fixed(self, member: int) -> bool:
        return bool(getattr(self.members[member], "alike", False))

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each member that was kept."""
        return {name: part.weight for name, part in zip(self.names, self.blend, strict=True)}

    def score(self, profiles: Histories, now: int) -> Float32:
        total = None if self._base is None else np.tile(self._base, (len(profiles), 1))
        for at, (member, part) in enumerate(zip(self.members, self.blend, strict=True)):
            if at not in self._fixed:
                total = _plus(total, member.score(profiles, now), part)
        return np.zeros((len(profiles), 0), np.float32) if total is None else total

    def opinion(self, profile: Histories, now: int) -> Opinion:
        """``score`` of one person in a few numbers: what others speak of, over the sum of those that are alike."""
        heard = {at: _heard(self.members[at], profile, now) for at in range(len(self.members))}
        spoken = {at: said for at, said in heard.items() if at not in self._fixed}
        own = _union([said.own for said in spoken.values()])
        added = np.zeros((len(self.members), len(own)), np.float32)
        for at, row in self._fixed.items():
            added[at] = row[own]
        for at, said in spoken.items():
            added[at, np.searchsorted(own, said.own)] = self.blend[at].of_one(said.scores)
        first = list(self._fixed)
        scores = _sum([added[at] for at in (*first, *spoken)])
        return Opinion(
            own=own, scores=scores, base=self._base, explain=partial(self._why, heard, own, added),
            parts=partial(self._columns, own, added),
        )  # fmt: skip

    def explain(self, profile: Histories, products: Sequence[int], now: int) -> Sequence[Why]:
        """Why each product: the evidence of the member that adds most and has any, and what each member adds."""
        return self.opinion(profile, now).explain(products)

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        return self.explain(profile, [product], now)[0][0]

    def _why(self, heard: Mapping[int, Opinion], own: Int64, added: Float32, products: Sequence[int]) -> list[Why]:
        """Nothing is said of products that were not there at fitting."""
        asked = np.array(products, np.int64)
        parts, told = self._parts(own, added, asked)
        reasons = _reasons(heard, asked[told].tolist(), np.argsort(-parts[:, told], axis=0, kind="stable").T.tolist())
        whole = parts.T.tolist()
        return [
            (reasons.get(product), dict(zip(self.names, line, strict=True))) if known else (None, {})
            for product, known, line in zip(products, told.tolist(), whole, strict=True)
        ]

    def _parts(self, own: Int64, added: Float32, asked: Int64) -> tuple[Float32, Bool]:
        """(members, asked) what each adds, and of which products anything is said."""
        width = 0 if self._base is None else len(self._base)
        place, is_own = places(own, asked)
        told = is_own | ((asked >= 0) & (asked < width))
        if is_own.all():
            return added[:, place], told
        parts = np.zeros((len(self.members), len(asked)), np.float32)
        parts[:, is_own] = added[:, place[is_own]]
        others = np.flatnonzero(told & ~is_own)
        for at, row in self._fixed.items():
            parts[at, others] = row[asked[others]]
        return parts, told

    def _columns(self, own: Int64, added: Float32, asked: Int64) -> Mapping[str, Float32]:
        return dict(zip(self.names, self._parts(own, added, asked)[0], strict=True))

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


def _heard(member: Any, profile: Histories, now: int) -> Opinion:
    """A member's opinion: as it gives it, or its scores with one reason asked at a time."""
    able = opinionated(member)
    if able is not None:
        said = able.opinion(profile, now)
        if said.base is None or getattr(member, "alike", False):
            return said
        return opinion_of(said.wide(len(said.base)), said.explain)

    def explain(products: Sequence[int]) -> list[Why]:
        return [(member.reason(profile, product, now), {}) for product in products]

    return opinion_of(member.score(profile, now)[0], explain)


def _union(lists: Sequence[Int64]) -> Int64:
    """All products of ascending lists, ascending, each once."""
    if len(lists) == 1:
        return lists[0]
    width, count = max((int(each[-1]) + 1 for each in lists if len(each)), default=0), sum(map(len, lists))
    if width > _WIDE * count:
        return np.unique(np.concatenate(lists))
    spoken = np.zeros(width, np.bool_)
    for each in lists:
        spoken[each] = True
    return spoken.nonzero()[0]


def _sum(parts: Sequence[Float32]) -> Float32:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def _plus(total: Float32 | None, scores: Float32, part: Part) -> Float32:
    """A sum with one more member's scores, NaN where it cannot say either."""
    known, more = np.isfinite(scores), part.of(scores)
    if total is None:
        more[~known] = np.nan
        return more
    fresh = np.isnan(total)
    total += more
    np.copyto(total, more, where=fresh & known)
    return total


def _reasons(
    heard: Mapping[int, Opinion], products: Sequence[int], turns: Sequence[Sequence[int]]
) -> dict[int, Reason]:
    """Each product's members speak in turn until one has evidence; one is asked once for all it is next to speak on."""
    found: dict[int, Reason] = {}
    left = list(zip(products, turns, strict=True))
    for place in range(len(heard)):
        asked: dict[int, list[int]] = {}
        for product, turn in left:
            asked.setdefault(turn[place], []).append(product)
        for speaker, mine in asked.items():
            told = zip(mine, heard[speaker].explain(mine), strict=True)
            found |= {product: reason for product, (reason, _) in told if reason is not None}
        left = [(product, turn) for product, turn in left if product not in found]
    return found


def _restored(one: Mapping[str, Any], arrays: Arrays) -> Any:
    module, _, name = one["model"].partition(":")
    if not module.startswith(f"{_HOME}."):
        raise SettingsError("no_such_recommender", name=one["model"])
    own = {
        key.removeprefix(f"{one['name']}."): array for key, array in arrays.items() if key.startswith(f"{one['name']}.")
    }
    return getattr(import_module(module), name).restore(own, one["facts"])
