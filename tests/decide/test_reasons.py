"""Reasons: ids and dates in the log, names and sentences for people."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_shop import NOW, catalogue

from shopkeeper.core.decision import Reason
from shopkeeper.decide.context import microseconds
from shopkeeper.decide.reasons import about_page, say_reason, settle
from shopkeeper.locale import keys

GOODS = replace(catalogue(3), names=np.array(["Whole milk 1 gal", "", "面包"], object))
DAY = {"at": "2017-11-03"}


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        (Reason(key="because_bought", facts={"product": "P0", **DAY}),
         "Because you bought Whole milk 1 gal on 3 Nov 2017", "因为您在2017年11月3日买过Whole milk 1 gal"),
        (Reason(key="because_viewed", facts={"product": "P2", **DAY}),
         "Because you looked at 面包 on 3 Nov 2017", "因为您在2017年11月3日看过面包"),
        (Reason(key="similar_to", facts={"product": "P1"}), "Similar to P1", "与P1相似"),
        (Reason(key="similar_to", facts={"product": "gone"}), "Similar to gone", "与gone相似"),
        (Reason(key="buy_again", facts={"times": 1, **DAY}), "You bought this on 3 Nov 2017", "您在2017年11月3日买过"),
        (Reason(key="buy_again", facts={"times": 3, **DAY}),
         "You bought this 3 times, last on 3 Nov 2017", "您买过3次，最近一次在2017年11月3日"),
        (Reason(key="popular", facts={"buyers": 12345, "days": 30.0}),
         "Popular: 12,345 customers bought this in the last 30 days", "热销：最近30天有12,345位顾客购买"),
        (Reason(key="popular"), "Popular with our customers", "本店热销"),
        (Reason(key="like_you", facts={"people": 1}),
         "A customer with a taste like yours chose this", "一位与您喜好相近的顾客选了它"),
        (Reason(key="never heard of"), "From our selection", "本店推荐"),
    ],
)  # fmt: skip
def test_reasons_are_said(reason: Reason, english: str, chinese: str) -> None:
    """A logged reason -> its sentence in both languages; what is missing is said in general words."""
    assert say_reason(reason, GOODS, "en") == english
    assert say_reason(reason, GOODS, "zh") == say_reason(reason, GOODS, "zh-CN") == chinese


def test_every_reason_has_words_for_missing_facts() -> None:
    """Each sentence with blanks has a plain form without them."""
    plain = {key.removesuffix("_plain") for key in keys("en", "reasons") if key.endswith("_plain")}
    whole = {key.removesuffix("_once") for key in keys("en", "reasons") if not key.endswith("_plain")}
    assert whole - plain == {"pinned", "fallback"}


def test_indices_become_ids_and_moments_become_dates() -> None:
    """What is logged can be read without the model: ids, ISO dates, Python numbers."""
    raw = Reason(
        key="often_bought_with", scorer="rules",
        facts={"product_index": np.int64(2), "at": microseconds(NOW), "lift": np.float32(1.5), "orders": 4},  # type: ignore[dict-item]
    )  # fmt: skip
    settled = settle(raw, GOODS)
    assert settled.facts == {"product": "P2", "at": "2026-03-01", "lift": 1.5, "orders": 4}
    assert {type(value) for value in settled.facts.values()} == {str, float, int}
    assert settled.scorer == "rules"


def test_a_page_never_claims_a_purchase() -> None:
    """Reasons found for a page's product do not say that the person bought or viewed it."""
    found = Reason(key="because_bought", facts={"product_index": 1, "at": 5})
    assert settle(about_page(found, 0), GOODS) == Reason(key="goes_with", facts={"product": "P1"})
