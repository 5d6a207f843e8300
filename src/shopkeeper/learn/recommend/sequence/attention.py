"""Which product comes next, by a network that weighs every product of the history against the newest one."""

from dataclasses import dataclass
from typing import ClassVar, Final

from shopkeeper.core.ports import Progress, Snapshot, quiet
from shopkeeper.learn.recommend.sequence.fitting import fit
from shopkeeper.learn.recommend.sequence.learning import Circumstances
from shopkeeper.learn.recommend.sequence.model import SequenceModel

HOUR: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfAttention:
    """Products are directions in space. Each step of a history looks back at those before it, and the last one points
    to what comes next: ``score = cos(where it points, product) / temperature``.

    Needs the extra ``deep`` (torch) for learning, not for answering. A product's direction is its own vector plus those
    of its categories and brand, so that a new product already has a place. Nearness in the sequence is learned as a
    bias by distance; there are no positions from the start. A wrong product is told from a sample of others, drawn by
    popularity, and the draw is corrected for.

    Source: Kang, McAuley (2018), Self-attentive sequential recommendation; training as in Petrov, Macdonald (2023),
    gSASRec; Tikhonovich and others (2025), eSASRec. Averaged weights: Polyak, Juditsky (1992).
    """

    body: ClassVar = "attention"
    dimensions: int = 128
    blocks: int = 1
    heads: int = 2
    length: int = 50
    """The newest products of a history that are read."""
    dropout: float = 0.5
    temperature: float = 0.07
    attributes: bool = True
    """Whether categories and brands are part of a product's vector."""
    negatives: int = 1024
    """Others that the right product is told from; 0 = all."""
    epochs: int = 8
    learning_rate: float = 0.004
    batch_tokens: int = 1024
    averaging: float = 0.999
    patience: int = 3
    """Epochs without a better validation after which learning stops."""
    judged_people: int = 2000
    """At most so many people's newest product is kept back to validate on."""
    minutes: float = HOUR
    """Learning is planned to end within this time; a shorter one has fewer epochs."""
    checkpoint: str = ""
    """A folder in which an interrupted learning is kept, to go on from; "" = none."""

    def fit(self, known: Snapshot, *, seed: int = 0) -> SequenceModel:
        return self.fit_watched(known, seed=seed)

    def fit_watched(self, known: Snapshot, *, seed: int = 0, progress: Progress = quiet) -> SequenceModel:
        """The same, telling after each epoch how far it is."""
        return fit(self, known, Circumstances(seed=seed, progress=progress, task=self.body))
