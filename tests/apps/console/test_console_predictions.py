"""The page of predictions: figures, what is missing, an order's returns and a product's stars, in both languages."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest

from conftest import Browser, entered

sys.path.insert(0, str(Path(__file__).parents[2] / "shop"))

from planted_orders import NOW, rows_of, shop_of, stars_of, train_predictions

from shopkeeper.data.schema import TABLES
from shopkeeper.shop import Shop
from shopkeeper.shop.order_returns import newest_orders

PAGE = "/console/predictions"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_of(tmp_path_factory.mktemp("predictions"), rows_of(people=60, days=150)) as shop:
        shop.lake.append("events", pa.Table.from_pylist(stars_of(60), schema=TABLES["events"]), key="stars")
        tag = {"name": "interest", "value": "tea", "origin": "survey", "at": NOW - timedelta(days=9)}
        tags = [{"customer": f"c{n}", **tag} for n in range(30)]
        shop.lake.append("attributes", pa.Table.from_pylist(tags, schema=TABLES["attributes"]), key="tags")
        train_predictions(shop)
        yield shop


@pytest.fixture
def inside(planted: Shop) -> Browser:
    return entered(planted)


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("A product of an order will come back", "calibration error", "Stars of the newest")),
    ("zh", ("订单中的商品会被退回", "校准误差", "落在 80 % 范围内")),
])  # fmt: skip
def test_the_page_shows_how_good_predictions_are(inside: Browser, language: str, words: tuple[str, ...]) -> None:
    """Judged figures with ranges and what has no number, in the reader's language, without a missing text."""
    text = inside.get(f"{PAGE}?lang={language}").text
    for word in words:
        assert word in text, word
    assert "foretold_" not in text


def test_an_order_and_a_products_stars_are_asked_for(inside: Browser, planted: Shop) -> None:
    """The newest orders lead to their returns; customer and product give stars with reasons; unknown ones say so."""
    order = newest_orders(planted, 1)[0]["order_id"]
    assert f"order={quote(order)}" in inside.get(PAGE).text
    text = inside.get(f"{PAGE}?order={quote(order)}").text
    assert "Expected to be paid back" in text
    assert "product" in text.lower()
    text = inside.get(f"{PAGE}?customer=c2&product=p1").text
    assert "what the product gets above the mean" in text
    assert "No order of a known buyer has the id nothing" in inside.get(f"{PAGE}?order=nothing").text
    assert "nobody" in inside.get(f"{PAGE}?customer=nobody&product=p1").text


def test_the_audience_builder_offers_what_is_foretold_and_tags(inside: Browser) -> None:
    """Fields of predictions and names of tags can be chosen, and a preview counts by them."""
    text = inside.get("/console/audiences").text
    assert "Probability of stopping to buy" in text
    assert 'value="tag:interest"' in text
    text = inside.get("/console/audiences?field1=predicted_orders&low1=0").text
    assert "&#34;predicted_orders&#34;" in text
    text = inside.get("/console/audiences?field1=tag:interest&value1=tea").text
    assert "&#34;tag&#34;" in text
