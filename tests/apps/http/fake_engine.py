"""A shop without a folder: it remembers what the API asked of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette

from shopkeeper.apps.http.decisions import told_of
from shopkeeper.apps.http.engine import Answered
from shopkeeper.core.action import BROWSER_ACTIONS, Action
from shopkeeper.core.decision import Choice, Decision, Reason, Request
from shopkeeper.core.errors import NotFound
from shopkeeper.core.figures import EngineFigures
from shopkeeper.core.ids import DecisionId
from shopkeeper.data.rows import Warn
from shopkeeper.data.store.keys import Role
from shopkeeper.settings import LimitsSection
from shopkeeper.shop.why_order import Moved

SECRET, PUBLISHABLE = "sk_secret", "pk_publishable"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@dataclass
class FakeVerdict:
    id: str
    status: str
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: Sequence[Warn] = ()


class FakeKeys:
    identity_secret = "5e" * 32

    def find(self, key: str) -> tuple[Role, str] | None:
        return {SECRET: ("secret", "k_1"), PUBLISHABLE: ("publishable", "k_2")}.get(key)  # type: ignore[return-value]  # literals


class FakeEngine:
    """Every method can be made to fail by putting an error into ``fails``."""

    language = "en"
    drain_seconds = 3600.0
    keys = FakeKeys()
    limits = LimitsSection()

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.collected: list[tuple[list[Any], str, bool]] = []
        self.requests: list[Request] = []
        self.seen: set[str] = set()
        self.closed = False
        self.begun = False

    def _maybe_fail(self, name: str) -> None:
        if name in self.fails:
            raise self.fails[name]

    def now(self) -> datetime:
        return NOW

    def collect(self, raws: Sequence[Any], *, source: str, browser: bool) -> list[FakeVerdict]:
        self._maybe_fail("collect")
        self.collected.append((list(raws), source, browser))
        return [self._verdict(raw, browser) for raw in raws]

    def _verdict(self, raw: Any, browser: bool) -> FakeVerdict:
        name = str(raw.get("id")) if isinstance(raw, dict) else ""
        action = Action.of(raw["action"]) if isinstance(raw, dict) and isinstance(raw.get("action"), str) else None
        if action is None or (browser and action not in BROWSER_ACTIONS):
            return FakeVerdict(name, "quarantined", "action_not_allowed", {"column": "action", "value": str(action)})
        status = "duplicate" if name in self.seen else "stored"
        self.seen.add(name)
        return FakeVerdict(name, status)

    def count_of(self, placement: str) -> int:
        if placement not in ("home", "product"):
            raise NotFound("unknown_placement", placement=placement, allowed="home, product")
        return 10

    def decide(self, request: Request) -> Decision:
        self._maybe_fail("decide")
        self.requests.append(request)
        if request.placement not in ("home", "product"):
            raise NotFound("unknown_placement", placement=request.placement, allowed="home, product")
        return decision_of(request)

    async def answered(self, request: Request, language: str) -> Answered:
        decision = self.decide(request)
        body = told_of(decision, lambda reason: self.say_reason(reason, language))
        return Answered(body=body, fallback=bool(decision.fallback))

    def similar_to(self, product: str, count: int) -> Request:
        self._maybe_fail("similar")
        if product == "unknown":
            raise NotFound("unknown_product", product=product)
        return Request(placement="product", at=NOW, product=product, count=count)  # type: ignore[arg-type]  # an id is a text

    def moved(self, decision: Decision) -> list[Moved | None]:
        return [None for _ in decision.choices]

    def explain(self, decision_id: str) -> Decision:
        self._maybe_fail("explain")
        if decision_id != "d_1":
            raise NotFound("unknown_decision", decision=decision_id)
        return decision_of(Request(placement="home", at=NOW, count=2))

    def say_reason(self, reason: Reason, language: str) -> str:
        return f"{language}:{reason.key}"

    def customer(self, customer_id: str) -> Any:
        self._maybe_fail("customer")
        return {"id": customer_id, "features": {"orders": 3}}

    def profile(self, customer_id: str, as_of: str) -> dict[str, Any]:
        self._maybe_fail("profile")
        return {"id": customer_id, "at": as_of, "currency": "USD"}

    def evidence(self, customer_id: str, field: str, value: str, as_of: str, count: int) -> dict[str, Any]:
        self._maybe_fail("evidence")
        return {"id": customer_id, "field": field, "value": value, "total": 0}

    def predictions(self, customer_id: str, language: str) -> dict[str, Any]:
        self._maybe_fail("predictions")
        return {"id": customer_id, "at": "", "currency": "USD", "version": "", "fields": {}, "answers": {}}

    def ratings(self, customer_id: str, products: Sequence[str], language: str) -> dict[str, Any]:
        self._maybe_fail("ratings")
        return {"id": customer_id, "at": "", "version": language, "products": [{"product": one} for one in products]}

    def order_returns(self, order_id: str, language: str) -> dict[str, Any]:
        self._maybe_fail("order_returns")
        return {"id": order_id, "at": "", "customer": "c1", "currency": "USD", "version": language, "days": 30}

    def segments(self, language: str) -> dict[str, Any]:
        self._maybe_fail("segments")
        return {"version": "", "segments": [], "refused": {}}

    def rules(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._maybe_fail("rules")
        return {"version": "", "orders": 1, "days": 1.0, "tested": 1, "passing": 0, "rules": []}

    def audiences(self) -> list[dict[str, Any]]:
        self._maybe_fail("audiences")
        return []

    def count_audience(self, rule: Any, purpose: str) -> dict[str, Any]:
        self._maybe_fail("count_audience")
        nobody: dict[str, Any] = dict.fromkeys(("matching", "reachable", "everybody"))
        return {**nobody, "purpose": purpose, "at": "", "least": 20}

    def save_audience(self, name: str, rule: Any, purpose: str) -> str:
        self._maybe_fail("save_audience")
        return "a_1"

    def audience_customers(self, audience_id: str) -> list[str]:
        self._maybe_fail("audience_customers")
        return ["c1"]

    def delete_audience(self, audience_id: str) -> None:
        self._maybe_fail("delete_audience")

    def identity(self) -> Mapping[str, Any]:
        self._maybe_fail("identity")
        return {"rules": {}, "counts": {}, "crowds": [], "unlinked": []}

    def unlink(self, visitor: str) -> None:
        self._maybe_fail("unlink")

    def relink(self, visitor: str) -> None:
        self._maybe_fail("relink")

    def export(self, customer_id: str) -> Mapping[str, Any]:
        self._maybe_fail("export")
        return {"events": [{"at": NOW, "customer": customer_id}]}

    def erase(self, customer_id: str) -> Mapping[str, Any]:
        self._maybe_fail("erase")
        return {"events": 3}

    def model_age_seconds(self) -> float | None:
        return 90.0

    def processes(self) -> int:
        return 1

    def waiting(self) -> int:
        return 7

    def figures(self) -> EngineFigures:
        return EngineFigures()

    def room(self) -> tuple[int, int]:
        return 2**30, 2**40

    def load(self) -> None:
        self.ready()

    def ready(self) -> None:
        self._maybe_fail("ready")

    def upkeep(self) -> None:
        self._maybe_fail("upkeep")

    async def begin(self) -> None:
        self.begun = True

    def end(self) -> None:
        self.begun = False

    def close(self) -> None:
        self.closed = True


def decision_of(request: Request) -> Decision:
    reason = Reason(key="popular", facts={"buyers": 3, "days": 7})
    choices = tuple(
        Choice(item=f"p{n}", score=float(n), propensity=1.0, reason=reason, parts={"popular": 1.0})
        for n in range(request.count)
    )
    return Decision(id=DecisionId("d_1"), request=request, policy="fake@1", choices=choices, removed={"p9": "in_stock"})


def asking(app: Starlette) -> Callable[..., httpx.Response]:
    """Ask the app in this process: ``ask("GET", "/health", key=SECRET, headers=…, content=…)``."""

    def ask(method: str, path: str, *, key: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                return await client.request(
                    method,
                    path,
                    headers={
                        **({"Authorization": f"Bearer {key}"} if key else {}),
                        **({"content-type": "application/json"} if "content" in more else {}),
                        **{name.lower(): value for name, value in (headers or {}).items()},
                    },
                    **more,
                )

        return asyncio.run(run())

    return ask
