"""From settings and a snapshot to a sequence model: what attention, GRU and LSTM share."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.histories import Bool, Float32
from shopkeeper.core.ports import Snapshot
from shopkeeper.learn.recommend.sequence.attributes import Attributes
from shopkeeper.learn.recommend.sequence.forward import normalised
from shopkeeper.learn.recommend.sequence.learning import Circumstances, Judged, Learned, Plan, Weights
from shopkeeper.learn.recommend.sequence.model import SequenceModel
from shopkeeper.learn.recommend.sequence.sequences import Sequences
from shopkeeper.learn.recommend.sequence.start import start_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A fitted model together with the weights that a further learning can go on from."""

    model: SequenceModel
    weights: Weights
    learned: Learned


def fit(settings: Any, known: Snapshot, around: Circumstances) -> SequenceModel:
    """A model of everything the snapshot knows. One product of some people each is kept back for validation."""
    catalogue = known.catalogue()
    sequences = Sequences.of(known.histories(), len(catalogue))
    learned_from, judged = kept_back(sequences, settings.judged_people, settings.length, around.seed)
    attributes = Attributes.of_catalogue(catalogue) if settings.attributes else Attributes.none(len(catalogue))
    model = learn(settings, learned_from, attributes, judged, around).model
    return model.with_pauses(sequences, known.histories(), around.seed)


def kept_back(sequences: Sequences, people: int, length: int, seed: int) -> tuple[Sequences, Judged | None]:
    """Without the newest product of at most ``people`` (and a tenth of all) people, who have three or more."""
    able = np.flatnonzero(sequences.sizes > 2)
    drawn = np.random.default_rng(seed).permutation(able)[: min(people, len(able) // 10)]
    if not len(drawn):
        return sequences, None
    cut = np.zeros(len(sequences), np.int64)
    cut[drawn] = 1
    last = sequences.offsets[1:][drawn] - 1
    keep = np.ones(len(sequences.item), np.bool_)
    keep[last] = False
    rest = Sequences(
        offsets=sequences.offsets - np.concatenate([[0], np.cumsum(cut)]), item=sequences.item[keep],
        event=sequences.event[keep],
    )  # fmt: skip
    return rest, judge_of(rest, drawn, sequences.item[last], length)


def judge_of(known: Sequences, rows: Any, wanted: Any, length: int) -> Judged:
    """Whether ``wanted[n]`` is foretold from what person ``rows[n]`` has. What a person buys again is not hidden."""
    sizes = known.sizes[rows]
    first = known.offsets[:-1][rows] - (np.cumsum(sizes) - sizes)
    item = known.item[np.repeat(first, sizes) + np.arange(sizes.sum())]
    other = item != np.repeat(wanted, sizes)
    owner = np.repeat(np.arange(len(rows)), sizes)[other]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(rows)))])
    seen = Sequences(offsets=offsets, item=item[other], event=item[other])
    return Judged(sequences=known, asked=known.newest(length).rows(rows), wanted=wanted.astype(np.int64), seen=seen)


def learn(
    settings: Any, known: Sequences, attributes: Attributes, judged: Judged | None, around: Circumstances
) -> Parts:
    """A model of these sequences.

    Raises:
        Unavailable: torch is not installed (``extra_missing``).
    """
    products = len(attributes.offsets) - 1
    start = start_of(known, products, settings.dimensions, around.seed)
    plan = Plan(
        epochs=settings.epochs, learning_rate=settings.learning_rate, batch_tokens=settings.batch_tokens,
        negatives=settings.negatives, averaging=settings.averaging, patience=settings.patience,
        seconds=settings.minutes * 60, checkpoint=settings.checkpoint,
    )  # fmt: skip
    learned = _with_torch(settings, start, attributes, known, plan, judged, around)
    touched = np.bincount(known.item, minlength=products) > 0
    table = table_of(learned.weights, attributes, touched)
    weights = {name: part for name, part in learned.weights.items() if not name.startswith("products.")}
    model = SequenceModel(
        weights={"table": table, **weights}, known=np.linalg.norm(table, axis=1) > 0.5, name=settings.body,
        pauses=np.zeros(0, np.float32),
        length=settings.length, heads=settings.heads, temperature=settings.temperature,
        facts_of_learning={"epochs": len(learned.quality), "quality": [round(value, 5) for value in learned.quality]},
    )  # fmt: skip
    return Parts(model=model, weights=learned.weights, learned=learned)


def _with_torch(settings: Any, start: Float32, attributes: Attributes, known: Sequences, plan: Plan,
                judged: Judged | None, around: Circumstances) -> Learned:  # fmt: skip
    try:
        from shopkeeper.learn.recommend.sequence.training.loop import learn as learn_with_torch
        from shopkeeper.learn.recommend.sequence.training.network import Shape
    except ModuleNotFoundError as error:
        raise Unavailable("extra_missing", extra="deep", package="torch") from error
    shape: Shape = Shape(
        body=settings.body, dimensions=settings.dimensions, blocks=settings.blocks, heads=settings.heads,
        length=settings.length, dropout=settings.dropout, temperature=settings.temperature,
    )  # fmt: skip
    return learn_with_torch(shape, start, attributes, known, plan, judged, around)


def table_of(weights: Weights, attributes: Attributes, touched: Bool) -> Float32:
    """(products, dimensions) of length one; of a product nobody touched only its attributes speak; zeros without."""
    own = np.where(touched[:, None], weights["products.own"], np.float32(0))
    if attributes.count:
        product = np.repeat(np.arange(len(own)), attributes.sizes)
        np.add.at(own, product, weights["products.of_attribute"][attributes.code] * attributes.weight()[:, None])
    return normalised(own)
