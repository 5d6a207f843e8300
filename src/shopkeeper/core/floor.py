"""The fewest people that any figure may speak of, and how figures about people are said.

Every figure is a multiple of the floor, so sums and differences of figures are too: none of them isolates fewer people.
Source: k-anonymity (Sweeney 2002); rounding to a base as statistical offices do (Willenborg, de Waal 2001).
"""

from typing import Final

FLOOR: Final = 20


def said(people: int) -> int | None:
    """The number of people to the nearest multiple of 20; None where there are fewer than 20."""
    if people < FLOOR:
        return None
    return (people + FLOOR // 2) // FLOOR * FLOOR
