"""Choosing settings: one at a time, the best of a few values, as long as there is time."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The best settings found, what they reached, and how many were tried (the first included)."""

    settings: Mapping[str, Any]
    value: float
    tried: int


def climb(
    judge: Callable[[Mapping[str, Any]], float], start: Mapping[str, Any], choices: Mapping[str, Sequence[Any]],
    *, until: float, passes: int = 2,
) -> Chosen:  # fmt: skip
    """Coordinate ascent: go through ``choices`` in order, keep a value that ``judge`` likes better than the best.

    ``until`` is a moment of ``time.monotonic``: nothing new is tried after it, but the start is always judged. A pass
    that changes nothing is the last. Equal values keep the earlier settings.
    """
    best, value, tried = dict(start), judge(start), 1
    seen = {_key(best)}
    for _ in range(passes):
        before = dict(best)
        for name, values in choices.items():
            for option in values:
                candidate = {**best, name: option}
                if _key(candidate) in seen or time.monotonic() >= until:
                    continue
                seen.add(_key(candidate))
                reached, tried = judge(candidate), tried + 1
                if reached > value:
                    best, value = candidate, reached
        if best == before:
            break
    return Chosen(settings=best, value=value, tried=tried)


def _key(settings: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(settings.items()))
