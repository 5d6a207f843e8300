"""Who may enter the console: a session that begins with a one-time link or with the secret key.

Sessions live on the server; the cookie is a random word, HttpOnly and SameSite=Lax. Every request that changes
something must come from a page of ours (``Sec-Fetch-Site``/``Origin``) and carry the session's own token.
"""

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

COOKIE: Final = "shopkeeper_console"
_HOURS: Final = 12
_LINK_SECONDS: Final = 600
_MOST_SESSIONS: Final = 1_000


@dataclass(slots=True, kw_only=True)
class Session:
    """One browser that was let in."""

    until: float
    token: str
    """What its forms must send."""
    notes: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """What its next page tells: keys of the area ``console`` with their facts."""


class Doors:
    """Sessions and one-time links of one running server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._links: dict[str, float] = {}

    def link(self) -> str:
        """A word that opens the console once, within ten minutes."""
        word = secrets.token_urlsafe(24)
        with self._lock:
            self._links[word] = time.monotonic() + _LINK_SECONDS
        return word

    def use_link(self, word: str) -> bool:
        """Whether a word opens; it never does again."""
        with self._lock:
            until = self._links.pop(word, 0.0)
        return until > time.monotonic()

    def open(self) -> str:
        """A new session; its cookie."""
        cookie = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            kept = [(word, session) for word, session in self._sessions.items() if session.until > now]
            self._sessions = dict(kept[-_MOST_SESSIONS:])
            self._sessions[cookie] = Session(until=now + _HOURS * 3600, token=secrets.token_urlsafe(24))
        return cookie

    def close(self, request: Request) -> None:
        """End the request's session."""
        with self._lock:
            self._sessions.pop(request.cookies.get(COOKIE, ""), None)

    def session(self, request: Request) -> Session | None:
        """The request's session; None where it has no valid one."""
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        return session if session is not None and session.until > time.monotonic() else None


def same_origin(request: Request) -> bool:
    """Whether a request that changes something comes from our own page."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


def right_token(wanted: str, given: str) -> bool:
    """Whether a form's token is the session's, compared in constant time."""
    return hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))
