"""Laws of the doors: who is let in, and that nothing changes without the session, our origin and the form's token."""

import re

import pytest
import small_shop

from conftest import Browser
from shopkeeper.apps.console.app import FORMS, PAGES, login_link
from shopkeeper.apps.console.doors import COOKIE
from shopkeeper.apps.console.views import _inside
from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.locale import phrases
from shopkeeper.shop import Shop

FIELDS = {
    "/customer/export": {"id": "c10"}, "/customer/erase": {"id": "c11"}, "/models/rollback": {"version": "v0"},
    "/quarantine/correct": {"reason": "not_an_amount", "column": "price", "value": "", "new": "1"},
    "/quarantine/discard": {"row": "q_1"}, "/customer/unlink": {"id": "c12", "visitor": "w12"},
    "/customer/relink": {"id": "c12", "visitor": "w12"},
}  # fmt: skip


def token_of(browser: Browser) -> str:
    found = re.search(r'name="token" value="([^"]+)"', browser.get("/console/").text)
    assert found is not None
    return found[1]


def facts(shop: Shop) -> tuple[object, ...]:
    """What the forms could change."""
    return (
        shop.models.current(), shop.quarantine.counts(), shop.quarantine.counts(status="discarded"),
        len(shop.snapshot().query("SELECT id FROM customers")), shop.state.unlinked.list(),
    )  # fmt: skip


def send(browser: Browser, path: str, how: str) -> int:
    token, headers = token_of(browser), {"Sec-Fetch-Site": "same-origin"}
    match how:
        case "no session":
            browser.cookies.delete(COOKIE)
        case "no token":
            token = ""
        case "wrong token":
            token = "ü" + token
        case "other site":
            headers = {"Sec-Fetch-Site": "cross-site"}
        case "sibling site":
            headers = {"Sec-Fetch-Site": "same-site"}
        case "other origin":
            headers = {"Origin": "http://evil.example"}
        case "null origin":
            headers = {"Origin": "null"}
    return browser.post("/console" + path, data={**FIELDS.get(path, {}), "token": token}, headers=headers).status_code


@pytest.mark.parametrize("how", ["no session", "no token", "wrong token", "other site", "sibling site", "other origin",
                                 "null origin"])  # fmt: skip
@pytest.mark.parametrize("path", FORMS)
def test_a_form_from_elsewhere_changes_nothing(browser: Browser, shop: Shop, path: str, how: str) -> None:
    """Each form of the table answers 403 without a session, its token or our origin, and the shop stays as it was."""
    before = facts(shop)
    assert send(browser, path, how) == 403
    assert facts(shop) == before


@pytest.mark.parametrize("path", FORMS)
def test_a_form_is_never_answered_to_a_link(browser: Browser, path: str) -> None:
    """GET changes nothing: 405, or the page that asks first."""
    assert browser.get("/console" + path).status_code == (404 if path in PAGES else 405)


def test_a_link_opens_once(stranger: Browser, shop: Shop) -> None:
    """The link of the server's start lets one browser in, once; a wrong one nobody."""
    link = login_link(shop)
    assert stranger.get(link).headers["location"] == "/console/"
    assert stranger.get("/console/").status_code == 200
    assert stranger.get(link).status_code == 403
    assert stranger.get("/console/enter?word=guess").status_code == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(stranger: Browser, shop: Shop) -> None:
    """HttpOnly, SameSite=Lax, and only for the console."""
    cookie = stranger.get(login_link(shop)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/console" in cookie


def test_only_the_secret_key_opens(stranger: Browser, shop: Shop) -> None:
    """A publishable, revoked or invented key is refused with 403; the secret key leads to the page that was wanted."""
    secret, public = shop.state.keys.create("secret"), shop.state.keys.create("publishable")
    for key in (public, "sk_invented", ""):
        answer = stranger.post("/console/login", data={"key": key})
        assert answer.status_code == 403
        assert COOKIE not in stranger.cookies
    answer = stranger.post("/console/login", data={"key": f" {secret} ", "next": "/console/models"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/models")
    assert stranger.get("/console/models").status_code == 200


def test_another_site_cannot_log_somebody_in(stranger: Browser, shop: Shop) -> None:
    """The login form is taken from our own page only."""
    key = shop.state.keys.create("secret")
    answer = stranger.post("/console/login", data={"key": key}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert COOKIE not in stranger.cookies


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil", "/console/..//evil", "/v1/x", "javascript:1", "",
               "/console/\r\nx", "/console/../docs"],
)  # fmt: skip
def test_the_login_leads_into_the_console_only(wanted: str) -> None:
    """Whatever page was asked for, the browser stays in the console."""
    led = _inside(wanted)
    assert led.startswith("/console/")
    assert "/../" not in led or led == "/console/"
    assert led.isprintable()


def test_logging_out_ends_the_session(browser: Browser) -> None:
    """The old cookie opens nothing any more."""
    kept = browser.cookies.get(COOKIE)
    assert browser.post("/console/logout", data={"token": token_of(browser)}).status_code == 303
    browser.cookies.set(COOKIE, kept or "", path="/console")
    assert browser.get("/console/").status_code == 303


def test_a_form_that_is_too_large_or_none_is_refused(browser: Browser) -> None:
    """400, and nothing is read further."""
    token = token_of(browser)
    big = browser.post("/console/quarantine/discard", data={"token": token, "row": "x" * 300_000})
    other = browser.post("/console/quarantine/discard", json={"token": token})
    assert (big.status_code, other.status_code) == (400, 400)


def test_forms_do_what_they_say(browser: Browser, shop: Shop) -> None:
    """Export hands out a file, erase removes a person, roll back changes the version, discard and replay move rows."""
    token = token_of(browser)
    export = browser.post("/console/customer/export", data={"token": token, "id": small_shop.SPECIAL})
    assert export.headers["content-disposition"].startswith("attachment;")
    assert export.json()["customer"] == small_shop.SPECIAL

    older, newer = shop.models.versions()
    answer = browser.post("/console/models/rollback", data={"token": token, "version": older})
    assert (answer.status_code, shop.models.current(), shop.serving.version) == (303, older, older)
    assert older in browser.get("/console/models").text
    assert browser.post("/console/models/rollback", data={"token": token, "version": "../x"}).status_code == 404
    shop.models.make_current(newer)
    shop.reload()

    alike = shop.quarantine.list(reason="not_an_amount")
    column, cells = alike[0].column, alike[0].cells() or {}
    page = browser.get("/console/quarantine?reason=not_an_amount&lang=zh").text
    assert phrases("zh", "console")["correct"] in page
    form = {"token": token, "reason": "not_an_amount", "column": column, "value": cells[column], "new": "2.50"}
    assert browser.post("/console/quarantine/correct", data=form).status_code == 303
    assert shop.quarantine.get(alike[0].id).status == "replayed"

    held = shop.quarantine.list(reason="not_a_time")[0]
    browser.post("/console/quarantine/discard", data={"token": token, "row": held.id})
    assert shop.quarantine.get(held.id).status == "discarded"
    browser.post("/console/quarantine/discard", data={"token": token, "reason": "not_a_number", "all": "1"})
    assert "not_a_number" not in shop.quarantine.counts()
    assert browser.post("/console/quarantine/replay", data={"token": token}).status_code == 303

    assert browser.post("/console/customer/erase", data={"token": token, "id": "c59"}).status_code == 303
    assert "c59" in browser.get("/console/customers").text
    assert "c59" not in browser.get("/console/customers?q=c59&sort=id").text.replace('value="c59"', "").replace(
        "q=c59", ""
    )
    assert browser.get("/console/customer?id=c59").status_code == 404


def test_a_customers_browsers_are_shown_and_parted(browser: Browser, shop: Shop) -> None:
    """The page says in both languages how many browsers a customer was seen with and what became of each; the button
    keeps one apart, and the other joins it again."""
    shop.state.consent.record(PersonKey("visitor:phone-9"), {Purpose.PERSONALISE: True}, at=shop.clock())
    sign_in = {"id": "phone-9-in", "action": "identify", "visitor": "phone-9", "customer": "c20"}
    assert shop.collect([sign_in])[0].status == "stored"
    shop.drain()

    def page(language: str = "en") -> str:
        return browser.get(f"/console/customer?id=c20&lang={language}").text

    assert "1 device" in page()
    assert "1 台设备" in page("zh")
    assert "phone-9" in page()
    assert "Not seen signed in" in browser.get("/console/customer?id=c21&lang=en").text
    form = {"token": token_of(browser), "id": "c20", "visitor": "phone-9"}
    assert browser.post("/console/customer/unlink", data=form).status_code == 303
    assert [(one.visitor, one.source) for one in shop.state.unlinked.list()] == [("phone-9", "console")]
    assert "kept apart on request" in page()
    assert browser.post("/console/customer/relink", data=form).status_code == 303
    assert "kept apart on request" not in page()
    assert browser.post("/console/customer/relink", data=form).status_code == 404
