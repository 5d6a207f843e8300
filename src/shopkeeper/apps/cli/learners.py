"""What the benchmarks of learners print alike: figures with their ranges, and the tree drawn."""

from collections.abc import Sequence

from shopkeeper.apps.cli import say
from shopkeeper.learn.propensity.comparing import Judged
from shopkeeper.learn.propensity.reading import drawn
from shopkeeper.learn.rating.comparing import JudgedRater
from shopkeeper.measure.bootstrap import Interval


def figure(one: Interval) -> str:
    """A figure and the range it lies in."""
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def draw_tree(found: Sequence[Judged | JudgedRater], leaf: str = "{:.1%}") -> None:
    """Print the decision tree's questions, where it is among them; a leaf is written as ``leaf`` says."""
    for one in found:
        if one.learner == "decision_tree":
            yes, no, rows = (say.text(f"propensity_{name}") for name in ("yes", "no", "rows"))
            say.verbatim(drawn(one.model.model, yes=yes, no=no, rows=rows, leaf=leaf))
