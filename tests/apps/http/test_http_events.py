"""Laws of POST /v1/events: one verdict an event, forged identities refused, no input makes the server fail."""

import gzip
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fake_engine import PUBLISHABLE, SECRET, FakeEngine, asking
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.apps.http.app import app_of
from shopkeeper.apps.http.identity import customer_token, new_visitor
from shopkeeper.apps.http.shapes import MAX_BODY_BYTES, MAX_EVENTS

Ask = Callable[..., httpx.Response]
IDENTITY = FakeEngine.keys.identity_secret
VISITOR = new_visitor(IDENTITY)
VIEW = {"id": "e1", "action": "product_view", "visitor": VISITOR, "product": "p1"}


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def ask(engine: FakeEngine) -> Ask:
    return asking(app_of(engine))


def post(ask: Ask, content: bytes | str | AsyncIterator[bytes], key: str = SECRET, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask("POST", "/v1/events", key=key, content=content, headers=sent)


def test_one_verdict_an_event_in_order(ask: Ask) -> None:
    """Stored, duplicate and held are told apart one by one; 207 only where some are held; the counts add up."""
    all_well = ask("POST", "/v1/events", key=SECRET, json={"events": [VIEW, {**VIEW, "id": "e2"}]})
    assert all_well.status_code == 200
    mixed = ask("POST", "/v1/events", key=SECRET, json=[VIEW, {**VIEW, "action": "dance", "id": "e3"}, 5])
    assert mixed.status_code == 207
    body = mixed.json()
    assert [each["status"] for each in body["verdicts"]] == ["duplicate", "quarantined", "quarantined"]
    assert [each["id"] for each in body["verdicts"]][:2] == ["e1", "e3"]
    assert (body["stored"], body["duplicate"], body["quarantined"]) == (0, 1, 2)
    assert body["verdicts"][1]["reason"] == "action_not_allowed"


def test_a_publishable_key_reports_behaviour_only(engine: FakeEngine, ask: Ask) -> None:
    """An order from a browser is held, and the shop is told that a browser speaks."""
    response = ask("POST", "/v1/events", key=PUBLISHABLE, json=[VIEW, {**VIEW, "id": "o", "action": "order"}])
    assert [each["status"] for each in response.json()["verdicts"]] == ["stored", "quarantined"]
    assert engine.collected[0][1:] == ("browser", True)
    ask("POST", "/v1/events", key=SECRET, json=[VIEW])
    assert engine.collected[1][1:] == ("api", False)


@pytest.mark.parametrize(
    "visitor",
    ["v1", "", None, 5, ["x"], VISITOR[:-1] + ("0" if VISITOR[-1] != "0" else "1"), VISITOR + " ", "v_" + "0" * 32,
     "v_" + "0" * 32 + "." + "0" * 32, new_visitor("00" * 32)],
    ids=range(10),  # not the visitors, which are drawn anew: workers that share the tests must name them alike
)  # fmt: skip
def test_a_forged_visitor_is_refused(engine: FakeEngine, ask: Ask, visitor: object) -> None:
    """A browser with a visitor id that this shop did not issue gets 403 and nothing of the batch is taken."""
    response = ask("POST", "/v1/events", key=PUBLISHABLE, json=[VIEW, {**VIEW, "id": "e2", "visitor": visitor}])
    assert response.status_code == 403
    assert response.json()["error"]["key"] == "visitor_not_signed"
    assert response.json()["error"]["facts"] == {"where": "$.events[1]"}
    assert engine.collected == []
    if isinstance(visitor, str) and visitor:
        refused = ask("GET", "/v1/recommendations", key=PUBLISHABLE, params={"visitor": visitor})
        assert refused.status_code == 403
    assert ask("POST", "/v1/events", key=SECRET, json=[{**VIEW, "visitor": visitor}]).status_code in (200, 207)


def test_a_browser_needs_the_shops_word_to_name_a_customer(engine: FakeEngine, ask: Ask) -> None:
    """Without the token 403; with it the event is taken, and the token goes no further."""
    event = {**VIEW, "customer": "c1"}
    assert ask("POST", "/v1/events", key=PUBLISHABLE, json=[event]).status_code == 403
    assert ask("POST", "/v1/events", key=PUBLISHABLE, json=[{**event, "customer": ["c1"]}]).status_code == 403
    signed = {**event, "customer_token": customer_token(IDENTITY, "c1")}
    assert ask("POST", "/v1/events", key=PUBLISHABLE, json=[signed]).status_code == 200
    assert engine.collected[0][0] == [event]


def test_an_issued_visitor_is_accepted(ask: Ask) -> None:
    """What POST /v1/visitors gives can report and ask; two are never the same."""
    one, two = (ask("POST", "/v1/visitors", key=PUBLISHABLE) for _ in range(2))
    assert one.status_code == 201
    assert one.json() != two.json()
    visitor = one.json()["visitor"]
    assert ask("POST", "/v1/events", key=PUBLISHABLE, json=[{**VIEW, "visitor": visitor}]).status_code == 200
    assert ask("GET", "/v1/recommendations", key=PUBLISHABLE, params={"visitor": visitor}).status_code == 200


def test_limits_are_named(ask: Ask) -> None:
    """One event too many or one byte too many is 413 with the limit; the limits themselves are fine."""
    full = [{**VIEW, "id": str(number)} for number in range(MAX_EVENTS)]
    assert ask("POST", "/v1/events", key=SECRET, json=full).status_code == 200
    over = ask("POST", "/v1/events", key=SECRET, json=[*full, VIEW])
    assert (over.status_code, over.json()["error"]["facts"]) == (413, {"limit": MAX_EVENTS})
    start = json.dumps([VIEW])
    assert post(ask, start + " " * (MAX_BODY_BYTES - len(start))).status_code == 200
    large = post(ask, start + " " * (MAX_BODY_BYTES - len(start) + 1))
    assert (large.status_code, large.json()["error"]["facts"]) == (413, {"limit": MAX_BODY_BYTES})


def test_a_body_without_end_is_cut_off(ask: Ask) -> None:
    """The cap holds while the body streams in: an endless one is refused after the limit."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50 * MAX_BODY_BYTES:
            sent += 65_536
            yield b" " * 65_536

    assert post(ask, endless()).status_code == 413
    assert sent < 2 * MAX_BODY_BYTES


def test_packed_bodies(ask: Ask) -> None:
    """gzip is read, with the cap on what comes out; a bomb, a torn one and other codings are refused."""
    packed = gzip.compress(json.dumps([VIEW]).encode())
    assert post(ask, packed, content_encoding="gzip").status_code == 200
    assert post(ask, gzip.compress(b" " * 50_000_000), content_encoding="gzip").status_code == 413
    for torn in (packed[:-4], packed + b"x", b"", b"[]"):
        assert post(ask, torn, content_encoding="gzip").status_code == 400
    assert post(ask, packed, content_encoding="br").status_code == 415


def test_a_beacon_is_accepted(ask: Ask) -> None:
    """``navigator.sendBeacon`` sends text/plain with the key in the address; a form is not read."""
    response = ask(
        "POST", f"/v1/events?key={PUBLISHABLE}", content=json.dumps([VIEW]),
        headers={"Content-Type": "text/plain;charset=UTF-8"},
    )  # fmt: skip
    assert response.status_code == 200
    assert post(ask, "a=b", content_type="application/x-www-form-urlencoded").status_code == 415


WHOLE = [
    b"", b" ", b"null", b"5", b'"x"', b"{}", b"[]", b'{"events": []}', b'{"events": {}}', b'{"events": null}', b"{",
    b"[NaN]", b"[Infinity]", b"[-Infinity]", b'[{"price": 1e999}]', b'[{"id": "\\ud800"}]', b"\xff\xfe[]", b"[] x",
    b"[]\n[]", b"[1,]", b"[" * 200_000, b'{"events":' * 200_000, b'[{"a":' * 200_000, b"[" + b"1" * 5_000 + b"]",
    b'[{"price": 1, "price": 2}]', b'[{"customer": "a", "customer": "b"}]', b'{"events": [], "events": [1]}',
    b'[{"lines": [{"quantity": 1, "quantity": 2}]}]', b"[{'id': 1}]", b"\xef\xbb\xbf[", b"\x00",
]  # fmt: skip


@pytest.mark.parametrize("body", WHOLE, ids=lambda body: repr(body[:24]))
def test_a_batch_that_makes_no_sense_is_400(engine: FakeEngine, ask: Ask, body: bytes) -> None:
    """Not JSON, not a batch, twice the same name where it matters: 400 that says where, nothing collected."""
    for key in (SECRET, PUBLISHABLE):
        response = post(ask, body, key)
        assert response.status_code == 400, response.text
        assert response.json()["error"]["key"] == "request_bad"
    assert engine.collected == []


@pytest.mark.parametrize(
    "event",
    ['{"quantity": 9223372036854775808}', '{"id": "\\u0000"}', '{"id": 5}', '{"action": ["order"]}', '{"action": null}',
     '{"text": "a", "text": "b"}', '{"__proto__": {"constructor": 1}}', '"text"', "null", "[]", "true",
     '{"id": "e9", "action": "page_view", "at": "yesterday"}'],
)  # fmt: skip
def test_a_bad_event_is_its_own_verdict(ask: Ask, event: str) -> None:
    """What is wrong with one event never costs the others: the good one beside it is stored."""
    response = post(ask, f"[{event}, {json.dumps(VIEW)}]")
    assert response.status_code in (200, 207)
    assert response.json()["verdicts"][1]["status"] == "stored"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("id action visitor customer lines price x".split()), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    body=st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | JSON.map(lambda x: json.dumps(x).encode())
)
@settings(max_examples=150, deadline=None)
def test_no_body_makes_the_server_fail(body: bytes) -> None:
    """Whatever is sent, with either key: never a 5xx, and errors have the one shape."""
    ask = asking(app_of(FakeEngine()))
    for key in (SECRET, PUBLISHABLE):
        response = post(ask, body, key)
        assert response.status_code < 500
        assert response.status_code < 400 or set(response.json()["error"]) == {"key", "message", "facts"}


QUERY_NAMES = "placement visitor customer customer_token product cart categories count mode lang key x".split()


@given(
    pairs=st.lists(st.tuples(st.sampled_from(QUERY_NAMES), st.text(max_size=30)), max_size=6), tail=st.text(max_size=20)
)
@settings(max_examples=150, deadline=None)
def test_no_address_makes_the_server_fail(pairs: list[tuple[str, str]], tail: str) -> None:
    """Whatever stands in the query or the path: never a 5xx."""
    ask = asking(app_of(FakeEngine()))
    query = httpx.QueryParams([(name, text.encode("utf-8", "replace").decode()) for name, text in pairs])
    assert ask("GET", f"/v1/recommendations?{query}", key=SECRET).status_code < 500
    quoted: Any = httpx.QueryParams({"x": tail.encode("utf-8", "replace").decode()})
    for start in ("/v1/customers/", "/v1/decisions/", "/v1/products/", "/"):
        assert ask("GET", start + str(quoted)[2:], key=SECRET).status_code < 500
