"""What each page shows: plain values for the templates, read from the shop."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import PurePath
from typing import Any, Final

from shopkeeper.apps.console.charts import Point, bars, line, shares
from shopkeeper.apps.console.customer import customer_values, request_for
from shopkeeper.apps.console.customers import customers_values
from shopkeeper.apps.console.moved import moved_values
from shopkeeper.apps.console.predictions import prediction_values
from shopkeeper.apps.console.scores import judged_values, verdict
from shopkeeper.apps.console.words import Words
from shopkeeper.core.decision import Choice, Decision
from shopkeeper.core.errors import NotFound
from shopkeeper.data import reports
from shopkeeper.data.quarantine import HeldRow
from shopkeeper.decide.reasons import say_reason
from shopkeeper.shop import Shop, people
from shopkeeper.shop.customer_list import CustomerFilter
from shopkeeper.shop.learned_order import sentence_of
from shopkeeper.shop.results import outcomes_of
from shopkeeper.shop.why_order import moved

Values = dict[str, Any]
_PAGE: Final = 50
_HELD: Final = 50
_DAYS: Final = 90
_NAMED: Final = 12
"""How many of the products that a rule removed are named."""


class Pages:
    """The pages of one shop in one language."""

    def __init__(self, shop: Shop, words: Words) -> None:
        self.shop, self.words = shop, words

    # --- overview

    def overview(self) -> Values:
        """The last 28 days against the 28 before, 90 days by day, and what came of the decisions."""
        seen = self.shop.remembered("overview", self._overview)
        words, totals = self.words, seen["totals"]
        days = every_day(seen["days"], _DAYS)
        recent, before = days[-28:], days[-56:-28]
        revenue = [
            Point(label=words.brief(day["day"]), value=day["revenue_minor"] / words.scale,
                  title=f"{words.day(day['day'])}: {words.money(day['revenue_minor'])}") for day in days
        ]  # fmt: skip
        orders = [
            Point(label=words.brief(day["day"]), value=day["orders"],
                  title=f"{words.day(day['day'])}: {words.number(day['orders'])}") for day in days[-28:]
        ]  # fmt: skip
        return {
            "tiles": [
                self._tile("revenue", words.money, _total(recent, "revenue_minor"), _total(before, "revenue_minor")),
                self._tile("orders", words.number, _total(recent, "orders"), _total(before, "orders")),
                self._tile("basket", words.money, _basket(recent), _basket(before)),
            ],
            "until": words.day(days[-1]["day"]) if days else None, "totals": totals,
            "revenue_chart": line(revenue, words("chart_revenue"), words.axis),
            "orders_chart": bars(orders, words("chart_orders"), words.axis),
            "outcomes": outcomes_of(self.shop), "answering": self._answering(),
            "held": sum(self.shop.quarantine.counts().values()),
        }  # fmt: skip

    def _overview(self) -> Values:
        return reports.overview(self.shop.snapshot(), days=_DAYS, timezone=self.shop.settings.shop.timezone)

    def _tile(self, name: str, say: Any, now: float | None, before: float | None) -> Values:
        change = now / before - 1 if now is not None and before and before > 0 else None
        return {"label": self.words(f"tile_{name}"), "value": say(now), "change": change}

    def _answering(self) -> Values | None:
        version = self.shop.models.current()
        if version is None:
            return None
        page = self.shop.models.manifest(version)
        wanted = self.shop.settings.train
        judged = page["report"].get("evaluation")
        row = next((row for row in judged["rows"] if row["name"] == wanted.personal), None) if judged else None
        return {
            "version": version, "moment": page["moment"], "people": page["report"]["people"],
            "roles": [(role, getattr(wanted, role)) for role in ("personal", "context", "popular")],
            "verdict": verdict(row, judged, self.words) if row and judged else None,
        }  # fmt: skip

    # --- customers

    def customers(self, wanted: CustomerFilter, page: int, order: str) -> Values:
        """A page of the customers whom a filter fits."""
        return customers_values(self.shop, self.words, wanted, page, order)

    def customer(self, customer_id: str, as_of: str) -> Values:
        """One customer or visitor: who they are, what is foretold, what would be recommended now, and why."""
        values = customer_values(self.shop, self.words, customer_id, as_of)
        decision = self.shop.preview(request_for(self.shop, customer_id, self.words.language))
        predicted = prediction_values(self.shop, customer_id, self.words)
        trained = self.shop.models.current() is not None
        return {**values, "decision": decision, "trained": trained, **predicted, **self.choices(decision)}

    def erase(self, customer_id: str) -> Values:
        """Whom it is about."""
        view = people.customer(self.shop, customer_id, facts=1)
        return {"id": customer_id, "name": view.registered.get("name") or ""}

    # --- choices

    def choices(self, decision: Decision) -> Values:
        """Choices with names, parts and reasons in words; every part has one colour on the whole page."""
        parts = sorted({name for choice in decision.choices for name in choice.parts})
        colour = {name: number for number, name in enumerate(parts)}
        moves = moved(self.shop, decision)
        return {
            "choices": [
                {**self._choice(rank, choice, colour), "moved": moved_values(how, self.words)}
                for rank, (choice, how) in enumerate(zip(decision.choices, moves, strict=True), 1)
            ],
            "legend": [(colour[name], self.words.named("model", name)) for name in parts],
        }

    def _choice(self, rank: int, choice: Choice, colour: Mapping[str, int]) -> Values:
        words, catalogue = self.words, self.shop.serving.catalogue()
        added = {name: value for name, value in choice.parts.items() if value}
        named = {words.named("model", name): value for name, value in added.items()}
        numbers = {words.named("model", name): colour[name] for name in added}
        index = self.shop.serving.catalogue.index.get(choice.item)
        price = float(catalogue.price[index]) if index is not None else float("nan")
        return {
            "rank": rank, "id": choice.item, "name": self.shop.name_of(choice.item), "score": choice.score,
            "price": words.major(price) if price == price else None, "propensity": choice.propensity,
            "reason": say_reason(choice.reason, catalogue, words.language), "scorer": choice.reason.scorer,
            "bar": shares(named, numbers, words("chart_parts")),
            "parts": [(colour[name], words.named("model", name), value) for name, value in added.items()],
        }  # fmt: skip

    # --- products

    def products(self, text: str, page: int, order: str) -> Values:
        """A page of products."""
        order = order if order in ("buyers", "revenue", "units", "id") else "buyers"
        everything = self.shop.remembered("products", lambda: reports.product_list(self.shop.snapshot()))
        found = reports.page_of(everything, text=text, page=page, size=_PAGE, order=order)
        return {"list": found, "text": text, "order": order}

    def product(self, product_id: str) -> Values:
        """One product: facts, sales by week, and what goes with it."""
        known = self.shop.snapshot()
        row = reports.one(known, "products", product_id)
        index = self.shop.serving.catalogue.index
        if row is None and product_id not in index:
            raise NotFound("unknown_product", product=product_id)
        weeks = [
            Point(label=self.words.brief(week["week"]), value=float(week["units"]),
                  title=self.words("week_of", day=self.words.day(week["week"]), units=self.words.number(week["units"])))
            for week in every_week(reports.weekly_units(known, product_id))
        ]  # fmt: skip
        similar = self.shop.preview(self.shop.similar_to(product_id, 10)) if product_id in index else None
        row = row or {}
        return {
            "id": product_id, "row": row, "name": row.get("name") or product_id,
            "path": [row[level] for level in (f"category_{n}" for n in range(1, 6)) if row.get(level)],
            "units_chart": bars(weeks, self.words("chart_units"), self.words.axis),
            **(self.choices(similar) if similar else {"choices": [], "legend": []}),
        }  # fmt: skip

    # --- models, quarantine, decisions

    def models(self) -> Values:
        """The versions, and how the models of the current one compare."""
        store = self.shop.models
        current = store.current()
        versions = [store.manifest(version) for version in reversed(store.versions())]
        report: Values = next((page["report"] for page in versions if page["version"] == current), {})
        judged, least = report.get("evaluation"), self.shop.settings.rank.least_lists
        return {
            "order": sentence_of(report.get("ranker"), least, self.words.language),
            "versions": versions, "current": current, "ours": self.shop.settings.train.personal,
            **judged_values(judged, self.shop.settings.train.personal, self.words),
        }  # fmt: skip

    def quarantine(self, reason: str, page: int) -> Values:
        """What is held, by reason."""
        counts = self.shop.quarantine.counts()
        total = counts.get(reason, 0) if reason else sum(counts.values())
        rows = self.shop.quarantine.list(reason=reason, limit=_HELD, offset=(page - 1) * _HELD)
        return {
            "reason": reason, "total": sum(counts.values()), "page": page, "last": max(-(-total // _HELD), 1),
            "counts": [(key, self.words.named("held", key), count) for key, count in counts.items()],
            "rows": [
                (row, PurePath(row.file).name, self.words.of("checks", row.reason, **row.facts) or row.reason)
                for row in rows
            ],
            "alike": _alike(rows) if reason else [],
            "shown_reason": self.words.named("held", reason) if reason else "", "of_reason": total,
        }  # fmt: skip

    def decisions(self) -> Values:
        """The newest logged decisions."""
        return {"rows": reports.decisions(self.shop.snapshot(), size=_PAGE)}

    def decision(self, decision_id: str) -> Values:
        """One decision: what was asked, what was shown and why, what was removed and by which rule."""
        decision = self.shop.explain(decision_id)
        by_rule: dict[str, list[str]] = {}
        for item, rule in decision.removed.items():
            by_rule.setdefault(rule, []).append(item)
        removed = [
            (self.words.named("rule", rule), len(items), [(item, self.shop.name_of(item)) for item in items[:_NAMED]])
            for rule, items in sorted(by_rule.items(), key=lambda pair: -len(pair[1]))
        ]
        asked = decision.request
        about = [asked.product, *asked.cart] if asked.product else list(asked.cart)
        return {
            "decision": decision, "asked": asked, "removed": removed,
            "about": [(item, self.shop.name_of(item)) for item in about], **self.choices(decision),
        }  # fmt: skip


def every_day(days: Sequence[Values], most: int) -> list[Values]:
    """The last days up to the newest, one after the other: a day without orders is a zero."""
    if not days:
        return []
    known = {day["day"]: day for day in days}
    last: date = days[-1]["day"]
    first = max(days[0]["day"], last - timedelta(days=most - 1))
    calendar = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [known.get(day, {"day": day, "orders": 0, "revenue_minor": 0.0, "buyers": 0}) for day in calendar]


def every_week(weeks: Sequence[Values]) -> list[Values]:
    """Weeks without a sale are zeros."""
    if not weeks:
        return []
    known = {week["week"]: week for week in weeks}
    first: date = weeks[0]["week"]
    calendar = [first + timedelta(weeks=number) for number in range((weeks[-1]["week"] - first).days // 7 + 1)]
    return [known.get(week, {"week": week, "units": 0.0}) for week in calendar]


def _total(days: Sequence[Values], column: str) -> float:
    return float(sum(day[column] for day in days))


def _basket(days: Sequence[Values]) -> float | None:
    orders = _total(days, "orders")
    return _total(days, "revenue_minor") / orders if orders else None


def _alike(rows: Sequence[HeldRow]) -> list[tuple[str, str]]:
    """The columns in which held rows are wrong, each with what the first of them says there."""
    found: dict[str, str] = {}
    for row in rows:
        if row.column and (cells := row.cells()) is not None:
            found.setdefault(row.column, str(cells.get(row.column) or "")[:200])
    return list(found.items())
