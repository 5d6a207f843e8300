"""``predict``: what is foretold of a customer and why."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang
from shopkeeper.core.money import exponent
from shopkeeper.core.prediction import Answer, Meter, Prediction
from shopkeeper.locale import filled, phrases
from shopkeeper.shop import Shop
from shopkeeper.shop.order_returns import OrderRisk, order_risk
from shopkeeper.shop.predicting import CustomerPredictions, foretold, predictions_of
from shopkeeper.shop.profile import moment_of
from shopkeeper.shop.rating import RatingsOf, rates_of, would_rate
from shopkeeper.shop.telling import said_meter, told, told_order, told_ratings

_REASONS = 3
At = Annotated[str, typer.Option("--at", help="As of this day or moment (2026-06-30); now if not given.")]


def add_to(app: typer.Typer) -> None:
    app.command()(predict)


def predict(
    customer: Annotated[
        str, typer.Argument(help="A customer's id; without one: the models and how good they are.")
    ] = "",
    product: Annotated[
        list[str] | None, typer.Option("--product", help="The stars the customer would give this; may be repeated.")
    ] = None,
    order: Annotated[str, typer.Option("--order", help="Instead: what of this order will come back.")] = "",
    folder: Folder = HERE,
    at: At = "",
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """What is foretold of a customer, in which range, and why; or what the models still need."""
    with Shop.open(folder, readonly=True) as shop:
        if order:
            _order(order_risk(shop, order), as_json)
            return
        if customer and product:
            show_ratings(would_rate(shop, customer, product, at=moment_of(at, "--at")), as_json)
            return
        if not customer:
            _models(shop, as_json)
            return
        found = predictions_of(shop, customer, at=moment_of(at, "--at"))
    if as_json:
        say.as_json(told(found, say.Tongue.language))
    else:
        show_predictions(found)


def _models(shop: Shop, as_json: bool) -> None:
    version, model = foretold(shop)
    judged = {} if model is None else {**model.judged}
    refused = {} if model is None else {**model.refused}
    if as_json:
        say.as_json({"version": version, "judged": judged, "refused": refused})
        return
    columns = ("model", "days", "rows", "share", "auc", "calibration")
    worth = judged.pop("value", None)
    rows = [
        (say.text(f"predict_{name}"), f"{one['days']:g}", f"{one['rows']:,}", f"{one['share']:.1%}",
         _figure(one["auc"]), _figure(one["calibration_error"])) for name, one in judged.items()
    ]  # fmt: skip
    say.table(
        say.text("predict_models", version=version or "-"), [say.text(f"predict_column_{n}") for n in columns], rows
    )
    if worth:
        _worth(worth, shop.settings.shop.currency)
    _stars(shop, refused)
    for name, error in refused.items():
        sentence = filled(phrases(say.Tongue.language, "errors")[error["key"]], error["facts"])
        say.line("predict_refused", model=say.text(f"predict_{name}"), why=sentence)


def _worth(judged: Mapping[str, Any], currency: str) -> None:
    scale = 10 ** exponent(currency)

    def mae(name: str) -> str:
        one = judged.get(name, {}).get("mae")
        return f"{one['value'] / scale:,.2f} ({one['low'] / scale:,.2f} – {one['high'] / scale:,.2f})" if one else "-"

    say.line("predict_value_judged", days=f"{judged['days']:g}", rows=f"{judged['rows']:,}", boosted=mae("boosted"),
             other=mae("bg_nbd"), currency=currency)  # fmt: skip


def _stars(shop: Shop, refused: dict[str, Mapping[str, Any]]) -> None:
    """How good the model of ratings is; why there is none goes among the refused."""
    rates = rates_of(shop)[1]
    if rates is not None and rates.judged:
        one = rates.judged
        say.line("predict_rating_judged", learner=one["learner"], rows=f"{one['rows']:,}", rmse=_figure(one["rmse"]),
                 mae=_figure(one["mae"]), held=f"{one['held']:.0%}")  # fmt: skip
    elif rates is not None and rates.refused:
        refused["rating"] = rates.refused


def show_ratings(found: RatingsOf, as_json: bool) -> None:
    """What a customer would give each product."""
    if as_json:
        say.as_json(told_ratings(found, say.Tongue.language))
        return
    rows = []
    for product, name, stars in found.products:
        if isinstance(stars, Prediction):
            shown = f"{stars.value:.1f} ({stars.low:.1f} – {stars.high:.1f})"
            rows.append((f"{name} ({product})", shown, _why(stars, 1.0)))
        else:
            rows.append((f"{name} ({product})", "", _need(stars)))
    names = [say.text(name) for name in ("predict_order_product", "predict_rating_stars", "predict_column_why")]
    low, high = (f"{end:g}" if math.isfinite(end) else "-" for end in (found.low, found.high))
    title = say.text("predict_rating_title", customer=found.customer, low=low, high=high,
                     learner=found.learner or "-", gave=found.gave)  # fmt: skip
    say.table(title, names, rows, numbers=99)


def _order(found: OrderRisk, as_json: bool) -> None:
    """What of an order will come back, product by product."""
    if as_json:
        say.as_json(told_order(found, say.Tongue.language))
        return
    scale = 10 ** exponent(found.currency)
    rows = []
    for one in found.lines:
        risk = one.answer
        paid = "" if one.paid_minor is None else f"{one.paid_minor / scale:,.2f}"
        if one.back_days is not None:
            shown = say.text("predict_order_came_back", days=f"{one.back_days:.0f}")
            rows.append((f"{one.name} ({one.product})", f"{one.quantity:g}", paid, shown, ""))
        elif isinstance(risk, Prediction):
            shown = f"{risk.value:.1%} ({risk.low:.1%} – {risk.high:.1%})"
            rows.append((f"{one.name} ({one.product})", f"{one.quantity:g}", paid, shown, _why(risk, scale)))
        else:
            rows.append((f"{one.name} ({one.product})", f"{one.quantity:g}", paid, "", _need(risk)))
    names = [say.text(f"predict_order_{name}") for name in ("product", "quantity", "paid", "risk")]
    title = say.text("predict_order_title", order=found.id, customer=found.customer, at=f"{found.at:%Y-%m-%d}",
                     days=found.days)  # fmt: skip
    say.table(title, [*names, say.text("predict_column_why")], rows, numbers=99)
    if found.expected_minor is not None:
        say.line("predict_order_expected", amount=f"{found.expected_minor / scale:,.2f} {found.currency}")


def _figure(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} ({one['low']:.3f} – {one['high']:.3f})"


def show_predictions(found: CustomerPredictions) -> None:
    """Every answer of one customer."""
    rows = []
    for name, answer in found.answers.items():
        if isinstance(answer, Prediction):
            low, high = (amount(end, answer, found) for end in (answer.low, answer.high))
            why = _why(answer, 10 ** exponent(found.currency))
            rows.append((say.text(f"predict_{name}"), amount(answer.value, answer, found), f"{low} – {high}", why))
        else:
            rows.append((say.text(f"predict_{name}"), "", "", _need(answer)))
    names = [say.text(f"predict_column_{name}") for name in ("what", "value", "range", "why")]
    say.table(say.text("predict_title", customer=found.id, at=f"{found.at:%Y-%m-%d}"), names, rows, numbers=99)
    for each in found.categories[:5]:
        say.line("predict_category_row", category=each["category"], share=f"{each['probability']:.0%}")


def amount(value: float, answer: Prediction, found: CustomerPredictions) -> str:
    """A value with its unit; a date for days."""
    if not math.isfinite(value):
        return say.text("predict_unknown_end")
    match answer.unit:
        case "share":
            return f"{value:.1%}"
        case "minor":
            return f"{value / 10 ** exponent(found.currency):,.2f} {found.currency}"
        case "days":
            return f"{found.at + timedelta(days=value):%Y-%m-%d}"
    return f"{value:,.1f}"


def _why(answer: Prediction, scale: float) -> str:
    if answer.why:
        names, unit = phrases(say.Tongue.language, "predict"), scale if answer.unit == "minor" else 1.0
        parts = [(names.get(part.feature, part.feature), part.share / unit) for part in answer.why[:_REASONS]]
        return ", ".join(f"{name} {share:+,.2f}" for name, share in parts)
    return ", ".join(f"{say.text(f'predict_fact_{name}')} {value:,.1f}" for name, value in answer.facts.items())


def _need(meter: Answer) -> str:
    return said_meter(meter, say.Tongue.language) if isinstance(meter, Meter) else ""
