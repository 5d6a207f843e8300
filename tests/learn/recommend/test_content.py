"""Content-based: likeness is the cosine of what products are."""

from dataclasses import replace

import numpy as np
import pytest

from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Catalogue, Histories
from shopkeeper.learn.recommend.content import ContentBased, ContentModel
from shopkeeper.learn.recommend.product_words import words
from shopkeeper.learn.snapshot import ArraySnapshot, nameless

NAMES = ["Oat milk", "Whole milk", "Soy drink", "纯牛奶 盒装", "低脂牛奶 盒装", "Hammer"]


def shelf() -> Catalogue:
    """Four drinks of one category in two brands, two of them with Chinese names, and a hammer."""

    def texts(shown: list[str]) -> np.ndarray:
        return np.array(shown, object)

    return replace(
        nameless(6), names=texts(NAMES), brands=texts(["A", "B", "A", "C", "C", ""]),
        categories=(texts(["food"] * 5 + ["tools"]), texts(["drinks"] * 3 + ["奶"] * 2 + [""])),
        price=np.array([2, 2, 2, 8, 8, np.nan], np.float32),
    )  # fmt: skip


@pytest.fixture(scope="module")
def model() -> ContentModel:
    return ContentBased(neighbours=4).fit(ArraySnapshot.of(Histories.of_sequences([[]]), shelf()))


def test_words_of_two_languages() -> None:
    """Latin words in lower case, Chinese cut into words, digits kept, signs dropped."""
    assert words("Oat-MILK 1L!") == ["oat", "milk", "1l"]
    assert words("纯牛奶250ml") == ["纯牛奶", "250ml"]


def test_cosine_by_hand() -> None:
    """Without names: oat and soy share both levels (1/2 + 1/2), brand (0.4) and price band (0.2): all of 1.6."""
    model = ContentBased(neighbours=4, name=0.0).fit(ArraySnapshot.of(Histories.of_sequences([[]]), shelf()))
    like = dict(zip(model.neighbour[0].tolist(), model.likeness[0].tolist(), strict=True))
    assert like[2] == pytest.approx(1.0)
    assert like[1] == pytest.approx(1.2 / 1.6)
    assert like[3] == pytest.approx(0.5 / 1.6)


def test_the_same_in_groups_as_in_full() -> None:
    """Looking only inside small groups finds the same cosines for the pairs that it finds."""
    cut = ContentBased(neighbours=4, max_group=2).fit(ArraySnapshot.of(Histories.of_sequences([[]]), shelf()))
    whole = ContentBased(neighbours=4).fit(ArraySnapshot.of(Histories.of_sequences([[]]), shelf()))
    found = {(3, 4)} & set(zip([3] * 4, cut.neighbour[3].tolist(), strict=True))
    assert found == {(3, 4)}
    assert cut.likeness[3, 0] == pytest.approx(whole.likeness[3, 0])


def test_the_reason_names_what_is_shared(model: ContentModel) -> None:
    """The two Chinese milks share their narrowest category; nothing links a hammer to milk."""
    me = Histories.of_sequences([[3]])
    reason = model.reason(me, 4, 0)
    assert reason is not None
    assert (reason.key, reason.facts) == ("similar_to", {"product_index": 3, "shared": "奶"})
    assert model.reason(me, 5, 0) is None


def test_newer_choices_count_more(model: ContentModel) -> None:
    """The same products in the other order turn the preference round."""
    at = np.array([0, 90], np.int64) * MICROSECONDS_PER_DAY
    milk_last, drink_last = (replace(Histories.of_sequences([order]), at=at) for order in ([0, 3], [3, 0]))
    now = 90 * MICROSECONDS_PER_DAY
    first, second = model.score(milk_last, now)[0], model.score(drink_last, now)[0]
    assert first[4] > first[2]
    assert second[2] > second[4]


def test_a_shop_without_facts() -> None:
    """Products of which nothing is known are like nothing: no scores and no error."""
    model = ContentBased().fit(ArraySnapshot.of_sequences([[0, 1, 2]]))
    assert np.isnan(model.score(Histories.of_sequences([[0]]), 0)).all()


def test_restored_is_the_same(model: ContentModel) -> None:
    """Kept as arrays and facts, it scores and explains the same."""
    again, me = ContentModel.restore(model.arrays(), model.facts()), Histories.of_sequences([[0, 3]])
    np.testing.assert_array_equal(again.score(me, 0), model.score(me, 0))
    assert again.reason(me, 4, 0) == model.reason(me, 4, 0)
