"""Who may enter the console: a session that begins with a one-time link or with the secret key.

Sessions live on the server; the cookie is a random word, HttpOnly and SameSite=Lax. Every request that changes something
must come from a page of ours (``Sec-Fetch-Site``/``Origin``) and carry the session's own token.
"""

import hmac
import secrets
import threading
import time
from typing import Final

from starlette.requests import Request

COOKIE: Final = "shopkeeper_console"
_HOURS: Final = 12
_LINK_SECONDS: Final = 600


class Doors:
    """Sessions and one-time links of one running server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, tuple[float, str]] = {}
        self._links: dict[str, float] = {}

    def link(self) -> str:
        """A word that opens the console once, within ten minutes."""
        word = secrets.token_urlsafe(24)
        with self._lock:
            self._links[word] = time.monotonic() + _LINK_SECONDS
        return word

    def use_link(self, word: str) -> bool:
        with self._lock:
            until = self._links.pop(word, 0.0)
        return until > time.monotonic()

    def open(self) -> str:
        """A new session; its cookie."""
        cookie = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            self._sessions = {word: kept for word, kept in self._sessions.items() if kept[0] > now}
            self._sessions[cookie] = (now + _HOURS * 3600, secrets.token_urlsafe(24))
        return cookie

    def close(self, cookie: str) -> None:
        with self._lock:
            self._sessions.pop(cookie, None)

    def token(self, request: Request) -> str | None:
        """The form token of the request's session; None where it has no valid one."""
        kept = self._sessions.get(request.cookies.get(COOKIE, ""))
        return kept[1] if kept is not None and kept[0] > time.monotonic() else None


def same_origin(request: Request) -> bool:
    """Whether a request that changes something comes from our own page."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def right_token(wanted: str, given: object) -> bool:
    return isinstance(given, str) and hmac.compare_digest(wanted.encode(), given.encode())
