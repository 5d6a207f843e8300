"""Training and evaluation of a shop: snapshot -> fit -> floors -> publish."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from shopkeeper.core.action import Action
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.core.histories import Histories
from shopkeeper.core.identity import Runs
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.data.model_store import Bundle, ModelStore, StoredModel
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.evaluation import How, Report, evaluate
from shopkeeper.learn.loading import estimator, installed, path_of
from shopkeeper.learn.propensity.foretell import NAME as FORETELL
from shopkeeper.learn.rank.decided import Taught
from shopkeeper.learn.rank.logged import Learned
from shopkeeper.learn.rank.ranker import NAME as RANKER
from shopkeeper.learn.rating.rater import NAME as RATER
from shopkeeper.learn.recommend.search_words import NAME as SEARCH_WORDS
from shopkeeper.learn.recommend.search_words import SearchWords
from shopkeeper.learn.segment.segmenting import NAME as SEGMENTS
from shopkeeper.learn.training import Fitted, fit_all
from shopkeeper.settings import ModelSection
from shopkeeper.shop.basket_rules import fit_rules
from shopkeeper.shop.from_log import corrected
from shopkeeper.shop.learned_order import blend_of, blends_of, remembered, taught_by_lists
from shopkeeper.shop.predicting import fit_predictions
from shopkeeper.shop.rating import fit_rates
from shopkeeper.shop.segments import fit_segments
from shopkeeper.shop.shop import Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReport:
    """What a training made and what it took."""

    version: str
    people: int
    events: int
    products: int
    seconds: dict[str, float]
    report: Report | None = None
    """How the models compare; None where that was not asked for or there is too little history."""
    from_log: Learned | None = None
    """What the shop's own answers taught; None where there were none to learn from."""
    ranker: Taught | None = None
    """What came of the shop's lists, and whether trees put them in a better order; None where nobody asked."""


def train(shop: Shop, *, judged: bool = True, seed: int = 0, progress: Progress = quiet) -> TrainReport:
    """Judge every model of shop.toml on the last days, fit them on all that is known, make them the ones that answer.

    ``judged=False`` skips the judging, and with it the shop's quality floor.

    Raises:
        DataError: nobody agreed to training (``no_training_consent``), the personal model is below the shop's floor, or
            a file of the lake or a row of the state is not what was written.
        SettingsError: a model named in ``[train]`` is not among ``[models]``.
    """
    _named(shop)
    shop.lake.check()
    shop.state.database.verify()
    report = _judged(shop, seed, progress) if judged else None
    _floor(shop, report)
    if not shop.readonly:
        shop.drain()
    known = shop.batch_snapshot()
    fitted = fit_all(shop.settings.models, known, seed=seed, progress=progress)
    fitted, from_log = corrected(shop, known, fitted, seed=seed)
    version = version_of(known.moment)
    began = time.perf_counter()
    ranker = taught_by_lists(shop, known, fitted[shop.settings.train.personal].model, seed=seed)
    ranker_seconds = time.perf_counter() - began
    began = time.perf_counter()
    progress(FORETELL, 0, 1)
    bundle = _foretelling(shop, _bundle(shop, version, known, fitted, report, from_log, ranker), known, seed)
    foretold_seconds = time.perf_counter() - began
    progress(SEGMENTS, 0, 1)
    bundle = _with_words(_segmenting(shop, bundle, known, seed), known)
    progress("", 1, 1)
    shop.models.save(bundle, keep=shop.settings.train.keep_versions)
    histories = known.histories()
    return TrainReport(
        version=version, people=len(histories), events=histories.events, products=len(known.catalogue()),
        seconds={**{name: model.seconds for name, model in fitted.items()}, FORETELL: foretold_seconds,
                 SEGMENTS: time.perf_counter() - began - foretold_seconds, RANKER: ranker_seconds},
        report=report, from_log=from_log, ranker=ranker,
    )  # fmt: skip


def version_of(moment: datetime) -> str:
    """What a version that was made at this moment is called."""
    return f"v{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z"


def refit(
    shop: Shop, store: ModelStore, *, version: str, moment: datetime, seed: int = 0, progress: Progress = quiet
) -> None:
    """Fit all that a training fits on the facts before a moment; save it in its own store."""
    known = shop.batch_snapshot(moment)
    fitted = fit_all(shop.settings.models, known, seed=seed, progress=progress)
    fitted, from_log = corrected(shop, known, fitted, seed=seed)
    ranker = taught_by_lists(shop, known, fitted[shop.settings.train.personal].model, seed=seed)
    bundle = _foretelling(shop, _bundle(shop, version, known, fitted, None, from_log, ranker), known, seed)
    store.save(_with_words(_segmenting(shop, bundle, known, seed), known), keep=1)


def _judged(shop: Shop, seed: int, progress: Progress) -> Report | None:
    """The comparison, or None where the history is too short for one."""
    try:
        return judge(shop, seed=seed, progress=progress)
    except DataError as error:
        if error.key != "too_little_history":
            raise
        return None


def _floor(shop: Shop, report: Report | None) -> None:
    wanted = shop.settings.train
    if report is None or wanted.floor_ndcg <= 0:
        return
    reached = report.row(wanted.personal).metrics["ndcg"].value
    if not reached >= wanted.floor_ndcg:
        raise DataError("below_floor", model=wanted.personal, reached=round(reached, 4), floor=wanted.floor_ndcg)


def _bundle(
    shop: Shop, version: str, known: LakeSnapshot, fitted: dict[str, Fitted], report: Report | None,
    from_log: Learned | None = None, ranker: Taught | None = None,
) -> Bundle:  # fmt: skip
    models = {name: fit.model for name, fit in fitted.items()}
    if ranker is not None and ranker.model is not None:
        models[RANKER] = ranker.model
    stored = {
        name: StoredModel(use=path_of(model), facts=model.facts(), arrays=model.arrays())
        for name, model in models.items()
    }
    mix = blend_of(models[shop.settings.train.personal])
    facts = {
        "evaluation": json.loads(report.to_json()) if report else None,
        "fit_seconds": {name: round(fit.seconds, 2) for name, fit in fitted.items()},
        "from_log": from_log.facts() if from_log else None,
        "ranker": ranker.facts() if ranker else None, "blends": remembered(blends_of(shop), version, mix),
        "people": len(known.histories()), "events": known.histories().events,
    }  # fmt: skip
    return Bundle(
        version=version, moment=known.moment, received_until=known.received_until(), models=stored,
        catalogue=known.catalogue(), histories=_for_serving(shop, known), report=facts,
        runs=_signed_in(shop, known.moment),
    )  # fmt: skip


def _foretelling(shop: Shop, bundle: Bundle, known: LakeSnapshot, seed: int) -> Bundle:
    """The bundle with the model of all predictions."""
    made = {FORETELL: fit_predictions(shop, known, seed=seed), RATER: fit_rates(shop, known, seed=seed)}
    return replace(bundle, models={**bundle.models, **made})


def _segmenting(shop: Shop, bundle: Bundle, known: LakeSnapshot, seed: int) -> Bundle:
    """The bundle with the groups of customers, and what is bought together in the shop and in each group."""
    found, stored = fit_segments(shop, known, seed=seed)
    rules = fit_rules(shop, known, found, seed=seed)
    return replace(bundle, models={**bundle.models, SEGMENTS: stored, **rules})


def _with_words(bundle: Bundle, known: LakeSnapshot) -> Bundle:
    """The bundle with the index of what words speak of."""
    words = SearchWords().learn(known)
    stored = StoredModel(use=path_of(words), facts=words.facts(), arrays=words.arrays())
    return replace(bundle, models={**bundle.models, SEARCH_WORDS: stored})


def _for_serving(shop: Shop, known: LakeSnapshot) -> Histories:
    """Histories of everybody who agreed to personalisation, whether or not they agreed to training; browsers apart from
    their customers, for serving joins them at each look."""
    return known.for_people(shop.state.consent.allowing(Purpose.PERSONALISE), apart=True)


def _signed_in(shop: Shop, moment: datetime) -> Runs:
    """Who signed in where, of the browsers that agreed to personalisation."""
    keys = pa.array(shop.state.consent.allowing(Purpose.PERSONALISE), pa.string())
    return shop.identities.now(()).runs_of(keys, moment)


def _named(shop: Shop) -> None:
    wanted = shop.settings.train
    for role, name in (("personal", wanted.personal), ("context", wanted.context), ("popular", wanted.popular)):
        if name not in shop.settings.models:
            known = ", ".join(shop.settings.models)
            raise SettingsError("setting_bad", where="train", name=role, value=name, wanted=known)


def judge(
    shop: Shop, *, seed: int = 0, progress: Progress = quiet, others: Mapping[str, ModelSection] | None = None,
    cut_at: datetime | None = None,
) -> Report:  # fmt: skip
    """Every model against popularity: fitted before the shop's last ``test_days`` days of orders, judged on those.

    ``others`` are compared too, except those whose library is not installed. ``cut_at``: on the days after an earlier
    moment; the young shop of then has more people and products of whom little is known.

    Raises:
        DataError: no history may be learned from, or it is shorter than twice the test days.
        SettingsError: the shop has no ``test_days`` days on each side of ``cut_at``.
    """
    if not shop.readonly:
        shop.drain()
    models = {name: estimator(name, section) for name, section in (others or {}).items() if installed(section)}
    models |= {name: estimator(name, section) for name, section in shop.settings.models.items()}
    known = shop.batch_snapshot()
    cut_at = cut_of(known, shop.settings.train.test_days, cut_at)
    how = How(baseline=shop.settings.train.popular, seed=seed)
    days = shop.settings.train.test_days
    return evaluate(known, models, cut_at=cut_at, days=days, how=how, progress=progress)


def cut_of(known: LakeSnapshot, days: int, wanted: datetime | None = None) -> datetime:
    """The moment that parts the past from the days to be predicted: ``days`` before the newest order, or an earlier one
    that is wanted."""
    orders = known.histories().of(Action.ORDER)
    if not orders.events:
        raise DataError("no_training_consent", people=0)
    newest, oldest = int(orders.at.max()), int(orders.at.min())
    if newest - oldest < 2 * days * 86_400_000_000:
        raise DataError("too_little_history", days=days, have=(newest - oldest) // 86_400_000_000)
    zone, room = known.moment.tzinfo, timedelta(days=days)
    latest = datetime.fromtimestamp((newest + 1) / 1_000_000, zone) - room
    if wanted is None:
        return latest
    earliest, wanted = datetime.fromtimestamp(oldest / 1_000_000, zone) + room, wanted.replace(tzinfo=zone)
    if not earliest <= wanted <= latest:
        span = f"{earliest:%Y-%m-%d} … {latest:%Y-%m-%d}"
        raise SettingsError("setting_bad", where="evaluate", name="--as-of", value=f"{wanted:%Y-%m-%d}", wanted=span)
    return wanted
