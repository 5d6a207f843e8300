"""What may not be targeted is recognised in both languages, by the beginnings of words."""

import pytest

from shopkeeper.core.sensitive import is_sensitive


@pytest.mark.parametrize(
    "text", ["Health care", "religious_books", "union member", "Pregnancy tests", "孕妇装", "宗教用品", "HIV test"]
)
def test_special_categories_are_recognised(text: str) -> None:
    """Names that speak of health, belief, origin, politics or sex life are sensitive."""
    assert is_sensitive(text)


@pytest.mark.parametrize(
    "text",
    ["Grocery", "bracelets", "reunion tour", "age", "home_ownership", "Drug and general merchandise", "健身", ""],
)
def test_ordinary_names_are_not(text: str) -> None:
    """Words that merely contain such letters are not."""
    assert not is_sensitive(text)


def test_a_shop_may_add_words() -> None:
    """``[privacy] sensitive`` adds words, in any script."""
    assert not is_sensitive("Wine and beer")
    assert is_sensitive("Wine and beer", ["wine"])
    assert is_sensitive("白酒", ["白酒"])
