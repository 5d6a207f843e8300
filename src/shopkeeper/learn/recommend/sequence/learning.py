"""What learning a sequence model needs to know, and what it hands back: no torch in here."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from shopkeeper.core.histories import Int64
from shopkeeper.core.ports import Progress, quiet
from shopkeeper.learn.recommend.sequence.sequences import Sequences, Windows

Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how fast to learn."""

    epochs: int
    learning_rate: float
    batch_tokens: int
    negatives: int
    """Others that a right product is told from; 0 = all."""
    averaging: float
    """The weights that answer are a moving average over about ``1 / (1 - averaging)`` steps."""
    patience: int
    """Epochs without a better validation after which learning stops."""
    seconds: float
    checkpoint: str = ""
    """Folder in which an interrupted learning is kept; "" = nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a network is validated on: the person's items up to a moment, and the one that came next."""

    sequences: Sequences
    asked: Windows
    wanted: Int64
    seen: Sequences
    """Row ``n`` are the items that person ``n`` already has; they are not ranked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The best averaged weights, and the validation NDCG@10 after each epoch."""

    weights: Weights
    quality: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Seed, progress and the weights to go on from."""

    seed: int = 0
    progress: Progress = quiet
    task: str = "network"
    start: Weights | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """What a checkpoint must be of, so that it is never used for something else."""
