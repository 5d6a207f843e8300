"""Laws of a shop's life: whatever happens to it in whatever order, every answer may be shown, and nothing is lost."""

import pytest
from machine import live


def test_whatever_happens_in_whatever_order_answers_may_be_shown_and_nothing_is_lost() -> None:
    """A few lives of a shop, step by step against a model of it."""
    lived = live(3, 12)
    assert lived.lives >= 3
    assert lived.steps > 20


@pytest.mark.slow
@pytest.mark.timeout(7_200)
def test_many_lives_of_a_shop() -> None:
    """The same of 100 longer lives."""
    assert live(100, 40).lives >= 100
