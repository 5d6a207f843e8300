"""``predict`` and ``profile``: what is foretold of a customer and why, and what is known of them."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.money import exponent
from shopkeeper.core.prediction import Answer, Meter, Prediction
from shopkeeper.locale import phrases
from shopkeeper.shop import Shop
from shopkeeper.shop.order_returns import OrderRisk, order_risk
from shopkeeper.shop.predicting import CustomerPredictions, foretold, predictions_of
from shopkeeper.shop.profile import Profile, profile_of
from shopkeeper.shop.telling import said_meter, told, told_order

_REASONS = 3
At = Annotated[str, typer.Option("--at", help="As of this day or moment (2026-06-30); now if not given.")]


def add_to(app: typer.Typer) -> None:
    app.command()(predict)
    app.command()(profile)


def predict(
    customer: Annotated[
        str, typer.Argument(help="A customer's id; without one: the models and how good they are.")
    ] = "",
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
        if not customer:
            _models(shop, as_json)
            return
        found = predictions_of(shop, customer, at=moment_of(at))
    if as_json:
        say.as_json(told(found, say.Tongue.language))
    else:
        show_predictions(found)


def profile(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    folder: Folder = HERE,
    at: At = "",
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """What is known of a customer: what they told, what they did, what others say of them. Read as of any day."""
    with Shop.open(folder, readonly=True) as shop:
        found = profile_of(shop, customer, at=moment_of(at))
        currency = shop.settings.shop.currency
    if as_json:
        say.as_json(plain(asdict(found)))
    else:
        show_profile(found, currency)


def moment_of(text: str) -> datetime | None:
    """A moment typed by a person; UTC where it has no zone."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError("setting_bad", where="predict", name="--at", value=text, wanted="2026-06-30") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: null."""
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
    for name, error in refused.items():
        sentence = phrases(say.Tongue.language, "errors")[error["key"]].format(**error["facts"])
        say.line("predict_refused", model=say.text(f"predict_{name}"), why=sentence)


def _worth(judged: Mapping[str, Any], currency: str) -> None:
    scale = 10 ** exponent(currency)

    def mae(name: str) -> str:
        one = judged.get(name, {}).get("mae")
        return f"{one['value'] / scale:,.2f} ({one['low'] / scale:,.2f} – {one['high'] / scale:,.2f})" if one else "-"

    say.line("predict_value_judged", days=f"{judged['days']:g}", rows=f"{judged['rows']:,}", boosted=mae("boosted"),
             other=mae("bg_nbd"), currency=currency)  # fmt: skip


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


def show_profile(found: Profile, currency: str) -> None:
    """Three groups, one table each."""
    names = {**phrases(say.Tongue.language, "features"), **phrases(say.Tongue.language, "predict")}
    columns = [say.text("profile_field"), say.text("profile_value")]
    say.table(
        say.text("profile_basic", customer=found.id), columns, [(k, str(v)) for k, v in found.basic.items()], numbers=99
    )
    scale = 10 ** exponent(currency)
    rows = []
    for name, value in found.behaviour.items():
        if value is None:
            continue
        if isinstance(value, datetime):
            shown = f"{value:%Y-%m-%d}"
        elif name.endswith("_minor"):
            shown = f"{value / scale:,.2f} {currency}"
        else:
            shown = f"{value:,.2f}"
        rows.append((names.get(name, name), shown))
    say.table(say.text("profile_behaviour"), columns, rows, numbers=99)
    habits = [
        (say.text(f"profile_{h.habit}"), h.value, f"{h.share:.1%}", f"{h.usual:.1%}", f"{h.confidence:.0%}")
        for h in found.habits
    ]
    heads = [say.text(f"profile_{name}") for name in ("field", "value", "share", "usual", "confidence")]
    say.table(say.text("profile_habits"), heads, habits, numbers=2)
    for row in found.searches:
        say.line("profile_searched", query=row["query"], times=row["times"])
    if not found.tags_allowed:
        say.line("profile_tags_not_allowed")
    for tag in found.tags:
        say.line("profile_tag", name=tag.name, value=tag.value, source=tag.source or "-")
