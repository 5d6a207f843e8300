"""One small shop for all tests of the console, and a browser that is inside it."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

sys.path.insert(0, str(Path(__file__).parents[2] / "journeys"))

import small_shop

from shopkeeper.apps.console.app import console_routes, login_link
from shopkeeper.apps.http.from_shop import build
from shopkeeper.shop import Shop


class Browser:
    """Asks the app directly, keeps cookies, follows nothing."""

    def __init__(self, app: Starlette) -> None:
        self._app, self.cookies = app, httpx.Cookies()

    def ask(self, method: str, url: str, **how: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop", cookies=self.cookies) as client:
                answer = await client.request(method, url, **how)
                self.cookies = client.cookies
                return answer

        return asyncio.run(asked())

    def get(self, url: str, **how: Any) -> httpx.Response:
        return self.ask("GET", url, **how)

    def post(self, url: str, **how: Any) -> httpx.Response:
        return self.ask("POST", url, **how)


def entered(shop: Shop) -> Browser:
    """A new browser that entered a shop with a link."""
    found = Browser(build(shop, console_routes(shop)))
    assert found.get(login_link(shop)).status_code == 303
    return found


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with small_shop.build(tmp_path_factory.mktemp("console") / "shop") as shop:
        yield shop


@pytest.fixture
def stranger(shop: Shop) -> Browser:
    """A browser that was not let in."""
    return Browser(build(shop, console_routes(shop)))


@pytest.fixture
def browser(shop: Shop, stranger: Browser) -> Browser:
    """A browser that entered with a link."""
    assert stranger.get(login_link(shop)).status_code == 303
    return stranger
