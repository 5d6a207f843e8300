"""Laws of asking: what reaches the shop, privacy signals, and what an answer holds."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from fake_engine import NOW, PUBLISHABLE, SECRET, FakeEngine, asking

from shopkeeper.apps.http.app import app_of
from shopkeeper.core.decision import Request

Ask = Callable[..., httpx.Response]
ROUTE = "/v1/recommendations"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def ask(engine: FakeEngine) -> Ask:
    return asking(app_of(engine))


def test_every_parameter_reaches_the_shop(engine: FakeEngine, ask: Ask) -> None:
    """Lists may be repeated or separated by commas; blanks count as absent."""
    query = "placement=product&visitor=v1&customer=c1&product=p1&cart=a,b&cart=c&categories=x&count=3"
    query += "&mode=nonpersonal&lang=zh&brands=b1,b2&tags=sale&price_min=1.5&price_max=20&exclude=p2&exclude=p3"
    assert ask("GET", f"{ROUTE}?{query}", key=SECRET).status_code == 200
    assert ask("GET", f"{ROUTE}?visitor=&count=&cart=", key=SECRET).status_code == 200
    first, second = engine.requests
    assert first.seed != second.seed, "fresh dice for each"
    assert replace(first, seed=None) == Request(
        placement="product", at=NOW, visitor="v1", customer="c1", product="p1", cart=("a", "b", "c"), categories=("x",),
        count=3, mode="nonpersonal", language="zh", brands=("b1", "b2"), tags=("sale",), price_min=1.5, price_max=20.0,
        exclude=("p2", "p3"),
    )  # fmt: skip
    assert replace(second, seed=None) == Request(placement="home", at=NOW)


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_a_browser_that_asks_for_privacy_gets_the_nonpersonal_list(engine: FakeEngine, ask: Ask, header: str) -> None:
    """``Sec-GPC: 1`` and ``DNT: 1`` win over ``mode=personal``; 0 says nothing."""
    for value in ("1", "0"):
        ask("GET", f"{ROUTE}?customer=c1&mode=personal", key=SECRET, headers={header: value})
    assert [request.mode for request in engine.requests] == ["nonpersonal", "personal"]


def test_nobody_is_not_a_person(engine: FakeEngine, ask: Ask) -> None:
    """``guest``, ``null`` and ``0`` name nobody: no history is kept under them."""
    for name in ("guest", "null", "0", "游客"):
        assert ask("GET", ROUTE, key=SECRET, params={"customer": name, "visitor": name}).status_code == 200
    assert [request.person for request in engine.requests] == [None] * 4


@pytest.mark.parametrize(
    "query",
    ["count=0", "count=101", "count=-1", "count=ten", "count=5&count=6", "mode=private", "visitor=a%00b",
     "visitor=a&visitor=b", "placement=" + "x" * 65, "customer=" + "x" * 257, "cart=" + ",".join("a" * 101),
     "price_min=-1", "price_min=nan", "price_max=inf", "price_max=cheap", "tags=" + ",".join("a" * 21)],
)  # fmt: skip
def test_impossible_parameters_are_400(engine: FakeEngine, ask: Ask, query: str) -> None:
    """Out of range, of the wrong type, or given twice: 400 of the usual shape, nothing decided."""
    response = ask("GET", f"{ROUTE}?{query}", key=SECRET)
    assert response.status_code == 400
    assert response.json()["error"]["key"] == "request_bad"
    assert engine.requests == []


def test_an_answer_shows_products_and_reasons(ask: Ask) -> None:
    """Items in order with reasons in the reader's language; no score or propensity leaves by a public route."""
    answer = ask("GET", f"{ROUTE}?count=2&lang=zh", key=PUBLISHABLE).json()
    assert answer["decision"] == "d_1"
    assert [(item["product"], item["position"]) for item in answer["items"]] == [("p0", 1), ("p1", 2)]
    assert answer["items"][0]["reason"] == {"key": "popular", "text": "zh:popular", "facts": {"buyers": 3, "days": 7}}
    assert set(answer["items"][0]) == {"product", "position", "reason"}
    similar = ask("GET", "/v1/products/p1/similar?count=3", key=PUBLISHABLE).json()
    assert len(similar["items"]) == 3


def test_what_does_not_exist_is_404(ask: Ask) -> None:
    """An unknown placement, product or decision is named."""
    missing = {
        f"{ROUTE}?placement=moon": "unknown_placement", "/v1/products/unknown/similar": "unknown_product",
        "/v1/decisions/d_9": "unknown_decision",
    }  # fmt: skip
    for path, key in missing.items():
        response = ask("GET", path, key=SECRET)
        assert response.status_code == 404
        assert response.json()["error"]["key"] == key


def test_why_shows_everything_that_was_logged(ask: Ask) -> None:
    """Scores, parts, propensities, reasons and what each rule removed."""
    why = ask("GET", "/v1/decisions/d_1", key=SECRET).json()
    assert why["removed"] == {"p9": "in_stock"}
    assert why["choices"][1]["score"] == 1.0
    assert why["choices"][0]["parts"] == {"popular": 1.0}
    assert why["request"]["placement"] == "home"


def test_a_customer_is_shown_handed_out_and_erased(ask: Ask) -> None:
    """The three routes of a customer pass on what the shop says."""
    assert ask("GET", "/v1/customers/c1", key=SECRET).json() == {"id": "c1", "features": {"orders": 3}}
    export = ask("GET", "/v1/customers/c1/export", key=SECRET).json()
    assert export == {"customer": "c1", "kept": {"events": [{"at": "2026-11-01T12:00:00Z", "customer": "c1"}]}}
    assert ask("DELETE", "/v1/customers/c1", key=SECRET).json() == {"erased": {"events": 3}}
