"""Laws of shop.toml: what is right is read, what is wrong is named with its place and what is allowed."""

from pathlib import Path
from typing import Any

import pytest

from shopkeeper.core.action import Action
from shopkeeper.core.errors import SettingsError
from shopkeeper.settings import DEFAULT_MODELS, Settings, load, parse, template


def test_an_empty_file_is_the_defaults() -> None:
    """No section is required."""
    assert parse({}) == Settings()
    assert parse({}).models == DEFAULT_MODELS


def test_the_template_reads_back(tmp_path: Path) -> None:
    """What ``init`` writes is what is read, quotes, newlines and Chinese included."""
    name = 'The "best"\n店铺\\'
    (tmp_path / "shop.toml").write_text(template(name, "CNY", "Asia/Shanghai", "zh", "注意"), "utf-8")
    shop = load(tmp_path).shop
    assert (shop.name, shop.currency, shop.timezone, shop.language, shop.notice) == (
        name, "CNY", "Asia/Shanghai", "zh", "注意",
    )  # fmt: skip


def test_a_model_section_keeps_its_settings() -> None:
    """Everything but ``use`` is handed to the algorithm."""
    found = parse({"models": {"mine": {"use": "recommend.item_knn.ItemKNN", "shrink": 10}}}).models["mine"]
    assert (found.use, found.settings) == ("recommend.item_knn.ItemKNN", {"shrink": 10})


@pytest.mark.parametrize(
    ("table", "key", "fact"),
    [
        ({"shoop": {}}, "setting_unknown", "shoop"),
        ({"shop": {"colour": "red"}}, "setting_unknown", "colour"),
        ({"shop": {"currency": "dollars"}}, "setting_bad", "dollars"),
        ({"shop": {"timezone": "Mars/Base"}}, "setting_bad", "Mars/Base"),
        ({"shop": {"language": "fr"}}, "setting_bad", "fr"),
        ({"shop": "x"}, "setting_bad", "x"),
        ({"batch": {"master": "sparrk://x"}}, "setting_bad", "sparrk://x"),
        ({"shop": {"format": 99}}, "shop_too_new", "99"),
        ({"shop": {"format": 0}}, "shop_too_old", "0"),
        ({"serve": {"port": 99999}}, "setting_bad", "99999"),
        ({"serve": {"port": "80"}}, "setting_bad", "80"),
        ({"serve": {"port": True}}, "setting_bad", "True"),
        ({"train": {"test_days": 0}}, "setting_bad", "0"),
        ({"models": {"m": {}}}, "setting_bad", "None"),
    ],
)
def test_mistakes_are_named(table: dict[str, Any], key: str, fact: str) -> None:
    """Each mistake is one error with its key, and the facts hold what was found."""
    with pytest.raises(SettingsError) as caught:
        parse(table)
    assert caught.value.key == key
    assert fact in " ".join(map(str, caught.value.facts.values()))


@pytest.mark.parametrize("text", ["[shop", "shop = \x00", "\ufeff\ufeff["])
def test_an_unreadable_file_is_said_to_be_one(tmp_path: Path, text: str) -> None:
    """Broken TOML names the file; a folder without a shop.toml says that there is no shop."""
    with pytest.raises(SettingsError, match="shop_folder_missing"):
        load(tmp_path)
    (tmp_path / "shop.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match="settings_unreadable"):
        load(tmp_path)


def test_weights_of_actions() -> None:
    """What is named takes its weight, the rest keeps its own; a weight that makes no sense is refused by its name."""
    weights = parse({"weights": {"product_view": 0.6, "dismiss": -2, "dwell": 0}}).weights.table()
    assert weights.of_one(Action.PRODUCT_VIEW, 2.0) == pytest.approx(0.6)
    assert weights.of_one(Action.DISMISS, 1.0) == -2
    assert weights.of_one(Action.CART_ADD, 1.0) == 0.5
    for bad in ({"order": 0}, {"dwell": 1.5}, {"cart_add": float("nan")}, {"click": 11}, {"impression": 1.0}):
        with pytest.raises(SettingsError) as refused:
            parse({"weights": bad})
        assert refused.value.facts["name"] in bad
