"""The list of the API for people: one small page, nothing loaded from elsewhere, no script."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape

import msgspec

from shopkeeper.apps.http.routes import ApiRoute
from shopkeeper.locale import say

_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;"
    "padding:0 1rem}h1{font-size:1.6rem}section{border-top:1px solid #8884;padding:1rem 0}code{font-size:.95em}"
    "h2{font-size:1rem;margin:0}small{opacity:.75}b{display:inline-block;min-width:4.5rem}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {"Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'"}


def render(routes: Iterable[ApiRoute], language: str) -> str:
    """HTML."""
    title = escape(say(language, "api", "title"))
    sections = "".join(_section(route, language) for route in routes)
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><h1>{title}</h1>'
        f'<p>{escape(say(language, "api", "lead"))} <a href="/openapi.json">/openapi.json</a></p>'
        f"{sections}</body></html>"
    )


def _section(route: ApiRoute, language: str) -> str:
    names = [] if route.query is None else [part.name for part in msgspec.structs.fields(route.query)]
    parameters = ", ".join(f"<code>{escape(name)}</code>" for name in names)
    key = escape(say(language, "api", f"needs_{route.needs}"))
    statuses = " ".join(map(str, route.statuses))
    return (
        f"<section><h2><b>{route.method}</b><code>{escape(route.path)}</code></h2>"
        f"<p>{escape(route.summary(language))}</p><small>{key} · {statuses}"
        f"{' · ' + parameters if parameters else ''}</small></section>"
    )
