"""The quality floor of the sequential model on a public data set, under the published protocol."""

from pathlib import Path

import numpy as np
import pytest

from shopkeeper.core.histories import Histories
from shopkeeper.learn.recommend.sequential_knn import SequentialItemKNN
from shopkeeper.learn.snapshot import ArraySnapshot

BEAUTY = Path(__file__).parents[4] / "shared" / "data" / "amazon_sequences" / "Beauty.txt"


def _sequences() -> list[list[int]]:
    lines = [[int(item) for item in line.split()[1:]] for line in BEAUTY.read_text().splitlines()]
    numbers = sorted({item for line in lines for item in line})
    shuffled = np.random.default_rng(0).permutation(len(numbers))  # a file's numbering must not help
    index = dict(zip(numbers, shuffled.tolist(), strict=True))
    return [[index[item] for item in line] for line in lines]


@pytest.mark.skipif(not BEAUTY.is_file(), reason="needs ../shared/data/amazon_sequences/Beauty.txt")
def test_next_item_on_beauty() -> None:
    """Learned without each line's last two items, asked with all but the last: HR@10 and NDCG@10 over all unseen."""
    lines = _sequences()
    products = 1 + max(max(line) for line in lines)
    model = SequentialItemKNN().fit(ArraySnapshot.of_sequences([line[:-2] for line in lines], products))
    places = []
    for start in range(0, len(lines), 512):
        asked = Histories.of_sequences([line[:-1] for line in lines[start : start + 512]])
        wanted = np.array([line[-1] for line in lines[start : start + 512]])
        scores = np.nan_to_num(model.score(asked, 0), nan=0.0)
        scores[asked.row_of_event(), asked.product] = -1.0
        own = scores[np.arange(len(wanted)), wanted][:, None]
        places.append((scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2)
    place = np.concatenate(places)
    hit = place < 10
    assert hit.mean() >= 0.085
    assert np.where(hit, 1 / np.log2(place + 2), 0.0).mean() >= 0.0535
