"""Every estimator that discovery finds keeps every law: a new algorithm is tested by being there."""

import pytest

from shopkeeper.core.errors import SettingsError
from shopkeeper.learn.discovery import discover, estimator
from shopkeeper.testing.estimators import LAWS, Law

FOUND = discover()
QUICK: dict[str, dict[str, float]] = {
    "recommend.trending.Trending": {"least": 0.1},
    "recommend.sequence.attention.SelfAttention": {"epochs": 1, "dimensions": 16, "negatives": 8},
    "recommend.sequence.recurrent.GRU": {"epochs": 1, "dimensions": 16, "negatives": 8},
    "recommend.sequence.recurrent.LSTM": {"epochs": 1, "dimensions": 16, "negatives": 0},
}
"""Settings of those whose default learning takes minutes or finds nothing in so small a shop: laws hold for any."""


@pytest.mark.parametrize("path", FOUND)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_estimator_keeps_every_law(path: str, law: Law) -> None:
    """The law of this name, for the estimator of this path with its default settings (fewer epochs for networks)."""
    law(FOUND[path](**QUICK.get(path, {})))


def test_discovery_finds_what_the_package_holds() -> None:
    """Discovery names the estimators as shop.toml does, and nothing that is not one (models, tables)."""
    names = {
        "popularity.Popularity", "buy_again.BuyAgain", "item_knn.ItemKNN", "sequential_knn.SequentialItemKNN",
        "user_knn.UserKNN",
    }  # fmt: skip
    assert {f"recommend.{name}" for name in names} <= set(FOUND)
    assert not any(path.endswith("Model") for path in FOUND)


def test_an_unknown_path_is_refused_with_the_known_ones() -> None:
    """A path that names no estimator raises a SettingsError that lists what there is."""
    for path in ("recommend.item_knn.Nothing", "os.path", "", "recommend.item_knn.ItemKNNModel"):
        with pytest.raises(SettingsError) as refused:
            estimator(path)
        assert "recommend.item_knn.ItemKNN" in str(refused.value.facts["wanted"])


def test_a_path_gives_its_class() -> None:
    """Every discovered path leads back to its class."""
    assert all(estimator(path) is kind for path, kind in FOUND.items())
