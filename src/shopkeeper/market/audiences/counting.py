"""Counts that single nobody out, however audiences are compared.

Three rules. A count of fewer than 20 is not said. Every count is said to the nearest multiple of 20, so that every sum
and difference of counts is a multiple of 20 too. And an audience that differs from one already counted by fewer than 20
people is given that one's count: asking twice with and without somebody gives the same figure.
Source: Denning, Denning, Schwartz (1979), The tracker: a threat to statistical database security.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.floor import FLOOR, said

Bits = NDArray[np.uint8]
"""One bit a person number, packed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A count that was said, and of whom."""

    members: Bits
    people: int | None
    """A multiple of 20; None: fewer than 20."""


def bits_of(numbers: NDArray[np.int64] | NDArray[np.int32], size: int) -> Bits:
    """The set of some person numbers below ``size``."""
    flags = np.zeros(size, np.bool_)
    flags[numbers] = True
    return np.packbits(flags)


def numbers_of(members: Bits) -> NDArray[np.int64]:
    """The person numbers of a set, ascending."""
    return np.flatnonzero(np.unpackbits(members)).astype(np.int64)


def both(left: Bits, right: Bits) -> Bits:
    """Who is in both sets."""
    short = min(len(left), len(right))
    return left[:short] & right[:short]


def size_of(members: Bits) -> int:
    return int(np.bitwise_count(members).sum())


def differences(left: Bits, right: Bits) -> tuple[int, int]:
    """How many are only in the left set, and how many only in the right."""
    together = size_of(both(left, right))
    return size_of(left) - together, size_of(right) - together


def counted(members: Bits, before: Iterable[Counted]) -> Counted:
    """What may be said of a set of people, given what was said before."""
    for other in before:
        if all(apart < FLOOR for apart in differences(members, other.members)):
            return Counted(members=members, people=other.people)
    return Counted(members=members, people=said(size_of(members)))


def isolates(members: Bits, before: Iterable[Bits]) -> bool:
    """Whether the lists of this set and of an earlier one together would point at fewer than 20 people."""
    return any(0 < apart < FLOOR for other in before for apart in differences(members, other))
