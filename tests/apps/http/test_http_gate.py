"""Laws of the gate: who may do what, errors of one shape in the reader's language, pages of other origins."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fake_engine import PUBLISHABLE, SECRET, FakeEngine, asking

from shopkeeper.apps.http import gate
from shopkeeper.apps.http.app import ROUTES, app_of
from shopkeeper.apps.http.identity import customer_token, new_visitor
from shopkeeper.apps.http.routes import ApiRoute
from shopkeeper.core.errors import DataError, NotAllowed, NotFound, SettingsError, Unavailable

Ask = Callable[..., httpx.Response]
VISITOR = new_visitor(FakeEngine.keys.identity_secret)
EVENT = {"id": "e1", "action": "page_view", "visitor": VISITOR}


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def ask(engine: FakeEngine) -> Ask:
    return asking(app_of(engine))


def call_of(route: ApiRoute) -> dict[str, Any]:
    path = route.path.replace("{id}", "d_1")
    audience = {"rule": {"all": []}, "name": "Everybody"}
    bodies = {"post_events": [EVENT], "post_batch": [{"type": "group"}], "post_audience": audience,
              "post_audience_count": audience}  # fmt: skip
    asked = {"get_customer_events": "?field=orders", "get_ratings": "?products=p1"}
    path += asked.get(route.name, "")
    body = {"content": json.dumps(bodies[route.name])} if route.name in bodies else {}
    return {"method": route.method, "path": path, **body}


def check_shape(response: httpx.Response, key: str) -> dict[str, Any]:
    """The one shape of errors, and the headers every answer has."""
    document = response.json()
    assert set(document) == {"error"}
    assert set(document["error"]) == {"key", "message", "facts"}
    assert document["error"]["key"] == key
    assert document["error"]["message"] != key
    assert "Traceback" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    return dict(document["error"])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("role", ["nobody", "wrong", "publishable", "secret"])
def test_each_role_on_each_route(ask: Ask, route: ApiRoute, role: str) -> None:
    """All cells: open routes answer everybody, publishable ones both keys, secret ones the secret key only."""
    key = {"nobody": "", "wrong": "sk_wrong", "publishable": PUBLISHABLE, "secret": SECRET}[role]
    response = ask(**call_of(route), key=key)
    if route.needs == "open" or role == "secret" or role == route.needs:
        assert response.status_code in (200, 201), response.text
    elif role == "publishable":
        assert response.status_code == 403
        check_shape(response, "key_not_allowed")
    else:
        assert response.status_code == 401
        check_shape(response, "unknown_key")
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_key_may_come_in_four_ways(ask: Ask) -> None:
    """Bearer, X-API-Key and the user name of Basic take any key; the address takes publishable ones only."""
    basic = base64.b64encode(f"{SECRET}:".encode()).decode()
    for headers in ({"Authorization": f"bearer {SECRET}"}, {"X-API-Key": SECRET}, {"Authorization": f"Basic {basic}"}):
        assert ask("GET", "/v1/customers/c1", headers=headers).status_code == 200
    assert ask("GET", f"/v1/recommendations?key={PUBLISHABLE}").status_code == 200
    check_shape(ask("GET", f"/v1/recommendations?key={SECRET}"), "key_in_address")
    for value in ("Basic ???", "Basic " + base64.b64encode(b"\xff:").decode(), "Bearer", "Digest x", "Basic"):
        assert ask("GET", "/v1/customers/c1", headers={"Authorization": value}).status_code == 401


@pytest.mark.parametrize(
    ("error", "status", "key"),
    [
        (SettingsError("setting_bad", where="a", name="b", value="c", wanted="d"), 400, "setting_bad"),
        (DataError("no_orders"), 400, "no_orders"),
        (NotFound("unknown_decision", decision="d"), 404, "unknown_decision"),
        (NotAllowed("key_not_allowed", needs="secret"), 403, "key_not_allowed"),
        (Unavailable("overloaded"), 503, "overloaded"),
        (Unavailable("disk_full", folder="/srv/shop", retry_after_seconds=30), 507, "disk_full"),
        (RuntimeError("a secret: hunter2"), 500, "internal"),
        (MemoryError(), 500, "internal"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_error_has_one_shape(
    engine: FakeEngine, ask: Ask, error: Exception, status: int, key: str, language: str
) -> None:
    """Each class of error has its status and shape in both languages, and tells nothing of an unexpected one."""
    engine.fails["explain"] = error
    response = ask("GET", "/v1/decisions/d_1", key=SECRET, headers={"Accept-Language": f"fr, {language}-CN;q=0.8"})
    assert response.status_code == status
    said = check_shape(response, key)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said["message"]) == (language == "zh")
    assert "hunter2" not in response.text
    assert ("retry-after" in response.headers) == isinstance(error, Unavailable)


def test_a_browser_hears_nothing_of_the_servers_machine(engine: FakeEngine, ask: Ask) -> None:
    """Paths and causes are told to the secret key; a publishable key gets the status and when to come again."""
    engine.fails["collect"] = Unavailable("disk_full", folder="/srv/shop", retry_after_seconds=30)
    ours = ask("POST", "/v1/events", key=SECRET, json=[EVENT])
    theirs = ask("POST", "/v1/events", key=PUBLISHABLE, json=[EVENT])
    assert (ours.status_code, theirs.status_code) == (507, 507)
    assert check_shape(ours, "disk_full")["facts"] == {"folder": "/srv/shop"}
    check_shape(theirs, "unavailable")
    assert "/srv" not in theirs.text
    assert theirs.headers["retry-after"] == "30"


def test_unknown_addresses_and_methods_have_the_same_shape(ask: Ask) -> None:
    """404 and 405 are errors like all others; 405 names what the address does answer."""
    assert check_shape(ask("GET", "/nowhere"), "not_found")["facts"] == {"path": "/nowhere"}
    assert check_shape(ask("GET", "/v1/customers/a/b", key=SECRET), "not_found")
    response = ask("DELETE", "/v1/customers/c1/export", key=SECRET)
    assert response.status_code == 405
    check_shape(response, "method_not_allowed")
    assert "GET" in response.headers["allow"]
    assert ask("PUT", "/v1/events", key=SECRET).headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_other_origins_may_call_public_routes_without_credentials(ask: Ask, route: ApiRoute) -> None:
    """Public routes say ``*`` on answers, errors and preflights, never with credentials; the others say nothing."""
    request = call_of(route)
    preflight = ask("OPTIONS", request["path"], headers={"Origin": "https://a.example"})
    refused = ask(**request, key="wrong", headers={"Origin": "null"})
    answered = ask(**request, key=SECRET, headers={"Origin": "https://a.example"})
    origins = {response.headers.get("access-control-allow-origin") for response in (preflight, refused, answered)}
    assert origins == ({"*"} if route.public else {None})
    assert preflight.status_code == (204 if route.public else 405)
    assert all("access-control-allow-credentials" not in each.headers for each in (preflight, refused, answered))


def test_too_many_at_once_are_told_to_come_again(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit a request is refused with 503 and Retry-After; health still answers."""
    monkeypatch.setattr(gate, "MOST_AT_ONCE", 0)
    response = ask("GET", "/v1/recommendations", key=PUBLISHABLE)
    assert response.status_code == 503
    check_shape(response, "overloaded")
    assert response.headers["retry-after"] == "1"
    assert ask("GET", "/health/live").status_code == 200


def test_a_flood_of_events_leaves_room_for_answers() -> None:
    """Requests that bring something and requests that ask are counted apart; what goes out is counted out."""
    load = gate.Load()
    assert [load.add("POST", 1) for _ in range(3)] == [1, 2, 3]
    assert load.add("GET", 1) == 1
    assert load.add("DELETE", 1) == 4
    assert [load.add("POST", -1), load.add("GET", -1)] == [3, 0]


def test_ids_may_hold_slashes_and_percents(ask: Ask) -> None:
    """An id is what was sent, decoded once: ``%2F`` is a slash in it and ``%252F`` is the text %2F."""
    for sent, meant in (("a%2Fb", "a/b"), ("a%252Fb", "a%2Fb"), ("50%25", "50%"), ("%E9%A1%BE", "顾"), ("a+b", "a+b")):
        assert ask("GET", f"/v1/customers/{sent}", key=SECRET).json()["id"] == meant
    for bad in ("%00", "a%0Ab", "x" * 300):
        check_shape(ask("GET", f"/v1/customers/{bad}", key=SECRET), "unknown_customer")


def test_health_says_what_is_wrong(engine: FakeEngine, ask: Ask) -> None:
    """Live answers whenever the process does; ready and /health are errors while the shop cannot work."""
    assert ask("GET", "/health").json()["status"] == "ok"
    engine.fails["ready"] = Unavailable("storage_failed", folder="/srv", why="I/O")
    assert ask("GET", "/health/live").status_code == 200
    for path in ("/health", "/health/ready"):
        response = ask("GET", path)
        assert response.status_code == 503
        check_shape(response, "unavailable")


def test_metrics_count_what_happened(ask: Ask) -> None:
    """Events by verdict, decisions by placement, times by route, and the journal's backlog; each app its own."""
    ask("POST", "/v1/events", key=SECRET, json=[EVENT, EVENT, {"action": "no"}])
    ask("GET", "/v1/recommendations", key=SECRET)
    text = ask("GET", "/metrics", key=SECRET).text
    for line in (
        'shopkeeper_events_total{verdict="stored"} 1.0', 'shopkeeper_events_total{verdict="duplicate"} 1.0',
        'shopkeeper_events_total{verdict="quarantined"} 1.0', "shopkeeper_journal_undrained 7.0",
        'shopkeeper_decisions_total{fallback="no",placement="home"} 1.0',
        'shopkeeper_request_seconds_count{method="GET",route="/v1/recommendations",status="200"} 1.0',
    ):  # fmt: skip
        assert line in text
    assert "verdict" not in asking(app_of(FakeEngine()))("GET", "/metrics", key=SECRET).text


def test_logs_name_nobody(engine: FakeEngine, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    """Through every route and its failures, no id, key, body or error text reaches a log record."""
    engine.fails["erase"] = RuntimeError("canary-person")
    with caplog.at_level("DEBUG", logger="shopkeeper"):
        ask("GET", "/v1/customers/canary-person", key=SECRET)
        ask("DELETE", "/v1/customers/canary-person", key=SECRET)
        ask("GET", "/v1/recommendations?customer=canary-person&visitor=canary-visitor", key=SECRET)
        ask("POST", "/v1/events", key=SECRET, json=[{**EVENT, "customer": "canary-person", "text": "canary-text"}])
        ask("GET", "/v1/customers/canary-person", key="sk_canary")
    written = " ".join(str(vars(record)) for record in caplog.records)
    assert len(caplog.records) >= 6
    assert "canary" not in written
    assert SECRET not in written


def test_a_token_lets_a_browser_speak_for_a_customer(engine: FakeEngine, ask: Ask) -> None:
    """The shop's token opens one customer; none, a forged one or another customer's do not."""
    good = customer_token(engine.keys.identity_secret, "c1")
    path = f"/v1/recommendations?visitor={VISITOR}&customer="
    assert ask("GET", f"{path}c1&customer_token={good}", key=PUBLISHABLE).status_code == 200
    for tail in ("c1", "c1&customer_token=", "c1&customer_token=" + "0" * 64, f"c2&customer_token={good}"):
        response = ask("GET", path + tail, key=PUBLISHABLE)
        assert response.status_code == 403
        check_shape(response, "customer_not_signed")
    assert len(engine.requests) == 1
