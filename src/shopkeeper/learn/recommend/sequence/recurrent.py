"""Which product comes next, by networks that carry a state from product to product: GRU and LSTM."""

from dataclasses import dataclass
from typing import ClassVar

from shopkeeper.core.ports import Progress, Snapshot, quiet
from shopkeeper.learn.recommend.sequence.fitting import fit
from shopkeeper.learn.recommend.sequence.learning import Circumstances
from shopkeeper.learn.recommend.sequence.model import SequenceModel


@dataclass(frozen=True, slots=True, kw_only=True)
class GRU:
    """A state of twice the dimensions is updated by each product of the history through two gates; what it says at
    the end is compared with every product as in ``SelfAttention``, whose settings have the same meaning here.

    Source: Hidasi and others (2016), Session-based recommendations with recurrent neural networks; Cho and others
    (2014), Learning phrase representations using RNN encoder-decoder for statistical machine translation.
    """

    body: ClassVar = "gru"
    blocks: ClassVar = 1
    heads: ClassVar = 1
    dimensions: int = 64
    length: int = 50
    dropout: float = 0.4
    temperature: float = 0.07
    attributes: bool = True
    negatives: int = 1024
    epochs: int = 12
    learning_rate: float = 0.004
    batch_tokens: int = 1024
    averaging: float = 0.999
    patience: int = 3
    judged_people: int = 2000
    minutes: float = 60.0
    checkpoint: str = ""

    def fit(self, known: Snapshot, *, seed: int = 0) -> SequenceModel:
        return self.fit_watched(known, seed=seed)

    def fit_watched(self, known: Snapshot, *, seed: int = 0, progress: Progress = quiet) -> SequenceModel:
        """The same, telling after each epoch how far it is."""
        return fit(self, known, Circumstances(seed=seed, progress=progress, task=self.body))


@dataclass(frozen=True, slots=True, kw_only=True)
class LSTM(GRU):
    """As ``GRU``, with a memory cell and three gates.

    Source: Hochreiter, Schmidhuber (1997), Long short-term memory.
    """

    body: ClassVar = "lstm"
