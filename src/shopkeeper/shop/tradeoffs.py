"""What a goal of a placement costs in accuracy: the shop's own policy, run on past days that its models don't know."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np

from shopkeeper.core.consent import Consent, Purpose
from shopkeeper.core.decision import Request
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.histories import Bool, Catalogue, Int32
from shopkeeper.core.ids import CustomerId, PersonKey
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.decide.goals import margins
from shopkeeper.decide.placement import PlacementSettings, placement
from shopkeeper.decide.recommend import Recommend
from shopkeeper.learn.evaluation import How, Task, cold_in, lists_of, shelf_of, task_after
from shopkeeper.learn.loading import estimator
from shopkeeper.measure.bootstrap import Interval, mean_interval, paired_difference
from shopkeeper.measure.ranking import Relevant, accuracy
from shopkeeper.shop.shop import Shop
from shopkeeper.shop.training import cut_of

LADDERS: Final[dict[str, tuple[float, ...]]] = {
    "diversity": (0.0, 0.1, 0.2, 0.3, 0.5, 0.7),
    "novelty_weight": (0.0, 0.1, 0.2, 0.3, 0.5, 1.0),
    "margin_weight": (0.0, 0.1, 0.2, 0.3, 0.5, 1.0),
    "new_share": (0.0, 0.2, 0.3, 0.4, 0.5, 0.6),
}
"""The settings that can be weighed, and the values tried."""
_AGREED: Final = Consent(given={Purpose.PERSONALISE: True})
_TOP: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One value of the setting: how right the lists are, what that costs against the first value (person by person),
    and what the lists are like. ``margin``: mean (price - cost) / price of what is shown, NaN without any cost;
    ``new``: the share of places that new products take; ``new_hit``: of the people who wanted new products, how many
    were shown one of them."""

    value: float
    ndcg: Interval
    cost: Interval
    diversity: float
    novelty: float
    coverage: float
    gini: float
    margin: float
    new: float
    new_hit: float


def weigh(
    shop: Shop, setting: str, *, people: int = 500, seed: int = 0, progress: Progress = quiet
) -> tuple[Step, ...]:
    """The home placement's lists for a sample of people at each value of a setting, judged on what they ordered next.

    Models are fitted on what was known before the last ``test_days`` days, so they have not seen the answers.

    Raises:
        SettingsError: the setting is none of ``LADDERS``.
        DataError: too little history.
    """
    if setting not in LADDERS:
        raise SettingsError(
            "setting_bad", where="evaluate", name="--tradeoff", value=setting, wanted=", ".join(LADDERS)
        )
    known, days = shop.batch_snapshot(), shop.settings.train.test_days
    task = task_after(known, cut_of(known, days), days, How(most_people=people, seed=seed))
    table = {**shop.settings.placements.get("home", {}), "count": _TOP}
    base = _policy(shop, task, placement("home", table), seed, progress)
    ladder = LADDERS[setting]
    policies = [_with(base, placement("home", {**table, setting: value})) for value in ladder]
    shelf, first, fresh = shelf_of(task.known), np.zeros(0), cold_in(task, How()).products
    steps: list[Step] = []
    for number, (value, policy) in enumerate(zip(ladder, policies, strict=True)):
        progress(setting, number, len(ladder))
        ranked = _lists(policy, task, seed)
        ndcg = accuracy(ranked, task.wanted, _TOP)["ndcg"]
        first = ndcg if number == 0 else first
        like = lists_of(ranked, shelf)
        steps.append(
            Step(
                value=value, ndcg=mean_interval(ndcg, seed=seed), cost=paired_difference(ndcg, first, seed=seed),
                diversity=like["diversity"], novelty=like["novelty"], coverage=like["coverage"], gini=like["gini"],
                margin=_margin(ranked, task.known.catalogue()), new=float(fresh[ranked[ranked >= 0]].mean()),
                new_hit=_new_hit(ranked, task.wanted, fresh),
            )
        )  # fmt: skip
    progress("", len(ladder), len(ladder))
    return tuple(steps)


def _policy(shop: Shop, task: Task, wanted: PlacementSettings, seed: int, progress: Progress) -> Recommend:
    named = shop.settings.train
    models = {}
    names = [name for name in (named.popular, named.personal, named.new) if name in shop.settings.models]
    for number, name in enumerate(names):
        progress(name, number, len(names))
        models[name] = estimator(name, shop.settings.models[name]).fit(task.known, seed=seed)
    catalogue = task.known.catalogue()
    row = {person: number for number, person in enumerate(task.profiles.people.tolist())}

    def agreed(_: PersonKey) -> Consent:
        return _AGREED

    return Recommend(
        name="recommend.home", scorer=models[named.personal], popular=models[named.popular],
        newcomers=models.get(named.new),
        catalogue=lambda: catalogue, consent=agreed, placement=wanted, rules=wanted.rules(), chooser=wanted.dice(),
        history=lambda person: task.profiles.rows(np.array([row[person]], np.int64)), goals=wanted.goals(),
    )  # fmt: skip


def _with(policy: Recommend, wanted: PlacementSettings) -> Recommend:
    return replace(policy, placement=wanted, rules=wanted.rules(), chooser=wanted.dice(), goals=wanted.goals())


def _lists(policy: Recommend, task: Task, seed: int) -> Int32:
    """(people, 10) what each is shown; a sample of people, so each is asked by itself, as a server would be."""
    place = {item: index for index, item in enumerate(task.known.catalogue().ids.tolist())}
    ranked = np.full((len(task.profiles), _TOP), -1, np.int32)
    for number, person in enumerate(task.profiles.people.tolist()):
        request = Request(
            placement="home", at=task.known.moment, customer=CustomerId(person), count=_TOP, seed=seed + number
        )  # fmt: skip
        shown = [place[choice.item] for choice in policy.decide(request).choices]
        ranked[number, : len(shown)] = shown
    return ranked


def _margin(ranked: Int32, catalogue: Catalogue) -> float:
    if not np.isfinite(catalogue.cost).any():
        return float("nan")
    return float(margins(catalogue)[ranked[ranked >= 0]].mean())


def _new_hit(ranked: Int32, wanted: Relevant, fresh: Bool) -> float:
    hit = accuracy(ranked, wanted.keep(fresh[wanted.items]), _TOP)["hit_rate"]
    return float(np.nanmean(hit)) if np.isfinite(hit).any() else float("nan")


COLUMNS: Final = tuple(part.name for part in fields(Step) if part.name not in ("value", "ndcg", "cost"))


def curve(steps: Sequence[Step], column: str) -> list[tuple[float, float]]:
    """(what is won, how right the lists stay) for each value: the points of a plot."""
    return [(float(getattr(step, column)), step.ndcg.value) for step in steps]
