"""What words speak of: whole matches before half ones, rare words more, Chinese by its words, plurals as singulars."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest

from shopkeeper.core.histories import Histories
from shopkeeper.learn.recommend.product_words import search_words
from shopkeeper.learn.recommend.search_words import SearchWords, SearchWordsModel
from shopkeeper.learn.snapshot import ArraySnapshot, nameless

NAMES = [
    "Whole milk 1l", "Oat milk", "Milk chocolate", "Rag doll", "Doll house", "纯牛奶 250ml", "牛奶巧克力", "儿童玩具熊",
]  # fmt: skip
KINDS = ["Dairy", "Dairy", "Sweets", "Toys", "Toys", "乳制品", "糖果", "玩具"]


def _model(bought: list[list[int]] | None = None) -> SearchWordsModel:
    goods = replace(nameless(8), names=np.array(NAMES, object), categories=(np.array(KINDS, object),))
    return SearchWords().learn(ArraySnapshot.of(Histories.of_sequences(bought or [[0]]), goods))


def _found(text: str) -> list[int]:
    return [product for product, _ in _model().find(text)]


def test_whole_matches_come_first() -> None:
    """Law: a product that has every word of a search comes before one that has some; capitals do not matter."""
    assert _found("oat MILK")[0] == 1
    assert set(_found("oat milk")) == {0, 1, 2}
    assert _found("dolls")[:2] in ([3, 4], [4, 3])


def test_categories_are_words_too() -> None:
    """Law: a category finds its products, though no name has the word."""
    assert set(_found("toys")) == {3, 4}
    assert set(_found("dairy")) == {0, 1}


def test_chinese_is_cut_into_words() -> None:
    """Law: a Chinese word is found inside longer names, a part that is no word is not; 玩具 is a category."""
    assert set(_found("牛奶")) == {5, 6}
    assert _found("牛奶巧克力")[0] == 6
    assert _found("玩具") == [7]
    assert _found("力") == []


def test_strength_is_the_share_of_what_was_asked() -> None:
    """Law: strengths are in 0..1; unknown words make a match weaker; of equal matches the better known comes first."""
    model = _model([[1], [1, 2], [1]])
    (best, strength), *_ = model.find("milk")
    assert best == 1
    assert strength == pytest.approx(1.0)
    assert all(0 < match <= 1 for _, match in model.find("oat milk"))
    assert dict(model.find("milk zzz"))[1] < dict(model.find("milk"))[1]
    assert model.find("zzz") == () == model.find("") == model.find("!?")
    assert len(model.find("milk", 2)) == 2


def test_words_survive_saving() -> None:
    """Law: what is restored finds the same."""
    model = _model()
    again = SearchWordsModel.restore(dict(model.arrays()), model.facts())
    assert again.find("chocolate milk") == model.find("chocolate milk")


def test_without_texts_nothing_is_found() -> None:
    """Law: a catalogue without names or categories has no words, and no search fails."""
    model = SearchWords().learn(ArraySnapshot.of_sequences([[0, 1]]))
    assert model.find("milk") == ()


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("dolls", "doll"), ("berries", "berry"), ("boxes", "box"), ("glass", "glass"), ("us", "us")],
)
def test_plurals(plural: str, singular: str) -> None:
    """The s-stemmer: plurals and singulars are one word, other endings stay."""
    assert search_words(plural) == search_words(singular) == [singular]


def test_a_model_goes_with_its_last_user() -> None:
    """Law: a server that loads version after version keeps none of the words of before, and need not look for them."""
    model = _model()
    assert model.find("milk")
    words = weakref.ref(model.words)
    gc.disable()
    try:
        del model
        assert words() is None
    finally:
        gc.enable()
