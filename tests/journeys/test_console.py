"""The console in a real browser: every page, both languages, wide and narrow; screenshots are left in ./screenshots."""

import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).parent))

import small_shop

from shopkeeper.apps.console.app import console_routes, login_link
from shopkeeper.apps.http.from_shop import build
from shopkeeper.apps.http.server import bind
from shopkeeper.locale import LANGUAGES, phrases

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
WIDE, NARROW = 1280, 390
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}"),
]
PAGES = {
    "overview": "/", "customers": "/customers", "customer": "/customer?id=c01",
    "customer-odd": "/customer?" + urlencode({"id": small_shop.SPECIAL}), "erase": "/customer/erase?id=c02",
    "customer-events": "/customer/events?id=c01&field=orders",
    "customers-filtered": "/customers?spending=high&last=within90&field=age_band&value=35&consent=train",
    "products": "/products", "product": "/product?id=p10", "product-odd": "/product?id=p03", "models": "/models",
    "decisions": "/decisions", "decision": "/decision?id=", "quarantine": "/quarantine",
    "quarantine-reason": "/quarantine?reason=not_an_amount", "segments": "/segments", "rules": "/rules?level=product",
    "audiences": "/audiences?field1=orders&low1=2&not2=1&field2=did%3Aorder&value2=Tea&days2=30",
}  # fmt: skip


class Served:
    """A small shop behind a real server on a real port."""

    def __init__(self, folder: Path) -> None:
        self.shop = small_shop.build(folder)
        self.decision = small_shop.newest_decision(self.shop)
        self._socket = bind("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        app = build(self.shop, console_routes(self.shop))
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=20)
        self._socket.close()
        self.shop.close()

    def url(self, path: str) -> str:
        return f"{self.address}/console{path}{self.decision if path.endswith('decision?id=') else ''}"

    @property
    def entrance(self) -> str:
        return self.address + login_link(self.shop)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with closing(Served(tmp_path_factory.mktemp("journey") / "shop")) as served:
        yield served


@pytest.fixture(scope="module")
def chromium() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


class Watched:
    """A page in the browser, with everything that went wrong in it and every address it asked for."""

    def __init__(self, chromium: "playwright.Browser", width: int, *, scripts: bool = True) -> None:
        self.context = chromium.new_context(
            viewport={"width": width, "height": 900}, locale="en-GB", java_script_enabled=scripts
        )
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", lambda request: self.asked.append(request.url))

    def _failed(self, request: "playwright.Request") -> None:
        """What is called off because the page is left is no failure."""
        if "ERR_ABORTED" not in (request.failure or ""):
            self.wrong.append(f"{request.failure}: {request.url}")

    def close(self) -> None:
        self.context.close()


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_works_in_a_browser(
    served: Served, chromium: "playwright.Browser", language: str, width: int
) -> None:
    """Each page is shown without an error or a refused resource, asks its own server only, and fits its width."""
    SCREENSHOTS.mkdir(exist_ok=True)
    with closing(Watched(chromium, width)) as watched:
        watched.page.goto(served.entrance)
        for name, path in PAGES.items():
            url = served.url(path)
            answer = watched.page.goto(f"{url}{'&' if '?' in url else '?'}lang={language}")
            assert answer is not None
            assert answer.status == 200, name
            assert watched.page.locator("main h1").is_visible(), name
            assert watched.page.title() != "hacked"
            over = watched.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{name} is {over} pixels too wide"
            suffix = "" if width == WIDE else "-narrow"
            watched.page.screenshot(path=SCREENSHOTS / f"{language}-{name}{suffix}.png", full_page=True)
        assert watched.wrong == []
        assert {url for url in watched.asked if not url.startswith((served.address, "data:"))} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_morning_at_the_console_without_scripts(
    served: Served, chromium: "playwright.Browser", language: str
) -> None:
    """With scripts switched off: log in with the key, find a customer, see why, ask to erase and change one's mind,
    download the copy, and log out."""
    words, key = phrases(language, "console"), served.shop.state.keys.create("secret")
    with closing(Watched(chromium, WIDE, scripts=False)) as watched:
        page = watched.page
        page.goto(served.url("/customers") + f"?lang={language}")
        page.screenshot(path=SCREENSHOTS / f"{language}-login.png", full_page=True)
        page.get_by_label(words["login_key"]).fill("sk_wrong")
        page.get_by_role("button", name=words["login_do"]).click()
        assert page.get_by_role("alert").is_visible()
        page.get_by_label(words["login_key"]).fill(key)
        page.get_by_role("button", name=words["login_do"]).click()
        assert page.locator("h1").inner_text() == words["customers"]
        page.get_by_label(words["customers_search"]).fill("c04")
        page.get_by_role("button", name=words["filter_show"], exact=True).click()
        page.locator("tbody a").first.click()
        assert page.locator(".choices > li").count() > 0
        assert page.locator(".choices .reason").first.inner_text()
        with page.expect_download() as download:
            page.get_by_role("button", name=words["export"]).click()
        assert "c04" in Path(download.value.path()).read_text("utf-8")
        page.get_by_role("link", name=words["erase"]).click()
        page.get_by_role("link", name=words["cancel"]).click()
        assert page.locator(".choices > li").count() > 0
        page.get_by_role("button", name=words["logout"]).click()
        assert page.locator("h1").inner_text() == words["login"]
        page.goto(served.url("/customers"))
        assert "/login" in page.url


def test_the_keyboard_reaches_the_content_first(served: Served, chromium: "playwright.Browser") -> None:
    """The first Tab shows the link to the content, and following it moves the focus there."""
    with closing(Watched(chromium, WIDE)) as watched:
        watched.page.goto(served.entrance)
        watched.page.keyboard.press("Tab")
        assert watched.page.locator(".skip").evaluate("link => link === document.activeElement")
        watched.page.keyboard.press("Enter")
        assert watched.page.evaluate("document.activeElement.id") == "main"
