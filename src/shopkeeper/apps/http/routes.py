"""A route as a record: what answers, who may ask, what goes in and out. The gate and OpenAPI are made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote

from starlette.requests import Request as Call
from starlette.responses import Response

from shopkeeper.apps.http.engine import Engine
from shopkeeper.apps.http.limits import Limits
from shopkeeper.apps.http.metrics import Metrics
from shopkeeper.core.errors import NotFound
from shopkeeper.core.ids import is_id
from shopkeeper.data.store.keys import Role
from shopkeeper.locale import say

Needs = Literal["open", "publishable", "secret"]


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request on its way through: who asks, in which language, and what the log may say of it."""

    call: Call
    engine: Engine
    metrics: Metrics
    limits: Limits
    role: Role | None = None
    key_id: str = ""
    language: str = "en"
    person: str = ""
    """Whom it is about; logged as a hash only."""
    weight: int = 0
    """Bytes of its body that are in memory."""
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def is_browser(self) -> bool:
        return self.role == "publishable"

    def weigh(self, size: int) -> None:
        """Take up room for a part of its body until it is answered.

        Raises:
            Unavailable: too much is in work.
        """
        self.limits.weigh(size)
        self.weight += size

    def charge(self, events: int) -> None:
        """Take a batch from what its key may send.

        Raises:
            Unavailable: its key sent too much (``rate_limited``).
        """
        if self.role is not None:
            self.limits.events(self.key_id, self.role, events)


def id_of(visit: Visit, kind: Literal["customer", "product", "decision", "order", "visitor"]) -> str:
    """The id in the path.

    Raises:
        NotFound: no id looks like that.
    """
    found = unquote(str(visit.call.path_params["id"]))
    if not is_id(found):
        raise NotFound(f"unknown_{kind}", **{kind: found[:100]})
    return found


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """``name`` is also the key of its summary in the area ``api``."""

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    needs: Needs
    answer: type | None = None
    media: str = "application/json"
    """What an answer without a shape is."""
    query: type | None = None
    body: Any = None
    statuses: tuple[int, ...] = (200,)
    """Every status it may answer with, besides those of the gate."""
    public: bool = False
    """Whether pages of other origins may call it (never with cookies)."""

    @property
    def methods(self) -> frozenset[str]:
        return frozenset({self.method})

    def summary(self, language: str = "en") -> str:
        return say(language, "api", self.name)
