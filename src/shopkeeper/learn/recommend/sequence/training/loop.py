"""Learning step by step: batches, steps, averages, validation, checkpoints and the clock."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from shopkeeper.core.histories import Float32, Int64
from shopkeeper.learn.recommend.sequence.attributes import Attributes
from shopkeeper.learn.recommend.sequence.learning import Circumstances, Judged, Learned, Plan, Weights
from shopkeeper.learn.recommend.sequence.sequences import Sequences, Windows
from shopkeeper.learn.recommend.sequence.training import softmax
from shopkeeper.learn.recommend.sequence.training.checkpoint import Checkpoint, fingerprint
from shopkeeper.learn.recommend.sequence.training.network import Network, Shape

_WARM_STEPS = 200
_LEAST_RATE = 0.02
_POPULAR = 0.75
"""Others are drawn by how often they were bought to this power."""


def learn(
    shape: Shape, start: Float32, attributes: Attributes, known: Sequences, plan: Plan, judged: Judged | None,
    around: Circumstances,
) -> Learned:  # fmt: skip
    """A network learned from all sequences; the weights after the epoch that validated best."""
    with _own_dice(around.seed):
        network = Network(shape, start, attributes)
        if around.start is not None:
            network.load_state_dict({name: torch.from_numpy(part.copy()) for name, part in around.start.items()})
        facts = around.facts | {"plan": repr(plan), "shape": repr(shape), "seed": around.seed}
        return _Course(network, known, plan, judged, around, fingerprint(known, facts)).run()


@contextmanager
def _own_dice(seed: int) -> Iterator[None]:
    """torch's one global random state, set and given back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class _Course:
    """One learning from beginning to end."""

    def __init__(
        self, network: Network, known: Sequences, plan: Plan, judged: Judged | None, around: Circumstances, mark: str
    ) -> None:
        self.network, self.plan, self.judged, self.around = network, plan, judged, around
        self.known, self.windows = known, known.windows(network.shape.length)
        self.parts = list(network.parameters())
        self.optimiser = torch.optim.Adam(self.parts, lr=plan.learning_rate, betas=(0.9, 0.98), fused=True)
        self.average = [part.detach().clone() for part in self.parts]
        self.best = [part.clone() for part in self.average]
        products = len(network.products.own)
        chance = np.bincount(known.item, minlength=products).astype(np.float64) ** _POPULAR
        self.chance = torch.from_numpy((chance / max(chance.sum(), 1)).astype(np.float32))
        self.quality: list[float] = []
        self.step, self.spent = 0, 0.0
        self.checkpoint = Checkpoint(plan.checkpoint, mark)

    def run(self) -> Learned:
        began = time.monotonic()
        self._resume()
        last = self.plan.epochs
        while len(self.quality) < last and len(self.windows) and not self._tired():
            self.around.progress(self.around.task, len(self.quality), last)
            self._epoch(last)
            self._validate()
            self.spent += time.monotonic() - began
            began = time.monotonic()
            self._keep()
            last = min(last, self._affordable())
        self.around.progress(self.around.task, last, last)
        self.checkpoint.remove()
        return Learned(weights=self._weights(), quality=tuple(self.quality), seconds=self.spent)

    def _affordable(self) -> int:
        """How many epochs fit into the time, judged by those done; at least those done."""
        each = self.spent / max(len(self.quality), 1)
        return max(len(self.quality), int(self.plan.seconds / max(each, 1e-9)))

    def _tired(self) -> bool:
        since = len(self.quality) - 1 - int(np.argmax(self.quality)) if self.quality else 0
        return self.judged is not None and since >= self.plan.patience

    def _epoch(self, last: int) -> None:
        """Every window once. Seeded by epoch, so that a resumed learning goes the same way."""
        number = len(self.quality)
        torch.manual_seed(self.around.seed * 1_000_003 + number)
        groups = self.windows.batches(self.plan.batch_tokens, np.random.default_rng([self.around.seed, number]))
        self.network.train()
        for group in groups:
            done = self.step / max(last * len(groups), 1)
            rate = self.plan.learning_rate * min(1.0, (self.step + 1) / _WARM_STEPS) * max(_LEAST_RATE, 1 - done)
            for setting in self.optimiser.param_groups:
                setting["lr"] = rate
            self._one_step(group)

    def _one_step(self, group: Windows) -> None:
        width = int(group.size.max())
        items = torch.from_numpy(self.known.padded(group, width))
        real = torch.arange(1, width) < torch.from_numpy(group.size)[:, None]
        loss = self._loss(items, real)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own is untyped
        self.optimiser.step()
        self.step += 1
        kept = min(self.plan.averaging, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [part.detach() for part in self.parts], 1 - kept)

    def _loss(self, items: Tensor, real: Tensor) -> Tensor:
        temperature = self.network.shape.temperature
        if not self.plan.negatives:
            table = self.network.products()
            asked = self.network(items[:, :-1], table)[real] / temperature
            return softmax.full(asked, table, items[:, 1:][real])
        drawn = torch.multinomial(self.chance, self.plan.negatives, replacement=True)
        touched, row = torch.cat([items.ravel(), drawn]).unique(return_inverse=True)  # type: ignore[no-untyped-call]  # torch's own is untyped
        table = self.network.products(touched)
        items, drawn = row[: items.numel()].view_as(items), row[items.numel() :]
        asked = self.network(items[:, :-1], table)[real] / temperature
        expected = (self.chance[touched] * self.plan.negatives + 1e-9).log()
        return softmax.sampled(asked, table, items[:, 1:][real], drawn, expected)

    def _validate(self) -> None:
        """The averaged weights' NDCG@10, and the best so far remembered."""
        value = 0.0
        if self.judged is not None and len(self.judged.wanted):
            with self._averaged():
                value = quality(self.network, self.judged)
        if self.judged is None or not self.quality or value > max(self.quality):
            self.best = [part.clone() for part in self.average]
        self.quality.append(value)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        own = [part.detach().clone() for part in self.parts]
        _set(self.parts, self.average)
        yield
        _set(self.parts, own)

    def _weights(self) -> Weights:
        _set(self.parts, self.best)
        return {name: part.detach().numpy().copy() for name, part in self.network.state_dict().items()}

    def _keep(self) -> None:
        state = self.optimiser.state_dict()["state"]
        moments = {
            f"{name}.{at}": state[at][name].numpy() for at in state for name in ("step", "exp_avg", "exp_avg_sq")
        }
        tables = (("own", self.parts), ("average", self.average), ("best", self.best))
        parts = {f"{name}.{at}": part.detach().numpy() for name, some in tables for at, part in enumerate(some)}
        self.checkpoint.write(moments | parts, {"step": self.step, "spent": self.spent, "quality": self.quality})

    def _resume(self) -> None:
        found = self.checkpoint.read()
        if found is None:
            return
        arrays, facts = found
        for name, some in (("own", self.parts), ("average", self.average), ("best", self.best)):
            _set(some, [torch.from_numpy(arrays[f"{name}.{at}"]) for at in range(len(some))])
        state = {
            at: {name: torch.from_numpy(arrays[f"{name}.{at}"]) for name in ("step", "exp_avg", "exp_avg_sq")}
            for at in range(len(self.parts))
            if f"step.{at}" in arrays
        }
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})
        self.step, self.spent, self.quality = facts["step"], facts["spent"], facts["quality"]


def _set(parts: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for part, value in zip(parts, values, strict=True):
            part.copy_(value)


def quality(network: Network, judged: Judged) -> float:
    """Mean NDCG@10 of one wanted product each, among all that the person does not have; ties count as misses."""
    network.eval()
    gains = np.zeros(len(judged.wanted))
    with torch.no_grad():
        table = network.products()
        for width, rows in judged.asked.by_width(network.shape.length):
            place = _places(network, table, judged, rows, width)
            gains[rows] = np.where(place < 10, 1 / np.log2(place + 2.0), 0.0)
    return float(gains.mean())


def _places(network: Network, table: Tensor, judged: Judged, rows: Int64, width: int) -> Int64:
    some = judged.asked.rows(rows)
    hidden = network(torch.from_numpy(judged.sequences.padded(some, width)), table)
    scores = hidden[torch.arange(len(rows)), torch.from_numpy(some.size - 1)] @ table.T
    sizes = judged.seen.sizes[rows]
    owner = np.repeat(np.arange(len(rows)), sizes)
    first = judged.seen.offsets[:-1][rows] - (np.cumsum(sizes) - sizes)
    scores[owner, judged.seen.item[np.repeat(first, sizes) + np.arange(len(owner))]] = -torch.inf
    own = scores[torch.arange(len(rows)), torch.from_numpy(judged.wanted[rows])]
    place: Int64 = ((scores >= own[:, None]).sum(dim=1) - 1).numpy()
    return place
