"""One request to the console on its way through, and the page it gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shopkeeper.apps.console.doors import COOKIE, Doors, Session
from shopkeeper.apps.console.pages import Pages
from shopkeeper.apps.console.visit_address import PREFIX as PREFIX
from shopkeeper.apps.console.visit_address import address as address
from shopkeeper.apps.console.words import Words
from shopkeeper.apps.http.gate import language_for
from shopkeeper.locale import LANGUAGES, language_of
from shopkeeper.shop import Shop
from shopkeeper.shop.demo import notice_in

LANGUAGE_COOKIE: Final = "shopkeeper_language"
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}  # fmt: skip
"""``same-origin``, not ``no-referrer``: with the latter browsers send ``Origin: null`` with our own forms, and those
that send no ``Sec-Fetch-Site`` (plain HTTP) could not be told from a stranger's."""
_YEAR: Final = 365 * 86_400


@cache
def static(name: str) -> bytes:
    """A file of ``static``.

    Raises:
        OSError: there is no such file.
    """
    return files(__package__).joinpath("static", name).read_bytes()


@cache
def templates() -> Environment:
    """Every text is escaped; a name that is missing is an error and not an empty place."""
    made = Environment(
        loader=PackageLoader("shopkeeper.apps.console"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals["style"] = f"{PREFIX}/static/console.css?v={blake2b(static('console.css'), digest_size=6).hexdigest()}"
    made.globals["prefix"] = PREFIX
    return made


def language_asked(request: Request, default: str) -> str:
    """``?lang=``, else the cookie, else the browser's, else the shop's language."""
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    if "lang" not in request.query_params and kept in LANGUAGES:
        return kept
    return language_for(request, default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who asks for what, in which language, with which form."""

    request: Request
    shop: Shop
    doors: Doors
    words: Words
    session: Session | None = None
    form: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def pages(self) -> Pages:
        return Pages(self.shop, self.words)

    def asked(self, name: str, default: str = "") -> str:
        """A word of the address, at most 300 characters."""
        return self.request.query_params.get(name, default)[:300]

    def sent(self, name: str) -> str:
        """A field of the form."""
        return self.form.get(name, [""])[0]

    def tell(self, key: str, **facts: str) -> None:
        """Let the next page say what was done."""
        if self.session is not None:
            self.session.notes.append((key, facts))

    def go(self, path: str, **query: object) -> Response:
        """Send the browser to another page of the console."""
        return RedirectResponse(address(path, **query), status_code=303)

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A rendered page in the reader's language."""
        notes: list[str] = []
        if self.session is not None:
            notes = [self.words(key, **facts) for key, facts in self.session.notes]
            self.session.notes.clear()
        shop = self.shop.settings.shop
        notice = notice_in(self.words.language, shop.notice)
        body = templates().get_template(template).render(
            t=self.words, say=self.words, at=address, shop_name=shop.name, notice=notice, notes=notes,
            token=self.session.token if self.session else "", inside=self.session is not None,
            here=self.request.url.path.removeprefix(PREFIX) or "/", languages=self._languages(), **values,
        )  # fmt: skip
        return HTMLResponse(body, status_code=status)

    def _languages(self) -> list[dict[str, Any]]:
        """This page in each language; the start page where this one answers a form."""
        again = self.request.method == "GET"
        path = self.request.url.path.removeprefix(PREFIX) if again else "/"
        query = dict(self.request.query_params) if again else {}
        query.pop("word", None)
        return [
            {"code": code, "here": code == self.words.language, "url": address(path, **{**query, "lang": code})}
            for code in LANGUAGES
        ]


def finished(response: Response, request: Request) -> Response:
    """Every answer's headers; a language that was asked for is kept."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    asked = request.query_params.get("lang")
    if asked is not None:
        response.set_cookie(
            LANGUAGE_COOKIE, language_of(asked), max_age=_YEAR, path=PREFIX, samesite="lax", httponly=True
        )
    return response


def with_session(response: Response, request: Request, cookie: str) -> Response:
    """The answer that lets a browser in."""
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, cookie, path=PREFIX, httponly=True, samesite="lax", secure=secure)
    return response
