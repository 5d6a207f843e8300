"""Laws of the API over a real shop folder: one walk from a key to erasure, and no input that makes it fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_engine import asking

from shopkeeper.apps.http.from_shop import build
from shopkeeper.shop.shop import Shop

BAD = [
    '{"id": "x1", "action": "page_view", "visitor": "v", "quantity": 9223372036854775808}', '{"id": "\\u0000"}', "5",
    '{"id": "x2", "action": "order", "customer": "c", "lines": [{"product": "p", "price": "NaN"}]}', "null", '"text"',
    '{"id": "x3", "action": "rating", "product": "p", "customer": "guest", "rating": 1e300}', "[[]]", "{}",
    '{"id": "x4", "action": "page_view", "visitor": "v", "at": "0001-01-01T00:00:00Z"}',
    '{"id": "x5", "action": "page_view", "visitor": "v", "properties": {"a": {"b": [1]}}}',
]  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop.create(tmp_path / "shop", name="Test", currency="USD", timezone="UTC", language="en")
    yield made
    made.close()


def test_a_walk_through_a_real_shop(shop: Shop) -> None:
    """Visitor, events, recommendations, why, profile, export, erasure: each answers, and the erased are gone."""
    ask = asking(build(shop))
    secret, publishable = shop.state.keys.create("secret"), shop.state.keys.create("publishable")
    visitor = ask("POST", "/v1/visitors", key=publishable).json()["visitor"]
    view = {"id": "e1", "at": "2026-11-01T10:00:00Z", "action": "product_view", "visitor": visitor, "product": "p1"}
    assert ask("POST", "/v1/events", key=publishable, json=[view]).json()["stored"] == 1
    assert ask("POST", "/v1/events", key=publishable, json=[view]).json()["duplicate"] == 1
    order = {"id": "e2", "action": "order", "customer": "c1", "visitor": visitor, "order": "o1",
             "lines": [{"product": "p1", "quantity": 2, "price": "12.50"}]}  # fmt: skip
    held = ask("POST", "/v1/events", key=publishable, json=[{**order, "customer": None}])
    assert held.json()["verdicts"][0]["status"] == "quarantined"
    assert ask("POST", "/v1/events", key=secret, json=[order]).json()["quarantined"] in (0, 1)
    assert ask("POST", "/v1/events", key=secret, json=[{**order, "id": "e3", "order": "o2"}]).json()["stored"] == 1
    answer = ask("GET", f"/v1/recommendations?visitor={visitor}&count=5", key=publishable)
    assert answer.status_code == 200, answer.text
    why = ask("GET", f"/v1/decisions/{answer.json()['decision']}", key=secret)
    assert why.status_code == 200, why.text
    assert why.json()["request"]["visitor"] == visitor
    shop.drain()
    assert ask("GET", "/v1/customers/c1", key=secret).json()["id"] == "c1"
    profile = ask("GET", "/v1/customers/c1/profile", key=secret).json()
    assert set(profile) == {"id", "at", "currency", "basic", "behaviour", "others"}
    orders = profile["behaviour"]["numbers"]["orders"]
    rows = ask("GET", orders["events"], key=secret).json()["rows"]
    assert orders == {"value": len({row["event"] for row in rows}), "unit": "count", "events": orders["events"]}
    assert "e3" in {row["event"] for row in rows}
    assert ask("GET", "/v1/customers/c1/profile?as_of=2020-01-01", key=secret).status_code == 404
    for wrong in ("profile?as_of=soon", "events?field=shoe_size", "events"):
        assert ask("GET", f"/v1/customers/c1/{wrong}", key=secret).status_code == 400
    assert ask("GET", "/v1/customers/c1/profile", key=publishable).status_code == 403
    kept = ask("GET", "/v1/customers/c1/export", key=secret)
    assert kept.status_code == 200, kept.text
    assert kept.json()["kept"]["events"]
    assert ask("DELETE", "/v1/customers/c1", key=secret).status_code == 200
    assert ask("GET", "/v1/customers/c1", key=secret).status_code == 404
    assert ask("GET", "/health").status_code == 200
    assert "shopkeeper_journal_undrained" in ask("GET", "/metrics", key=secret).text


def test_a_revoked_key_is_refused_at_once(shop: Shop) -> None:
    """The next request after ``revoke`` is 401."""
    ask, key = asking(build(shop)), shop.state.keys.create("secret")
    assert ask("GET", "/v1/decisions/d_0", key=key).status_code == 404
    shop.state.keys.revoke(shop.state.keys.list()[-1].id)
    assert ask("GET", "/v1/decisions/d_0", key=key).status_code == 401


@pytest.mark.parametrize("event", BAD)
def test_a_bad_event_never_fails_a_real_shop(shop: Shop, event: str) -> None:
    """It is held with a sentence, and the good event beside it is stored."""
    ask, key = asking(build(shop)), shop.state.keys.create("secret")
    body = f'[{event}, {{"id": "good", "action": "page_view", "visitor": "v1"}}]'
    response = ask("POST", "/v1/events", key=key, content=body)
    assert response.status_code == 207, response.text
    bad, good = response.json()["verdicts"]
    assert (bad["status"], good["status"]) == ("quarantined", "stored")
    assert bad["message"]


def test_a_browser_is_kept_apart_and_joined_again(shop: Shop) -> None:
    """With the secret key a browser is unlinked, as often as one likes, and linked again once; ids that stand for
    nobody are refused; the profile and the counts say so."""
    ask, key = asking(build(shop)), shop.state.keys.create("secret")
    agreed = [
        {"id": f"yes-{who}", "action": "consent", who: name, "properties": {"personalise": "true"}}
        for who, name in (("visitor", "v.7"), ("customer", "c1"))
    ]
    signed = {"id": "in", "action": "identify", "visitor": "v.7", "customer": "c1"}
    assert ask("POST", "/v1/events", key=key, json=[*agreed, signed]).json()["stored"] == 3
    shop.drain()
    assert ask("GET", "/v1/identity", key=key).json()["counts"]["linked"] == 1
    assert ask("GET", "/v1/customers/c1", key=key).json()["browsers"][0]["verdict"] == "linked"
    for _ in range(2):
        done = ask("POST", "/v1/visitors/v.7/unlink", key=key)
        assert (done.status_code, done.json()) == (201, {"visitor": "v.7", "unlinked": True})
    assert ask("GET", "/v1/customers/c1", key=key).json()["browsers"][0]["verdict"] == "unlinked"
    assert ask("GET", "/v1/identity", key=key).json()["unlinked"][0]["visitor"] == "v.7"
    assert ask("DELETE", "/v1/visitors/v.7/unlink", key=key).json() == {"visitor": "v.7", "unlinked": False}
    assert ask("DELETE", "/v1/visitors/v.7/unlink", key=key).status_code == 404
    assert ask("POST", "/v1/visitors/guest/unlink", key=key).status_code == 400
