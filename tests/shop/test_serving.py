"""Laws of what answers: numbering survives new products, and stock and prices count at once."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.core.action import Action
from shopkeeper.core.event import Event
from shopkeeper.core.histories import Catalogue
from shopkeeper.core.ids import EventId, ProductId
from shopkeeper.core.money import Money
from shopkeeper.shop.serving import LiveCatalogue, extended

NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8).map(sorted)


def _catalogue(ids: list[str], suffix: str = "") -> Catalogue:
    def texts(values: list[str]) -> np.ndarray:  # type: ignore[type-arg]  # an object array of texts
        return np.array(values, object)

    return Catalogue(
        ids=texts(ids), names=texts([item + suffix for item in ids]), brands=texts([""] * len(ids)),
        categories=(texts(["c"] * len(ids)),), price=np.arange(len(ids), dtype=np.float32),
        cost=np.full(len(ids), np.nan, np.float32), in_stock=np.ones(len(ids), np.bool_),
        tags=texts(["new" + suffix] * len(ids)),
    )  # fmt: skip


@given(NAMES, NAMES)
def test_a_trained_product_keeps_its_number(trained: list[str], today: list[str]) -> None:
    """Trained products come first in their old order, newer ones follow; those that are gone cannot be bought."""
    found = extended(_catalogue(trained), _catalogue(today, "!"))
    assert found.ids.tolist() == trained + [item for item in today if item not in trained]
    for index, item in enumerate(found.ids.tolist()):
        here = item in today
        assert found.names[index] == (item + "!" if here else "")
        assert found.tags is not None
        assert found.tags[index] == ("new!" if here else "")
        assert bool(found.in_stock[index]) is here
        assert here or np.isnan(found.price[index])


def _event(action: Action, product: str, **facts: object) -> Event:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Event(id=EventId("e"), at=at, action=action, product=ProductId(product), **facts)  # type: ignore[arg-type]


def test_stock_and_price_count_at_once() -> None:
    """A stock change to nothing takes the product out, a price change shows; an unknown product changes nothing; a
    reader that holds the old catalogue is not disturbed."""
    live = LiveCatalogue(_catalogue(["a", "b"]), "USD")
    before = live()
    live.fold(_event(Action.STOCK_CHANGE, "b", quantity=0.0))
    live.fold(_event(Action.PRICE_CHANGE, "a", price=Money(250, "USD")))
    live.fold(_event(Action.PRICE_CHANGE, "b", price=Money(999, "CNY")))
    live.fold(_event(Action.STOCK_CHANGE, "zzz", quantity=0.0))
    assert live().in_stock.tolist() == [True, False]
    assert live().price.tolist() == [2.5, 1.0]
    assert before.in_stock.tolist() == [True, True]
    assert live().ids is before.ids
    live.fold(_event(Action.STOCK_CHANGE, "b", quantity=3.0))
    assert live().in_stock.tolist() == [True, True]
