"""Laws of the simulated shop: the asked size, equal for equal settings, and its planted truth can be found again."""

from pathlib import Path

import numpy as np
import pyarrow.csv as pc

from shopkeeper.core.histories import Histories
from shopkeeper.data.sources.synthetic import SyntheticShop
from shopkeeper.learn.recommend.association_rules import AssociationRules
from shopkeeper.learn.recommend.item_knn import ItemKNN
from shopkeeper.learn.snapshot import ArraySnapshot

SHOP = SyntheticShop(products=60, customers=400, events=30_000, view_share=0.2)


def test_equal_settings_give_equal_files_of_the_asked_size(tmp_path: Path) -> None:
    """Every file has the rows that were asked for, without gaps, and is the same byte for byte the next time."""
    first, again = SHOP.write(tmp_path / "a"), SHOP.write(tmp_path / "b")
    rows = {kind: pc.read_csv(path).num_rows for kind, path in first.items()}
    assert rows == {"products": 60, "order_lines": 24_000, "events": 6_000}
    assert all(first[kind].read_bytes() == again[kind].read_bytes() for kind in first)
    assert all(pc.read_csv(path).to_pandas().notna().all().all() for path in first.values())


def _bought(folder: Path) -> ArraySnapshot:
    lines = pc.read_csv(SHOP.write(folder)["order_lines"]).to_pandas().sort_values(["customer", "order"], kind="stable")
    product = lines["product"].str[1:].astype(int).to_numpy()
    sizes = lines.groupby("customer", sort=True).size().to_numpy()
    histories = Histories.of_sequences([part.tolist() for part in np.split(product, np.cumsum(sizes)[:-1])])
    basket = lines["order"].str[1:].astype(np.int32).to_numpy()
    object.__setattr__(histories, "order", basket)
    object.__setattr__(histories, "at", basket.astype(np.int64) * 1_000_000)
    return ArraySnapshot.of(histories, SHOP.products)


def test_planted_pairs_are_found(tmp_path: Path) -> None:
    """A product's planted partner follows it in three orders of ten, far above chance (1 in 60): both the rules and
    item-kNN put it first for at least nine products of ten."""
    known = _bought(tmp_path)
    partner = SHOP.partner(np.arange(SHOP.products))
    for settings in (AssociationRules(), ItemKNN(shrink=5)):
        model = settings.fit(known)
        alone = Histories.of_sequences([[product] for product in range(SHOP.products)])
        scores = np.nan_to_num(model.score(alone, 0), nan=-1.0)
        scores[np.arange(SHOP.products), np.arange(SHOP.products)] = -2.0
        assert (scores.argmax(axis=1) == partner).mean() >= 0.9, type(settings).__name__
