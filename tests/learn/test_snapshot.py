"""The in-memory snapshot cuts time exactly."""

from datetime import timedelta

import numpy as np
import pytest

from shopkeeper.core.histories import Histories
from shopkeeper.learn.snapshot import EPOCH, ArraySnapshot, microseconds


def test_nothing_at_or_after_the_moment_is_known() -> None:
    """as_of keeps the events strictly before the moment, all people, and the catalogue's numbering."""
    shop = ArraySnapshot.of_sequences([[0, 1, 2], [3]], 9)
    cut = shop.as_of(EPOCH + timedelta(days=2))
    assert cut.histories().product.tolist() == [0, 1, 3]
    assert len(cut.histories()) == 2
    assert len(cut.catalogue()) == 9
    assert cut.moment == EPOCH + timedelta(days=2)


def test_the_future_is_refused() -> None:
    """A moment later than the snapshot's own is a ValueError."""
    shop = ArraySnapshot.of_sequences([[0]])
    with pytest.raises(ValueError, match="does not know"):
        shop.as_of(shop.moment + timedelta(microseconds=1))


def test_the_default_moment_is_after_everything() -> None:
    """Without a moment all events are known; with one, later events are dropped at once."""
    events = Histories.of_sequences([[0, 1]])
    assert ArraySnapshot.of(events, 2).histories().events == 2
    assert ArraySnapshot.of(events, 2, EPOCH + timedelta(hours=1)).histories().events == 1


def test_microseconds_are_exact() -> None:
    """The conversion has no rounding of floating point."""
    moment = EPOCH + timedelta(days=20_000, microseconds=123_457)
    assert microseconds(moment) == 20_000 * 86_400_000_000 + 123_457
    assert np.int64(microseconds(EPOCH)) == 0
