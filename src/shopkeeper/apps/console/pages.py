"""What each page shows: plain values for the templates, read from the shop."""

from collections.abc import Mapping
from typing import Any, Final

from shopkeeper.apps.console.charts import Point, Range, bars, line, lying_bars, ranges
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import NotFound
from shopkeeper.core.ids import CustomerId
from shopkeeper.data import reports
from shopkeeper.decide.reasons import say_reason
from shopkeeper.locale import say
from shopkeeper.shop import Shop, people
from shopkeeper.shop.results import outcomes_of

Values = dict[str, Any]
_PAGE: Final = 50
_TWIGS: Final = 8
_METRICS: Final = ("ndcg", "hit_rate", "recall", "precision", "mrr", "map")


class Pages:
    """The pages of one shop in one language."""

    def __init__(self, shop: Shop, language: str) -> None:
        self.shop, self.language = shop, language

    def text(self, key: str, **facts: object) -> str:
        return say(self.language, "console", key, **facts)

    def money(self, minor: float | None) -> str:
        """An amount in minor units of the shop's currency, rounded to whole units from 1,000 on."""
        if minor is None:
            return "–"
        scale = self._overview()["scale"]
        value = minor / scale
        digits = 0 if abs(value) >= 1000 or scale == 1 else 2
        return f"{value:,.{digits}f} {self.shop.settings.shop.currency}"

    def _overview(self) -> Values:
        return self.shop.remembered("overview", lambda: reports.overview(self.shop.snapshot()))

    def overview(self) -> Values:
        seen = self._overview()
        days, totals, scale = seen["days"], seen["totals"], seen["scale"]
        recent, before = days[-28:], days[-56:-28]
        money = [Point(label=f"{day['day']:%m-%d}", value=day["revenue_minor"] / scale,
                       title=f"{day['day']}: {self.money(day['revenue_minor'])}") for day in days]  # fmt: skip
        orders = [Point(label=f"{day['day']:%m-%d}", value=day["orders"],
                        title=f"{day['day']}: {day['orders']:,}") for day in days[-30:]]  # fmt: skip
        return {
            "tiles": [
                self._tile("revenue_28", recent, before, "revenue_minor", money=True),
                self._tile("orders_28", recent, before, "orders"),
                self._basket_tile(recent, before),
                {"label": self.text("tile_customers"), "value": f"{totals['customers']:,}", "note": self.text("tile_products", count=f"{totals['products']:,}")},
            ],
            "revenue_chart": line(money, self.text("chart_revenue")), "orders_chart": bars(orders, self.text("chart_orders")),
            "outcomes": [self._outcome(row) for row in outcomes_of(self.shop)],
            "version": self.shop.models.current(), "held": sum(self.shop.quarantine.counts().values()),
            "totals": totals,
        }  # fmt: skip

    def _tile(self, name: str, now: list[Values], before: list[Values], column: str, *, money: bool = False) -> Values:
        total, earlier = sum(day[column] for day in now), sum(day[column] for day in before)
        return {
            "label": self.text(f"tile_{name}"), "value": self.money(total) if money else f"{total:,}",
            "change": (total / earlier - 1) if earlier else None, "note": self.text("tile_before"),
        }  # fmt: skip

    def _basket_tile(self, now: list[Values], before: list[Values]) -> Values:
        def mean(days: list[Values]) -> float | None:
            orders = sum(day["orders"] for day in days)
            return sum(day["revenue_minor"] for day in days) / orders if orders else None

        value, earlier = mean(now), mean(before)
        change = value / earlier - 1 if value is not None and earlier else None
        return {
            "label": self.text("tile_basket"),
            "value": self.money(value),
            "change": change,
            "note": self.text("tile_before"),
        }

    def _outcome(self, row: Any) -> Values:
        return {
            "placement": row.placement, "arm": row.arm or "–", "shown": row.impressions, "clicked": row.clicked,
            "orders": row.orders, "revenue": f"{row.revenue:,.2f}",
            "click_rate": _share(row.click_rate), "conversion": _share(row.conversion),
        }  # fmt: skip

    def customers(self, text: str, page: int, order: str) -> Values:
        return {"list": reports.customers(self.shop.snapshot(), text=text, page=page, size=_PAGE, order=order),
                "text": text, "order": order}  # fmt: skip

    def customer(self, customer_id: str) -> Values:
        view = people.customer(self.shop, customer_id, facts=60)
        request = Request(
            placement="home", at=self.shop.clock(), customer=CustomerId(customer_id), count=10, language=self.language
        )
        decision = self.shop.preview(request)
        tastes = [
            Point(label=str(row["category"]), value=float(row["weight"]), title=f"{row['weight']:.1f}")
            for row in view.features.get("categories", [])[:_TWIGS]
        ]
        return {
            "view": view, "attributes": view.registered.get("attributes", {}), "decision": decision,
            "choices": self.choices(decision), "tastes": lying_bars(tastes, self.text("chart_tastes")),
            "facts": self._facts(view.features),
        }  # fmt: skip

    def _facts(self, features: Mapping[str, Any]) -> list[Values]:
        shown = []
        for name, value in features.items():
            if isinstance(value, list | dict) or value is None:
                continue
            text = self.money(value) if name.endswith("_minor") else _plain(value)
            shown.append({"label": say(self.language, "features", name), "value": text})
        return shown

    def choices(self, decision: Decision) -> list[Values]:
        """Choices with names, prices, parts and reasons in words."""
        catalogue = self.shop.serving.catalogue
        return [
            {
                "rank": rank, "id": choice.item, "name": self.shop.name_of(choice.item), "score": choice.score,
                "reason": say_reason(choice.reason, catalogue.now, self.language), "propensity": choice.propensity,
                "parts": sorted(choice.parts.items(), key=lambda part: -part[1]), "scorer": choice.reason.scorer,
            }
            for rank, choice in enumerate(decision.choices, 1)
        ]  # fmt: skip

    def products(self, text: str, page: int, order: str) -> Values:
        return {"list": reports.products(self.shop.snapshot(), text=text, page=page, size=_PAGE, order=order),
                "text": text, "order": order}  # fmt: skip

    def product(self, product_id: str) -> Values:
        known = self.shop.snapshot()
        row = reports.one(known, "products", product_id)
        index = self.shop.serving.catalogue.index
        if row is None and product_id not in index:
            raise NotFound("unknown_product", product=product_id)
        weeks = [
            Point(
                label=f"{week['week']:%m-%d}",
                value=float(week["units"]),
                title=f"{week['week']:%Y-%m-%d}: {week['units']:g}",
            )
            for week in reports.weekly_units(known, product_id)
        ]
        similar = self.choices(self.shop.preview(self.shop.similar_to(product_id, 10))) if product_id in index else []
        return {"row": row or {"id": product_id, "name": product_id}, "similar": similar,
                "units_chart": bars(weeks, self.text("chart_units"))}  # fmt: skip

    def models(self) -> Values:
        store = self.shop.models
        current = store.current()
        versions = [store.manifest(version) for version in reversed(store.versions())]
        judged = next((page["report"]["evaluation"] for page in versions if page["version"] == current), None)
        rows = judged["rows"] if judged else []
        rows.sort(key=lambda row: -(row["metrics"]["ndcg"]["value"] or 0))
        marks = [
            Range(label=row["name"], mark="ours" if row["name"] == self.shop.settings.train.personal else "",
                  **{name: row["metrics"]["ndcg"][name] for name in ("value", "low", "high")})
            for row in rows if row["metrics"]["ndcg"]["value"] is not None
        ]  # fmt: skip
        return {
            "versions": versions, "current": current, "judged": judged, "rows": rows, "metrics": _METRICS,
            "chart": ranges(marks, self.text("chart_ndcg")),
        }  # fmt: skip

    def quarantine(self, reason: str) -> Values:
        counts = self.shop.quarantine.counts()
        rows = self.shop.quarantine.list(reason=reason, limit=100)
        return {
            "reason": reason, "total": sum(counts.values()),
            "counts": [{"key": key, "words": self.why(key), "count": count} for key, count in counts.items()],
            "rows": [{"row": row, "words": self.why(row.reason, **row.facts)} for row in rows],
        }  # fmt: skip

    def why(self, reason: str, **facts: object) -> str:
        try:
            return say(self.language, "checks", reason, **facts)
        except KeyError:
            return reason

    def decision(self, decision_id: str) -> Values:
        decision = self.shop.explain(decision_id)
        return {"decision": decision, "choices": self.choices(decision), "removed": dict(decision.removed)}


def _share(interval: Any) -> str:
    if interval.value != interval.value:
        return "–"
    return f"{interval.value:.1%} ({interval.low:.1%} – {interval.high:.1%})"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else "–"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:%Y-%m-%d}" if hasattr(value, "strftime") else str(value)
