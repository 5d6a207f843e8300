"""The stars a customer would give: from the ratings of those who agreed, or the sentence that says why not."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from planted_orders import NOW, rows_of, shop_of, stars_of, train_predictions
from typer.testing import CliRunner

from shopkeeper.apps.cli.main import app
from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, NotFound, SettingsError
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.prediction import Meter, Prediction
from shopkeeper.data.schema import TABLES
from shopkeeper.shop import Shop
from shopkeeper.shop.order_returns import newest_orders
from shopkeeper.shop.rating import known_ratings, rates_of, ratings_for, would_rate
from shopkeeper.shop.telling import told_ratings


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_of(tmp_path_factory.mktemp("stars"), rows_of(people=60, days=100)) as shop:
        shop.lake.append("events", pa.Table.from_pylist(stars_of(60), schema=TABLES["events"]), key="stars")
        train_predictions(shop)
        yield shop


def test_the_newest_word_on_a_product_counts(shop: Shop) -> None:
    """One row a customer and product, the newest; words of a product are its categories; of those who did not agree to
    training nothing is learned."""
    ratings, products, words = known_ratings(shop.snapshot())
    assert (len(ratings), len(products)) == (480, 20)
    assert 3.0 in ratings.stars.tolist()
    assert set(words.names) == {"category:Dresses", "category:Kitchen"}
    shop.state.consent.record(PersonKey("c1"), {Purpose.TRAIN: False}, at=NOW)
    try:
        assert len(known_ratings(shop.snapshot())[0]) == 472
    finally:
        shop.state.consent.record(PersonKey("c1"), {Purpose.TRAIN: True}, at=NOW + timedelta(seconds=1))


def test_good_products_get_more_stars_with_reasons(shop: Shop) -> None:
    """After training good products are foretold about 4.5 stars and bad ones about 1.5, by what the product gets; as of
    a day before all ratings a customer had given none."""
    found = would_rate(shop, "c2", ["p1", "p15"])
    good, bad = (answer for _, _, answer in found.products)
    assert isinstance(good, Prediction)
    assert isinstance(bad, Prediction)
    assert good.value > 4 > 2 > bad.value
    assert good.why[0].feature == "product_stars"
    assert (found.low, found.high, found.gave, found.learner) == (1.0, 5.0, 8, "logistic_regression")
    assert would_rate(shop, "c2", ["p1"], at=NOW - timedelta(days=99)).gave <= 8
    body = told_ratings(found, "zh")
    assert body["products"][0]["stars"]["why"][0]["text"] == "商品得分高于均值多少"
    judged = rates_of(shop)[1].judged
    assert judged["rmse"]["value"] < 0.8 < judged["mean_rmse"]


def test_nobody_is_foretold_without_agreement_and_unknown_ones_are_not_found(shop: Shop) -> None:
    """A withdrawal gives the sentence; unknown customers and products are not found."""
    shop.state.consent.record(PersonKey("c3"), {Purpose.PERSONALISE: False}, at=NOW)
    answer = would_rate(shop, "c3", ["p1"]).products[0][2]
    assert isinstance(answer, Meter)
    assert answer.key == "no_consent"
    for customer, product, key in (("nobody", "p1", "unknown_customer"), ("c2", "nothing", "unknown_product")):
        with pytest.raises(NotFound, match=key):
            would_rate(shop, customer, [product])


def test_a_shop_with_few_ratings_says_what_is_missing(tmp_path: Path) -> None:
    """Before training, and with 24 of the 200 ratings that are needed: a meter and what answers until then; the
    comparison is refused with the same sentence."""
    with shop_of(tmp_path, rows_of(people=20, days=60)) as small:
        small.lake.append("events", pa.Table.from_pylist(stars_of(3), schema=TABLES["events"]), key="few")
        train_predictions(small)
        said = told_ratings(would_rate(small, "c0", ["p0"]), "en")["products"][0]["stars"]
        assert said["message"].startswith("There are 24 ratings by 3 customers; at least 200 by 20 are needed.")
        assert said["message"].endswith("Until then the product's own mean answers.")
        assert (said["needs"], said["has"]) == (200, 24)
        with pytest.raises(DataError, match="too_few_ratings"):
            ratings_for(small)


def test_the_command_line_says_the_same(shop: Shop, tmp_path: Path) -> None:
    """``predict --product``, ``predict --order``, the list of models and ``benchmark rating`` on the shop and on a file
    of ratings print the figures; bad files are refused in words."""
    order = newest_orders(shop, 1)[0]["order_id"]
    run = CliRunner().invoke
    for words, wanted in (
        (["predict", "c2", "--product", "p1", "--json"], '"product": "p1"'),
        (["predict", "c2", "--product", "p1"], "what the product gets above the mean"),
        (["predict", "--order", order, "--json"], '"expected_minor"'), (["predict", "--order", order], order),
        (["predict"], "RMSE"),
        (["benchmark", "rating", "--learner", "bias", "--learner", "decision_tree", "--tree"], "product_stars ≤"),
        (["benchmark", "propensity", "--outcome", "line_return", "--learner", "decision_tree", "--json"], "auc"),
    ):  # fmt: skip
        found = run(app, ["--lang", "en", *words, "--shop", str(shop.folder)])
        assert found.exit_code == 0, found.output
        assert wanted in found.output
    file = tmp_path / "stars.csv"
    rows = [f"{row['customer']},{row['product']},{row['rating']},{row['at'].isoformat()},A|B" for row in stars_of(40)]
    file.write_text("\n".join(["customer,product,rating,at,genre", *rows]), "utf-8")
    out = tmp_path / "said.csv"
    asked = ["benchmark", "rating", str(file), "--words", "genre", "--leave-out", "--learner", "bias", "--json"]
    found = run(app, [*asked, "--out", str(out)])
    assert found.exit_code == 0, found.output
    (one,) = json.loads(found.output)["learners"]
    assert one["judged"] == 40
    assert one["rmse"]["value"] < 1.5
    assert out.read_text("utf-8").startswith("row,learner,stars,said")
    file.write_text("customer,product,rating,at\na,b,five,1\n", "utf-8")
    with pytest.raises(DataError, match="benchmark_not_a_number"):
        run(app, ["benchmark", "rating", str(file)], catch_exceptions=False)
    with pytest.raises(SettingsError, match="benchmark_out_of_range"):
        run(app, ["benchmark", "rating", str(file), "--time", "when"], catch_exceptions=False)
