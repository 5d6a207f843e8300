"""Networks: numpy says what torch says; planted truth; checkpoints; cold products."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shopkeeper.core.errors import Unavailable
from shopkeeper.core.histories import Histories
from shopkeeper.learn.recommend.hybrid import Hybrid, HybridModel
from shopkeeper.learn.recommend.sequence.attention import SelfAttention
from shopkeeper.learn.recommend.sequence.attributes import Attributes
from shopkeeper.learn.recommend.sequence.fitting import Parts, judge_of, learn
from shopkeeper.learn.recommend.sequence.forward import direction
from shopkeeper.learn.recommend.sequence.learning import Circumstances
from shopkeeper.learn.recommend.sequence.recurrent import GRU, LSTM
from shopkeeper.learn.recommend.sequence.sequences import Sequences
from shopkeeper.learn.recommend.sequence.training.network import Network, Shape
from shopkeeper.learn.recommend.sequence.training.softmax import full
from shopkeeper.learn.snapshot import ArraySnapshot, microseconds
from shopkeeper.testing.estimators import small_shop

RING = 12
SMALL: dict[str, Any] = {"dimensions": 16, "epochs": 12, "dropout": 0.1, "negatives": 0, "learning_rate": 0.02,
                         "averaging": 0.9, "batch_tokens": 256}  # fmt: skip


def ring(people: int = 150, items: int = RING) -> list[list[int]]:
    """People who walk round a ring of items, one step after the other."""
    dice = np.random.default_rng(5)
    starts, lengths = dice.integers(0, items, people), dice.integers(3, 8, people)
    return [[(start + at) % items for at in range(length)] for start, length in zip(starts, lengths, strict=True)]


@pytest.mark.parametrize("kind", [SelfAttention, GRU, LSTM])
def test_a_network_finds_what_follows(kind: Any) -> None:
    """Planted truth: on a ring the next item is the next step, told from all and from sampled others."""
    for negatives in (0, 24):
        settings = kind(**SMALL | {"negatives": negatives, "epochs": 40, "patience": 40})
        model = settings.fit(ArraySnapshot.of_sequences(ring(), RING), seed=1)
        asked = Histories.of_sequences([[(start + step) % RING for step in range(4)] for start in range(RING)])
        scores = model.score(asked, 0)
        scores[asked.row_of_event(), asked.product] = np.nan
        right = np.nanargmax(scores, axis=1) == (np.arange(RING) + 4) % RING
        assert right.sum() >= 10


@pytest.mark.parametrize("body", ["attention", "gru", "lstm"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_numpy_says_what_torch_says(body: Any, blocks: int) -> None:
    """Law: the numpy forward equals the torch forward, whatever the length, and alone equals in a block bit for bit."""
    shape = Shape(body=body, dimensions=16, blocks=blocks, heads=2, length=20, dropout=0.3, temperature=0.07)
    dice = np.random.default_rng(0)
    torch.manual_seed(0)
    network = Network(shape, dice.standard_normal((40, 16)).astype(np.float32), Attributes.none(40)).eval()
    weights: dict[str, Any] = {name: part.numpy() for name, part in network.state_dict().items()}
    with torch.no_grad():
        weights["table"] = network.products().numpy()
        for width in (1, 4, 20):
            items, size = dice.integers(0, 40, (30, width)), dice.integers(1, width + 1, 30)
            theirs = network(torch.from_numpy(items), network.products())[torch.arange(30), torch.from_numpy(size - 1)]
            ours = direction(weights, items, size, heads=2)
            assert np.abs(ours - theirs.numpy()).max() < 2e-6
            assert all(
                np.array_equal(direction(weights, items[[at]], size[[at]], heads=2)[0], ours[at]) for at in range(30)
            )


def test_the_full_softmax_is_cross_entropy() -> None:
    """Golden: value and gradients are those of torch's own cross-entropy, up to bfloat16."""
    torch.manual_seed(0)
    asked, table = torch.randn(30, 8, requires_grad=True), torch.randn(20, 8, requires_grad=True)
    target = torch.randint(0, 20, (30,))
    found = []
    for loss in (full(asked, table, target), torch.nn.functional.cross_entropy(asked @ table.T, target)):
        found.append((loss, *torch.autograd.grad(loss, (asked, table))))
    (loss, *ours), (wanted, *theirs) = found
    assert loss.item() == pytest.approx(wanted.item(), abs=0.02)
    assert all(torch.allclose(one, other, atol=0.01) for one, other in zip(ours, theirs, strict=True))


class _Stopped(Exception):
    """Somebody pulled the plug."""


def _learn(checkpoint: str = "", stop_at: int = 99) -> Parts:
    known = Sequences.of(Histories.of_sequences(ring()), RING)
    judged = judge_of(known, np.arange(20), np.arange(20) % RING, 50)

    def watch(task: str, done: int, total: int) -> None:
        if done == stop_at:
            raise _Stopped

    settings = SelfAttention(**SMALL | {"epochs": 4, "checkpoint": checkpoint, "patience": 9})
    return learn(settings, known, Attributes.none(RING), judged, Circumstances(seed=2, progress=watch))


def test_an_interrupted_learning_goes_on(tmp_path: Path) -> None:
    """Law: stopped after two epochs and started again, the model is that of one run; a finished one leaves nothing."""
    whole = _learn()
    with pytest.raises(_Stopped):
        _learn(str(tmp_path), stop_at=2)
    assert len(list(tmp_path.iterdir())) == 1
    resumed = _learn(str(tmp_path))
    assert all(np.array_equal(whole.weights[name], part) for name, part in resumed.weights.items())
    assert resumed.learned.quality == whole.learned.quality
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_is_none(tmp_path: Path) -> None:
    """Law: what cannot be read is learned anew."""
    with pytest.raises(_Stopped):
        _learn(str(tmp_path), stop_at=1)
    for path in tmp_path.iterdir():
        path.write_bytes(b"no archive")
    assert len(_learn(str(tmp_path)).learned.quality) == 4


def test_the_clock_shortens_learning() -> None:
    """Law: with no time at all one epoch is learned, and the model answers."""
    model = SelfAttention(**SMALL | {"minutes": 0.0}).fit(ArraySnapshot.of_sequences(ring(), RING), seed=1)
    assert model.facts()["learning"]["epochs"] == 1
    assert np.isfinite(model.score(Histories.of_sequences([[1]]), 0)).all()


def test_a_new_product_is_not_cold() -> None:
    """Planted truth: a product that nobody bought is scored by its attributes, near its kind; without any it is NaN."""
    dice = np.random.default_rng(1)
    rows = [[int(item) for item in (kind * 10 + dice.permutation(9)[:5])] for kind in dice.integers(0, 2, 200)]
    named = {f"{item}": ["left" if item < 10 else "right"] for item in range(20)}
    attributes = Attributes.of_names(named, {f"{item}": item for item in range(21)})
    settings = SelfAttention(**SMALL)
    model = learn(settings, Sequences.of(Histories.of_sequences(rows), 21), attributes, None, Circumstances()).model
    scores = model.score(Histories.of_sequences([[1, 2, 3], [11, 12, 13]]), 0)
    assert scores[0, 9] > scores[0, 19]
    assert scores[1, 19] > scores[1, 9]
    assert np.isnan(scores[:, 20]).all()


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: learning without torch says which extra to install."""
    for name in [name for name in sys.modules if name.startswith("shopkeeper.learn.recommend.sequence.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Unavailable) as refused:
        SelfAttention().fit(ArraySnapshot.of_sequences(ring(), RING))
    assert (refused.value.key, refused.value.facts["extra"]) == ("extra_missing", "deep")


def test_a_network_is_a_member_of_the_hybrid(tmp_path: Path) -> None:
    """Law: a shop can name a network in its hybrid; kept on disk as plain arrays, it answers the same."""
    shop = small_shop()
    network = SelfAttention(dimensions=16, epochs=2, negatives=8)
    model = Hybrid(members=("popularity.Popularity", network), least=-1.0).fit(shop, seed=1)
    assert "attention" in model.names
    for name, part in model.arrays().items():
        np.save(tmp_path / f"{name}.npy", part, allow_pickle=False)
    arrays = {path.name.removesuffix(".npy"): np.load(path, mmap_mode="r") for path in tmp_path.iterdir()}
    again = HybridModel.restore(arrays, json.loads(json.dumps(model.facts())))
    people, now = shop.histories(), microseconds(shop.moment)
    assert np.array_equal(model.score(people, now), again.score(people, now), equal_nan=True)


def test_settings_are_kept_apart() -> None:
    """Law: attention, GRU and LSTM are told apart although they share their settings."""
    assert len({repr(kind()) for kind in (SelfAttention, GRU, LSTM)}) == 3
    assert dataclasses.replace(GRU(), epochs=2).body == "gru"
