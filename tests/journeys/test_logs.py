"""What a server writes to its log names nobody, whatever it is sent and whatever goes wrong."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from running import Server, secret_key, serving
from small_shop import build

from servers import wait_until
from shopkeeper.apps.console.app import FORMS, OPEN, PAGES
from shopkeeper.apps.http.app import ROUTES

CANARY = "canary-7f3a"
PERSON = f"{CANARY}-person"
MAIL = f"{CANARY}@example.org"
WORDS = f"{CANARY} 王小明"
WHOLE = {"id": f"{CANARY}-e", "action": "search", "customer": PERSON, "visitor": f"{CANARY}-v", "query": WORDS,
         "properties": {"email": MAIL}}  # fmt: skip
BODIES: tuple[Any, ...] = (
    {"events": [WHOLE, {**WHOLE, "id": f"{CANARY}-f", "at": f"{CANARY}"}, {**WHOLE, "action": CANARY}, WORDS]},
    {"batch": [{"type": "track", "event": "Products Searched", "userId": PERSON, "messageId": CANARY,
                "properties": {"query": WORDS, "email": MAIL}}]},
    {"customer": PERSON, "message": WORDS}, [WHOLE], WORDS, None,
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A trained shop, served."""
    shop = build(tmp_path_factory.mktemp("logs") / "shop")
    shop.close()
    with serving(shop.folder, secret_key(shop.folder)) as found:
        yield found


def _filled(path: str) -> str:
    return "/".join(PERSON if part.startswith("{") else part for part in path.split("/"))


def _ask_everything(client: httpx.Client) -> set[int]:
    """Each route with each method, with the canary in every place that takes text, well and badly formed."""
    found: set[int] = set()
    asked = dict.fromkeys(("cart", "placement", "lang", "count", "key"), CANARY)
    asked |= {"customer": PERSON, "visitor": f"{CANARY}-v", "query": WORDS}
    headers = {"User-Agent": MAIL, "Referer": f"https://x.example/?q={CANARY}", "Cookie": f"session={CANARY}",
               "X-Forwarded-For": CANARY, "Accept-Language": CANARY, "Origin": f"https://{CANARY}.example"}  # fmt: skip
    paths = [_filled(route.path) for route in ROUTES] + [f"/console{_filled(path)}" for path in {*OPEN, *PAGES, *FORMS}]
    for path, method in itertools.product([*paths, f"/{CANARY}", f"/v1/{CANARY}"], ("GET", "POST", "DELETE")):
        plain = {"customer": PERSON, "visitor": f"{CANARY}-v"} if method == "GET" else {}
        for params, more in ((asked, headers), (plain, {}), ({}, {"Authorization": f"Bearer {CANARY}"})):
            bodies = BODIES if method == "POST" and more else (None,)
            for body in bodies:
                said = client.request(method, path, params=params, headers=more, json=body)
                found.add(said.status_code)
        if method == "POST":
            raw = f'{{"events": [{{"customer": "{PERSON}", '.encode() + b"\xff\xfe"
            found.add(client.post(path, content=raw, headers={"Content-Type": "application/json"}).status_code)
            found.add(client.post(path, data={"key": CANARY, "token": WORDS, "q": MAIL}).status_code)
    return found


def _logged(server: Server) -> str:
    """What was written; lines are gathered for a blink, so a last question is asked until it stands there."""
    before = server.log.read_text("utf-8").count("get_live")
    server.client.get("/health/live")
    wait_until(lambda: server.log.read_text("utf-8").count("get_live") > before, "the log")
    return server.log.read_text("utf-8")


def _names_nobody(text: str) -> None:
    assert CANARY not in text
    assert "王小明" not in text
    lines = [line for line in text.splitlines() if line.startswith("{")]
    assert len(lines) > 50
    assert all("event" in json.loads(line) for line in lines)


def test_nobody_is_named_in_the_log(server: Server) -> None:
    """Every route of API and console, in order and in disorder: not one byte of the canary is logged, and lines are
    JSON objects."""
    found = _ask_everything(server.client)
    assert {200, 400, 401, 404} <= found
    assert 500 not in found
    _names_nobody(_logged(server))


def test_nor_when_the_shop_breaks_under_it(server: Server) -> None:
    """The facts damaged: errors are logged, and still name nobody."""
    server.client.post("/v1/events", json={"events": [{**WHOLE, "id": f"{CANARY}-z"}]})
    for table in ("events", "customers", "order_lines"):
        for file in (server.log.parent / "shop" / "lake" / table).glob("*.parquet"):
            file.write_bytes(b"PAR1 garbage PAR1")
    found = _ask_everything(server.client)
    assert any(status >= 400 for status in found)
    _names_nobody(_logged(server))
