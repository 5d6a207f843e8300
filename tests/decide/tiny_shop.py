"""A shop small enough to think about: stub scorers, one person's history, and a policy made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.consent import Consent, Purpose
from shopkeeper.core.decision import Decision, Reason, Request
from shopkeeper.core.histories import Catalogue, Float32, Histories
from shopkeeper.core.ids import PersonKey, VisitorId
from shopkeeper.decide.context import Context, microseconds, one_row
from shopkeeper.decide.placement import placement
from shopkeeper.decide.recommend import Recommend
from shopkeeper.decide.shelf import shelf_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YES = Consent(given={Purpose.PERSONALISE: True})
ALICE = VisitorId("alice")


def catalogue(products: int = 12, *, categories: int = 3, brands: int = 4) -> Catalogue:
    rows = np.arange(products)
    return Catalogue(
        ids=np.array([f"P{row}" for row in rows], object),
        names=np.array([f"Product {row}" for row in rows], object),
        brands=np.array([f"brand {row % brands}" if row % brands else "" for row in rows], object),
        categories=(
            np.array([f"aisle {row % categories}" for row in rows], object),
            np.array([f"shelf {row % (2 * categories)}" if row % 5 else "" for row in rows], object),
        ),
        price=np.full(products, 10, np.float32),
        cost=np.full(products, 6, np.float32),
        in_stock=np.ones(products, np.bool_),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always the same scores; all NaN for an empty history unless it ignores people."""

    scores: Float32
    reasoned: Reason | None = None
    ignores_people: bool = False

    def score(self, profiles: Histories, now: int) -> Float32:
        rows = np.tile(self.scores, (len(profiles), 1))
        if not self.ignores_people:
            rows[np.diff(profiles.offsets) == 0] = np.nan
        return rows

    def reason(self, profile: Histories, product: int, now: int) -> Reason | None:
        return self.reasoned


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedInParts(Fixed):
    def parts(self, profile: Histories, product: int, now: int) -> Mapping[str, float]:
        return {"knn": 0.75, "again": float("nan")}


def popular(products: int) -> Fixed:
    scores = np.arange(products, 0, -1).astype(np.float32)
    return Fixed(scores=scores, reasoned=Reason(key="popular", facts={"buyers": 3, "days": 30}), ignores_people=True)


def bought(*products: int, days_ago: float = 1.0, action: Action = Action.ORDER) -> Histories:
    at = microseconds(NOW - timedelta(days=days_ago))
    return one_row(np.array(products, np.int64), at, action)


def then(*acts: tuple[Action, int, float]) -> Histories:
    """One person's acts: (what, with which product, how many days ago), oldest first."""
    rows = [bought(product, days_ago=days, action=action) for action, product, days in acts]
    joined = {
        name: np.concatenate([getattr(row, name) for row in rows])
        for name in ("product", "at", "action", "quantity", "price", "order")
    }
    return replace(rows[0], offsets=np.array([0, len(rows)], np.int64), **joined)


def never(_: PersonKey) -> Histories:
    raise AssertionError("the person's history was read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A log that remembers."""

    decisions: list[Decision] = field(default_factory=list)

    def __call__(self, decision: Decision) -> None:
        self.decisions.append(decision)


def shop(
    *, scores: Any = None, page: Any = None, goods: Catalogue | None = None, history: Histories | None = None,
    consent: Consent = YES, read: Callable[[PersonKey], Histories] | None = None, name: str = "home",
    scorer: Any = None, log: Callable[[Decision], None] | None = None, **settings: Any,
) -> Recommend:  # fmt: skip
    """A policy over ``goods``; keyword settings are those of the placement."""
    goods = catalogue() if goods is None else goods
    liked = np.linspace(0, 1, len(goods)) if scores is None else np.asarray(scores)
    because = Reason(key="because_bought", facts={"product_index": 2, "at": microseconds(NOW)}, scorer="fixed")
    chosen = placement(name, {"diversity": 0.0, **settings})
    past = bought(2) if history is None else history
    return Recommend(
        name=name, version="7", scorer=scorer or Fixed(scores=liked.astype(np.float32), reasoned=because),
        context_scorer=None if page is None else Fixed(scores=np.asarray(page, np.float32), reasoned=because),
        popular=popular(len(goods)), catalogue=lambda: goods, history=read or (lambda _: past),
        consent=lambda _: consent, placement=chosen, rules=chosen.rules(), chooser=chosen.dice(), goals=chosen.goals(),
        log=log or Notebook(),
    )  # fmt: skip


def ask(**about: Any) -> Request:
    return Request(**{"placement": "home", "at": NOW, "visitor": ALICE, "count": 4, "seed": 5, **about})


def items(decision: Decision) -> list[str]:
    return [choice.item for choice in decision.choices]


def context(goods: Catalogue, past: Histories | None = None, **about: Any) -> Context:
    return Context(request=ask(**about), shelf=shelf_of(goods), profile=past, now=microseconds(NOW))
