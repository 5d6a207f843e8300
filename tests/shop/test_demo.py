"""The demo's notice is said in the reader's language."""

import pytest

from shopkeeper.locale import LANGUAGES, say
from shopkeeper.shop.demo import notice_in


@pytest.mark.parametrize("weeks", [1, 27])
def test_the_notice_is_in_the_readers_language(weeks: int) -> None:
    """Whichever language the shop was made in; another shop's own notice stays as it was written."""
    for made in LANGUAGES:
        for read in LANGUAGES:
            there = say(made, "cli", "demo_notice", weeks=weeks)
            assert notice_in(read, there) == say(read, "cli", "demo_notice", weeks=weeks)
    assert notice_in("zh", "Simulated: 27 people") == "Simulated: 27 people"
    assert notice_in("zh", "") == ""
