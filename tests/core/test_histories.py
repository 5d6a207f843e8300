"""Laws of Histories: cutting, picking and splitting people never mixes or loses their events."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.histories import Histories

SEQUENCES = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8)


def _lists(histories: Histories) -> list[list[int]]:
    return [
        histories.product[begin:end].tolist()
        for begin, end in zip(histories.offsets[:-1], histories.offsets[1:], strict=True)
    ]


@given(SEQUENCES)
def test_sequences_come_back(sequences: list[list[int]]) -> None:
    """``of_sequences`` keeps every item of every person in order."""
    histories = Histories.of_sequences(sequences)
    assert _lists(histories) == sequences
    assert (len(histories), histories.events) == (len(sequences), sum(map(len, sequences)))


@given(SEQUENCES, st.integers(1, 4))
def test_last_keeps_the_newest(sequences: list[list[int]], count: int) -> None:
    """``last`` equals the tail of each list; ``age_rank`` counts from the newest."""
    histories = Histories.of_sequences(sequences)
    assert _lists(histories.last(count)) == [items[-count:] for items in sequences]
    assert histories.age_rank().tolist() == [age for items in sequences for age in range(len(items) - 1, -1, -1)]


@given(SEQUENCES, st.data())
def test_rows_picks_people_whole(sequences: list[list[int]], data: st.DataObject) -> None:
    """``rows`` gives these people, in this order, repeats included, with all their events."""
    histories = Histories.of_sequences(sequences)
    which = data.draw(st.lists(st.integers(0, len(sequences) - 1), max_size=6)) if sequences else []
    picked = histories.rows(np.array(which, np.int64))
    assert _lists(picked) == [sequences[row] for row in which]
    assert picked.people.tolist() == [str(row) for row in which]


@given(SEQUENCES, st.integers(1, 5))
def test_blocks_are_the_whole(sequences: list[list[int]], size: int) -> None:
    """Joining the blocks gives everybody, in order; each block's rows stand on their own."""
    histories = Histories.of_sequences(sequences)
    blocks = histories.blocks(size)
    assert [items for block in blocks for items in _lists(block)] == sequences
    assert all(len(block) <= size and block.offsets[0] == 0 for block in blocks)


@given(SEQUENCES, st.integers(0, 9))
def test_keep_drops_only_what_is_not_marked(sequences: list[list[int]], limit: int) -> None:
    """``keep`` filters each person's own events; people stay, even with none left."""
    histories = Histories.of_sequences(sequences)
    assert _lists(histories.keep(histories.product < limit)) == [[i for i in items if i < limit] for items in sequences]
    assert histories.of(Action.ORDER).events == histories.events
    assert histories.of(Action.CLICK).events == 0
