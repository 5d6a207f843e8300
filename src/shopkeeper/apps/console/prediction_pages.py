"""The page of predictions: how good each is, what it still needs, a product's stars, what of an order comes back."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from shopkeeper.apps.console.visit import Visit
from shopkeeper.apps.console.words import Words
from shopkeeper.core.errors import NotFound, ShopkeeperError
from shopkeeper.core.prediction import Answer, Prediction
from shopkeeper.shop.order_returns import OrderRisk, newest_orders, order_risk
from shopkeeper.shop.predicting import foretold
from shopkeeper.shop.rating import RatingsOf, rates_of, would_rate
from shopkeeper.shop.telling import feature_name, said_meter

_REASONS: Final = 4
_ORDERS: Final = 12
Values = dict[str, Any]


def show_predictions(visit: Visit) -> Response:
    """The judged models, and what the address asks for: an order, or a customer and a product."""
    shop, words = visit.shop, visit.words
    order, customer, product = (visit.asked(name).strip() for name in ("order", "customer", "product"))
    version, model = foretold(shop)
    rates = rates_of(shop)[1]
    values: Values = {
        "version": version, "judged": _judged(dict(model.judged) if model else {}, words),
        "worth": _worth(model.judged.get("value", {}) if model else {}, words),
        "stars_judged": _stars_judged(rates.judged if rates else {}, words),
        "refused": _refused(model.refused if model else {}, rates.refused if rates else {}, words),
        "order": order, "customer": customer, "product": product, "risk": None, "stars": None, "order_error": "",
        "stars_error": "", "newest": [(row["order_id"], words.day(row["at"]), words.number(row["products"]))
                                      for row in newest_orders(shop, _ORDERS)],
    }  # fmt: skip
    if order:
        try:
            values["risk"] = _risk(order_risk(shop, order), words)
        except NotFound as error:
            values["order_error"] = _said(error, words)
    if customer and product:
        try:
            values["stars"] = _stars(would_rate(shop, customer, [product]), words)
        except NotFound as error:
            values["stars_error"] = _said(error, words)
    return visit.page("predictions.html", **values)


def _said(error: ShopkeeperError, words: Words) -> str:
    return words.of("errors", error.key, **error.facts) or error.key


def _judged(judged: Mapping[str, Any], words: Words) -> list[Values]:
    return [
        {"name": words(f"foretold_{name}"), "days": words.number(one["days"], 0), "rows": words.number(one["rows"]),
         "share": words.share(one["share"]), "auc": _figure(one["auc"], words, 3),
         "error": _figure(one["calibration_error"], words, 3), "lift": words.fixed(one["lift"]["value"], 1)}
        for name, one in judged.items() if "auc" in one
    ]  # fmt: skip


def _figure(one: Mapping[str, float], words: Words, places: int) -> tuple[str, str]:
    return words.fixed(one["value"], places), f"{words.fixed(one['low'], places)} – {words.fixed(one['high'], places)}"


def _worth(judged: Mapping[str, Any], words: Words) -> str:
    if not judged:
        return ""
    maes = {name: words.money(judged[name]["mae"]["value"]) for name in ("boosted", "bg_nbd") if name in judged}
    return words("foretold_worth", days=words.number(judged["days"], 0), rows=words.number(judged["rows"]),
                 boosted=maes["boosted"], other=maes.get("bg_nbd", "–"), mean=words.money(judged["mean"]))  # fmt: skip


def _stars_judged(judged: Mapping[str, Any], words: Words) -> str:
    if not judged:
        return ""
    rmse, mae = (words.fixed(judged[name]["value"], 3) for name in ("rmse", "mae"))
    return words("foretold_stars", rows=words.number(judged["rows"]), rmse=rmse, mae=mae,
                 held=words.share(judged["held"]), spread=words.fixed(judged["mean_rmse"], 3))  # fmt: skip


def _refused(refused: Mapping[str, Any], stars: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    every = {**refused, **({"rating": stars} if stars else {})}
    return [(words(f"foretold_{name}"), words.of("errors", one["key"], **one["facts"]) or one["key"])
            for name, one in every.items()]  # fmt: skip


def _answer(answer: Answer, words: Words, *, stars: bool = False) -> Values:
    if not isinstance(answer, Prediction):
        return {"need": said_meter(answer, words.language)}
    say = (lambda value: words.fixed(value, 1)) if stars else words.share
    return {"need": "", "value": say(answer.value), "low": say(answer.low), "high": say(answer.high),
            "level": words.share(answer.level),
            "why": [(feature_name(part.feature, words.language), words.fixed(part.share, 2), part.share > 0)
                    for part in answer.why[:_REASONS]]}  # fmt: skip


def _risk(found: OrderRisk, words: Words) -> Values:
    rows = [
        {"id": one.product, "name": one.name, "quantity": words.number(one.quantity),
         "paid": words.money(one.paid_minor),
         "back": "" if one.back_days is None else words("foretold_came_back", days=words.number(one.back_days, 0)),
         **_answer(one.answer, words)} for one in found.lines
    ]  # fmt: skip
    expected = words.money(found.expected_minor) if found.expected_minor is not None else ""
    return {"id": found.id, "at": words.day(found.at), "customer": found.customer, "rows": rows, "days": found.days,
            "expected": expected}  # fmt: skip


def _stars(found: RatingsOf, words: Words) -> Values:
    product, name, answer = found.products[0]
    return {"customer": found.customer, "product": product, "name": name, "gave": words.number(found.gave),
            "scale": f"{found.low:g} – {found.high:g}" if found.low == found.low else "",
            **_answer(answer, words, stars=True)}  # fmt: skip
