"""What lightfm's WARP would answer to ``shopkeeper benchmark next-item``: lists for its option ``--beside``.

``python tools/lightfm_lists.py given.txt lightfm.csv`` in an environment of its own. lightfm 1.17 is no dependency of
this project: its newest version is of 2023 and is built by an old installer alone (``pip==24.0 setuptools==65.5.1 wheel
"numpy<2"``, then ``pip install --no-build-isolation --no-use-pep517 lightfm==1.17``; a compiler is needed).

How many factors and epochs is chosen by each person's last given item, learning without it; then it learns from all
that is given, since it knows a person by what it learned of them alone.
Source: Kula (2015), Metadata embeddings for user and item cold-start recommendations; Weston et al. (2011), WSABIE.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from lightfm import LightFM
from scipy import sparse

FACTORS, EPOCHS, COUNT, SEED = (16, 32, 64, 128), (5, 10, 20, 40, 80), 20, 0


def table(rows: list[list[int]], items: int) -> sparse.coo_matrix:
    """(people, items) 1 where somebody has an item."""
    who = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    what = np.array([item for row in rows for item in row])
    return sparse.coo_matrix((np.ones(len(who), np.float32), (who, what)), (len(rows), items))


def best(model: LightFM, rows: list[list[int]]) -> np.ndarray:
    """(people, COUNT) the best items that each does not have."""
    bias, factors = model.get_item_representations()
    own = model.get_user_representations()[1]
    scores = own @ factors.T + bias
    for person, row in enumerate(rows):
        scores[person, row] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :COUNT]


def found(rows: list[list[int]], items: int, factors: int, epochs: tuple[int, ...]) -> dict[int, np.ndarray]:
    """epochs -> lists after so many."""
    model, known, done, lists = (
        LightFM(no_components=factors, loss="warp", random_state=SEED),
        table(rows, items),
        0,
        {},
    )
    for until in epochs:
        model.fit_partial(known, epochs=until - done, num_threads=1)
        lists[until], done = best(model, rows), until
    return lists


def quality(lists: np.ndarray, wanted: np.ndarray) -> float:
    """NDCG@10 of one wanted item a person."""
    person, place = np.nonzero(lists[:, :10] == wanted[:, None])
    return float((1 / np.log2(place + 2)).sum() / len(lists)) if len(person) else 0.0


def main() -> None:
    given = [line.split() for line in Path(sys.argv[1]).read_text("utf-8").splitlines()]
    names = sorted({item for _, *items in given for item in items})
    number = {name: place for place, name in enumerate(np.random.default_rng(SEED).permutation(names).tolist())}
    named = {place: name for name, place in number.items()}
    rows = [[number[item] for item in items] for _, *items in given]
    wanted, before = np.array([row[-1] for row in rows]), [row[:-1] for row in rows]
    tried = {
        (factors, epochs): quality(lists, wanted)
        for factors in FACTORS
        for epochs, lists in found(before, len(names), factors, EPOCHS).items()
    }
    factors, epochs = max(tried, key=lambda pair: tried[pair])
    print({"factors": factors, "epochs": epochs, "validation_ndcg@10": tried[factors, epochs]})  # noqa: T201 - a script
    lists = found(rows, len(names), factors, (epochs,))[epochs]
    with Path(sys.argv[2]).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("user", "rank", "item"))
        for (user, *_), items in zip(given, lists.tolist(), strict=True):
            writer.writerows((user, rank, named[item]) for rank, item in enumerate(items, 1))


if __name__ == "__main__":
    main()
