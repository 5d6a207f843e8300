"""Laws of the console's pages: each says what it should in both languages, and no text of the shop becomes markup."""

import re
from html.parser import HTMLParser

import pytest
import small_shop

from conftest import Browser
from shopkeeper.apps.console.app import PAGES
from shopkeeper.apps.console.visit import HEADERS, address
from shopkeeper.data import reports
from shopkeeper.locale import LANGUAGES, phrases
from shopkeeper.shop import Shop

QUERIES = {
    "/customer": {"id": small_shop.SPECIAL}, "/customer/erase": {"id": "c04"}, "/product": {"id": "p03"},
    "/quarantine": {"reason": "not_an_amount"}, "/customer/events": {"id": "c04", "field": "orders"},
}  # fmt: skip


def url_of(path: str, shop: Shop, language: str) -> str:
    query = QUERIES.get(path, {})
    if path == "/decision":
        query = {"id": small_shop.newest_decision(shop)}
    return address(path, **query, lang=language)


class Outline(HTMLParser):
    """The elements of a page, and each form's fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_in_both_languages(browser: Browser, shop: Shop, path: str, language: str) -> None:
    """200; one main, one h1, a navigation, the language named; the notice stands on it; headers forbid all scripts;
    no element carries a style or a handler; every header cell says what it heads and every field has a label."""
    answer = browser.get(url_of(path, shop, language))
    assert answer.status_code == 200
    outline = Outline(answer.text)
    assert [outline.count(tag) for tag in ("main", "h1")] == [1, 1]
    assert outline.count("nav") >= 1
    assert outline.count("script") == 0
    assert dict(outline.elements)["html"]["lang"] == {"en": "en", "zh": "zh-Hans"}[language]
    assert shop.settings.shop.notice in answer.text
    assert phrases(language, "console")["overview"] in answer.text
    assert all(answer.headers[name] == value for name, value in HEADERS.items())
    names = [name for _, attributes in outline.elements for name in attributes]
    assert not [name for name in names if name == "style" or name.startswith("on")]
    assert all("scope" in attributes for tag, attributes in outline.elements if tag == "th")
    labelled = {attributes.get("for") for tag, attributes in outline.elements if tag == "label"}
    for tag, attributes in outline.elements:
        if tag == "input" and attributes.get("type") != "hidden":
            assert attributes.get("id") in labelled or "aria-label" in attributes


@pytest.mark.parametrize("path", PAGES)
def test_a_page_in_chinese_has_no_english_sentence(browser: Browser, shop: Shop, path: str) -> None:
    """No phrase of the English console with three words or more stands on a Chinese page."""
    text = browser.get(url_of(path, shop, "zh")).text
    english = [phrase for phrase in phrases("en", "console").values() if len(phrase.split()) > 2 and "{" not in phrase]
    assert [phrase for phrase in english if phrase in text] == []


@pytest.mark.parametrize("path", PAGES)
def test_who_is_outside_is_sent_to_the_login(stranger: Browser, shop: Shop, path: str) -> None:
    """Without a session each page answers 303 to the login, which leads back, and shows nothing."""
    answer = stranger.get(url_of(path, shop, "en"))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login")
    assert answer.text == ""


def test_the_language_is_kept(browser: Browser) -> None:
    """The browser's language is the default; ``?lang=`` changes it and the cookie keeps it."""
    assert 'lang="zh-Hans">' in browser.get("/console/", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert browser.get("/console/customers?lang=zh&q=c1").status_code == 200
    again = browser.get("/console/customers", headers={"Accept-Language": "en"}).text
    assert '<html lang="zh-Hans">' in again


def test_the_language_switch_keeps_the_page(browser: Browser) -> None:
    """Each page links to itself in the other language, with what was searched for."""
    assert 'href="/console/customers?q=c1&amp;lang=zh"' in browser.get("/console/customers?q=c1").text


@pytest.mark.parametrize("path", PAGES)
def test_no_text_of_the_shop_becomes_markup(browser: Browser, shop: Shop, path: str) -> None:
    """A product's name, a customer's id and a held row that look like markup stay text."""
    text = browser.get(url_of(path, shop, "en")).text
    assert "<img src=x" not in text
    assert "<b>&" not in text
    assert all(attributes.get("src") == "/console/static/seal.svg" for tag, attributes in Outline(text).elements
               if tag == "img")  # fmt: skip


def test_what_looks_like_markup_is_shown(browser: Browser) -> None:
    """The name stands on the product's page as it is written."""
    assert "&lt;img src=x onerror=" in browser.get("/console/product?id=p03").text


def test_searching_text_is_text(browser: Browser) -> None:
    """What is searched for comes back as the field's value only, escaped."""
    text = browser.get("/console/customers", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script" not in text
    assert phrases("en", "console")["nothing_found"] in text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/customer?id=nobody", 404), ("/product?id=nothing", 404), ("/decision?id=none", 404), ("/customer", 404),
     ("/nowhere", 404), ("/static/../app.py", 404), ("/static/app.py", 404), ("/logout", 405)],
)  # fmt: skip
@pytest.mark.parametrize("language", LANGUAGES)
def test_errors_are_pages_too(browser: Browser, path: str, status: int, language: str) -> None:
    """What does not exist answers with its status and a page in the reader's language."""
    answer = browser.get("/console" + path, headers={"Accept-Language": language})
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
    assert phrases(language, "console")["error"] in answer.text


def test_an_error_of_ours_shows_no_stack(browser: Browser, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks, the page says so without naming anything of the inside."""

    def broken() -> dict[str, int]:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(shop.quarantine, "counts", broken)
    answer = browser.get("/console/quarantine")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_lists_are_sorted_searched_and_paged(browser: Browser, shop: Shop) -> None:
    """Sorting by id begins with the least id; a search finds by id; the second page goes on where the first ended."""
    by_id = re.findall(r"customer\?id=([^\"&]+)", browser.get("/console/customers?sort=id").text)
    rest = re.findall(r"customer\?id=([^\"&]+)", browser.get("/console/customers?sort=id&page=2").text)
    assert len(by_id) == 50
    assert len(set(by_id) | set(rest)) == reports.customers(shop.snapshot()).total
    found = re.findall(r"customer\?id=([^\"&]+)", browser.get("/console/customers?q=C17").text)
    assert found == ["c17"]


def test_the_address_of_a_page_may_be_nonsense(browser: Browser) -> None:
    """A page number that is none is the first page; one beyond the last is empty."""
    for page in ("x", "-1", "0", "²", "9" * 40):
        assert "customer?id=" in browser.get("/console/customers", params={"page": page}).text
    assert phrases("en", "console")["nothing_found"] in browser.get("/console/customers?page=99").text


@pytest.mark.parametrize("order", ["revenue", "orders", "last", "id"])
@pytest.mark.parametrize("text", ["", "C1", "person", "%", "nobody"])
def test_the_kept_list_of_customers_says_what_sql_says(shop: Shop, text: str, order: str) -> None:
    """Each page of the list in memory has the rows that the query over the lake gives, in the same order."""
    known = shop.snapshot()
    kept = reports.customer_list(known)
    for page in (1, 2):
        asked = {"text": text, "page": page, "size": 20, "order": order}
        assert reports.page_of(kept, **asked).rows == reports.customers(known, **asked).rows


@pytest.mark.parametrize("order", ["buyers", "revenue", "units", "id"])
@pytest.mark.parametrize("text", ["", "P1", "tea", "nothing"])
def test_the_kept_list_of_products_says_what_sql_says(shop: Shop, text: str, order: str) -> None:
    """Each page of the list in memory has the rows that the query over the lake gives, in the same order."""
    known = shop.snapshot()
    kept = reports.product_list(known)
    for page in (1, 2):
        asked = {"text": text, "page": page, "size": 20, "order": order}
        assert reports.page_of(kept, **asked).rows == reports.products(known, **asked).rows
