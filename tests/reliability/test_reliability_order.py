"""Laws of order: late, early, in any order and in any parts, the same facts give the same truth."""

import json
import random
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.core.ids import PersonKey
from shopkeeper.features.tables import TABLES, feature_sql
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files

NOW = datetime(2030, 1, 10, tzinfo=UTC)
PRODUCTS = [f"p{number}" for number in range(6)]
PEOPLE = ["ann", "bo", "cy"]


def _event(number: int, rng: random.Random) -> dict[str, Any]:
    """An event of one of three customers, or of a browser that one of them signs in on."""
    at = (NOW - timedelta(days=60) + timedelta(hours=17 * number, minutes=rng.randrange(50))).isoformat()
    person = rng.choice(PEOPLE)
    who = {"customer": person} if rng.random() < 0.7 else {"visitor": f"browser-of-{person}"}
    plain: dict[str, Any] = {"id": f"e{number}", "at": at, **who}
    match number % 5:
        case 0:
            lines = [
                {"product": product, "quantity": rng.randint(1, 3), "price": f"{rng.randint(1, 9)}.50"}
                for product in rng.sample(PRODUCTS, 2)
            ]
            return {**plain, "action": "order", "order": f"o{number}", "lines": lines}
        case 1:
            return {**plain, "action": "identify", "customer": person, "visitor": f"browser-of-{person}"}
        case 2:
            return {**plain, "action": "cart_add", "product": rng.choice(PRODUCTS), "quantity": 1}
        case _:
            return {**plain, "action": "product_view", "product": rng.choice(PRODUCTS)}


EVENTS = [_event(number, random.Random(number)) for number in range(40)]  # noqa: S311  # a history, not a secret


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop that knows its products and nothing else."""
    folder = tmp_path_factory.mktemp("order") / "shop"
    rows = [{"id": one, "name": one, "price": "2.00", "category_1": f"shelf {one[-1]}"} for one in PRODUCTS]
    with Shop.create(folder, name="Tried", currency="CNY", timezone="UTC", language="en") as shop:
        file = folder.parent / "products.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
        import_files(shop, [file], kind="products")
    return folder


def _truth(shop: Shop) -> dict[str, Any]:
    """What the shop knows: every feature table, and everybody's live history."""
    known = shop.snapshot()
    found: dict[str, Any] = {}
    for table in TABLES:
        sql = feature_sql(table)
        values = {"currency": "CNY"} if "$currency" in sql else {}
        found[table] = sorted(map(repr, known.query(sql, values).to_pylist()))
    for person in [*PEOPLE, *(f"visitor:browser-of-{name}" for name in PEOPLE)]:
        history = shop.serving.profiles.history(PersonKey(person))
        columns = ("product", "at", "action", "quantity", "price")
        found[person] = {name: repr(getattr(history, name).tolist()) for name in columns}  # NaN is not itself
    return found


def _told(empty: Path, parts: list[tuple[list[dict[str, Any]], bool]]) -> dict[str, Any]:
    """The truth of a shop that was told these batches, some followed by a drain."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as aside:  # noqa: S108
        folder = Path(shutil.copytree(empty, Path(aside) / "shop"))
        with Shop.open(folder, clock=lambda: NOW) as shop:
            _ = shop.serving
            for batch, drained in parts:
                shop.collect(batch)
                if drained:
                    shop.drain()
            shop.drain()
            return _truth(shop)


@pytest.fixture(scope="module")
def truth(empty: Path) -> dict[str, Any]:
    return _told(empty, [(EVENTS, True)])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_lateness_and_parts_change_nothing(empty: Path, truth: dict[str, Any], data: st.DataObject) -> None:
    """Any permutation of a history in any batches, with retries and drains anywhere between, gives the same feature
    tables and the same live histories as the history in its order in one batch."""
    shuffled = data.draw(st.permutations(EVENTS))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(EVENTS) - 1), max_size=6)))
    bounds = list(zip([0, *cuts], [*cuts, len(EVENTS)], strict=True))
    parts = [(shuffled[begin:end], data.draw(st.booleans())) for begin, end in bounds]
    again = data.draw(st.lists(st.sampled_from(EVENTS), max_size=5))
    assert _told(empty, [*parts, (again, False)]) == truth


def test_the_history_says_something(truth: dict[str, Any]) -> None:
    """The truth that is compared is not empty: the main tables have rows and every customer a history."""
    assert all(truth[table] for table in ("customer", "customer_product", "customer_recent", "product"))
    assert all(truth[person]["product"] != "[]" for person in PEOPLE)
