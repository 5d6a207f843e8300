"""Laws of asking for segments, rules and audiences over HTTP."""

import json
from collections.abc import Callable

import httpx
import pytest
from fake_engine import PUBLISHABLE, SECRET, FakeEngine, asking

from shopkeeper.apps.http.app import app_of
from shopkeeper.core.errors import DataError, NotAllowed, NotFound

Ask = Callable[..., httpx.Response]
RULE = {"field": "orders", "at_least": 2}


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def ask(engine: FakeEngine) -> Ask:
    return asking(app_of(engine))


def test_only_the_secret_key_may_ask(ask: Ask) -> None:
    """Browsers see neither segments nor rules nor audiences."""
    for path in ("/v1/segments", "/v1/rules", "/v1/audiences", "/v1/audiences/a_1/customers"):
        assert ask("GET", path, key=PUBLISHABLE).status_code == 403
        assert ask("GET", path, key=SECRET).status_code == 200


def test_an_audience_is_counted_saved_and_removed(ask: Ask) -> None:
    """A rule and a purpose are enough to count; a name saves it; few people are null, not a number."""
    counted = ask("POST", "/v1/audiences/count", key=SECRET, json={"rule": RULE, "purpose": "third_party"})
    assert counted.json() == {"matching": None, "reachable": None, "everybody": None, "purpose": "third_party",
                              "at": "", "least": 20}  # fmt: skip
    saved = ask("POST", "/v1/audiences", key=SECRET, json={"rule": RULE, "name": "Often"})
    assert (saved.status_code, saved.json()["id"], saved.json()["purpose"]) == (201, "a_1", "email")
    assert ask("DELETE", "/v1/audiences/a_1", key=SECRET).json()["id"] == "a_1"


@pytest.mark.parametrize(
    "body", ["", "[]", '{"purpose": "email"}', '{"rule": 5}', '{"rule": {}, "purpose": "spying"}', "{", "[" * 90_000,
             '{"rule": {"field": "orders", "field": "spend", "at_least": 1}}', '{"rule": {"at_least": NaN}}'],
)  # fmt: skip
def test_what_is_no_request_is_refused(ask: Ask, body: str) -> None:
    """No JSON, no rule, an unknown purpose, a name that stands twice: 400 with a sentence."""
    answer = ask("POST", "/v1/audiences/count", key=SECRET, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(DataError("audience_bad", place=".x", wanted="y"), 400), (NotAllowed("audience_sensitive", word="religion"), 403),
     (NotFound("unknown_audience", audience="a_9"), 404)],
)  # fmt: skip
def test_refusals_of_the_shop_keep_their_sentence(engine: FakeEngine, ask: Ask, error: Exception, status: int) -> None:
    """A rule that is not understood, sensitive, or about an unknown audience: the shop's own sentence and status."""
    engine.fails["count_audience"] = error
    answer = ask("POST", "/v1/audiences/count", key=SECRET, content=json.dumps({"rule": RULE}))
    assert answer.status_code == status
    assert answer.json()["error"]["key"].startswith(("audience_", "unknown_"))
