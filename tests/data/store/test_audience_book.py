"""Audiences, figures and bundles on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from shopkeeper.data.store.audiences import Saved
from shopkeeper.data.store.state import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def saved(name: str = "Dairy", at_least: int = 2) -> Saved:
    return Saved(id="a_1", name=name, rule={"field": "orders", "at_least": at_least}, purpose="email", changed_at=NOW)


def test_an_audience_is_kept_changed_and_removed(place: Any) -> None:
    """What was saved is read by another process; the same id is changed, not doubled; deleting says whether it was."""
    state = State(place)
    state.audiences.save(saved())
    state.audiences.save(saved("Dairy often", 5))
    other = State(place)
    assert other.audiences.list() == [saved("Dairy often", 5)]
    assert other.audiences.find("a_2") is None
    assert state.audiences.delete("a_1")
    assert not state.audiences.delete("a_1")
    state.close()
    other.close()


def test_figures_are_remembered_in_order_and_lists_apart(place: Any) -> None:
    """Counts and lists come back bit for bit, oldest first, the newest 300; a list is not among the counts."""
    state = State(place)
    members = [np.packbits(np.arange(64) % step == 0) for step in (2, 3, 5)]
    for number, each in enumerate(members):
        state.audiences.remember(each, 20 * number or None, at=NOW)
    state.audiences.remember(members[0], None, at=NOW, audience="a_1")
    other = State(place)
    assert [figure.people for figure in other.audiences.figures()] == [None, 20, 40]
    assert all(np.array_equal(f.members, m) for f, m in zip(other.audiences.figures(), members, strict=True))
    assert len(other.audiences.lists(other_than="a_1")) == 0
    assert np.array_equal(other.audiences.lists(other_than="a_2")[0], members[0])
    state.close()
    other.close()


def test_bundles_answer_from_memory_and_follow_changes(place: Any) -> None:
    """Partners come in the order of their making; making one twice is no error; undoing takes it out at once."""
    state = State(place)
    for partner in ("tea", "milk", "tea"):
        state.bundles.make("cup", partner, at=NOW)
    assert state.bundles.partners_of("cup") == ("milk", "tea") or state.bundles.partners_of("cup") == ("tea", "milk")
    assert state.bundles.partners_of("plate") == ()
    assert state.bundles.undo("cup", "tea")
    assert not state.bundles.undo("cup", "tea")
    assert state.bundles.partners_of("cup") == ("milk",)
    state.close()
