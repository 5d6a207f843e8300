"""``train``, ``evaluate``, ``models`` and ``recommend``: learning from the facts, and an answer for one person."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.judged import show_goes_with, show_report
from shopkeeper.apps.cli.models_compared import compare, warn
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang, Seed
from shopkeeper.apps.cli.tradeoff import show_tradeoff
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.ids import CustomerId, ProductId
from shopkeeper.decide.reasons import say_reason
from shopkeeper.learn.evaluation import plain_json
from shopkeeper.settings import COMPARED_MODELS
from shopkeeper.shop import Shop
from shopkeeper.shop.goes_with import complements
from shopkeeper.shop.learned_order import judged_order, sentence_of
from shopkeeper.shop.tradeoffs import weigh
from shopkeeper.shop.training import TrainReport, judge
from shopkeeper.shop.training import train as train_shop
from shopkeeper.shop.watch import alarms


def add_to(app: typer.Typer) -> None:
    for command in (train, evaluate, models, recommend):
        app.command()(command)


def train(
    folder: Folder = HERE,
    judged: Annotated[bool, typer.Option("--evaluate/--no-evaluate", help="Judge on the last days first.")] = True,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Learn from everything that is known, check the floors, and let the new models answer."""
    with open_beside(folder) as shop:
        with say.progress() as progress:
            report = train_shop(shop, judged=judged, seed=seed, progress=progress)
        if as_json:
            say.as_json(training_facts(report))
        else:
            show_training(report, shop.settings.rank.least_lists)


def evaluate(
    folder: Folder = HERE,
    tradeoff: Annotated[
        str, typer.Option(help="What a goal costs in accuracy: diversity, novelty_weight, margin_weight or new_share.")
    ] = "",
    plot: Annotated[Path | None, typer.Option(help="With --tradeoff: write the curve into this SVG file.")] = None,
    people: Annotated[int, typer.Option(min=10, help="With --tradeoff: on how many people it is weighed.")] = 500,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Judge on the days after this one (UTC), as if it were that day."),
    ] = None,
    goes_with: Annotated[
        bool, typer.Option("--goes-with", help="Whether product pages show complements or substitutes.")
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Compare every recommender with the popular list on the last days of orders."""
    with open_beside(folder) as shop:
        if tradeoff:
            with say.progress() as progress:
                steps = weigh(shop, tradeoff, people=people, seed=seed, progress=progress)
            show_tradeoff(tradeoff, steps, plot, as_json=as_json)
            return
        if goes_with:
            with say.progress() as progress:
                found = complements(shop, seed=seed, progress=progress)
            show_goes_with(found, as_json=as_json)
            return
        with say.progress() as progress:
            report = judge(shop, seed=seed, progress=progress, others=COMPARED_MODELS, cut_at=as_of)
        ranker = judged_order(shop, seed=seed)
        if as_json:
            say.OUT.print(plain_json({**asdict(report), "ranker": ranker}), markup=False)
        else:
            show_report(report)
            show_order(ranker, shop.settings.rank.least_lists)


def models(
    folder: Folder = HERE,
    rollback: Annotated[str, typer.Option(help="Let this earlier version answer again.")] = "",
    against: Annotated[str, typer.Option("--compare", help="Hold the current version against this one.")] = "",
    as_json: Json = False,
) -> None:
    """List the trained versions; the one that answers is marked."""
    with Shop.open(folder, readonly=True) as shop:
        if rollback:
            shop.models.make_current(rollback)
        if against:
            compare(shop, against, as_json=as_json)
            return
        current = shop.models.current()
        rows = [_version(shop.models.manifest(version), version == current) for version in shop.models.versions()]
        found, least = alarms(shop), shop.settings.rank.least_lists
    if as_json:
        say.as_json(rows)
        return
    columns = ("version", "current", "moment", "people", "events", "ndcg")
    say.table(
        say.text("models_title"),
        [say.text(f"models_{name}") for name in columns],
        [[row[name] for name in columns] for row in rows],
        numbers=3,
    )
    show_order(next((row["ranker"] for row in rows if row["current"]), None), least)
    warn(found)


def _version(manifest: dict[str, Any], current: bool) -> dict[str, Any]:
    report = manifest["report"]
    figures = (report.get("evaluation") or {}).get("rows", [])
    ndcg = {row["name"]: row["metrics"]["ndcg"]["value"] for row in figures}
    return {
        "version": manifest["version"], "current": "*" if current else "", "moment": manifest["moment"][:19],
        "people": report["people"], "events": report["events"], "ranker": report.get("ranker"),
        "ndcg": ", ".join(f"{name} {value:.4f}" for name, value in ndcg.items() if value is not None),
    }  # fmt: skip


def recommend(
    customer: Annotated[str, typer.Argument(help="A customer's id; unknown people get the popular list.")],
    folder: Folder = HERE,
    placement: Annotated[str, typer.Option(help="home, product, cart, email, or one of shop.toml.")] = "home",
    product: Annotated[str, typer.Option(help="The product page's product.")] = "",
    count: Annotated[int, typer.Option(min=1, max=100)] = 10,
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """What the shop would show this customer now, and why. Asked from here it is not logged as shown."""
    with Shop.open(folder, readonly=True) as shop:
        request = Request(
            placement=placement, at=shop.clock(), customer=CustomerId(customer), count=count,
            product=ProductId(product) if product else None, language=say.Tongue.language,
        )  # fmt: skip
        decision = shop.preview(request)
        if as_json:
            say.as_json(decision_rows(shop, decision))
        else:
            show_decision(shop, decision, say.text("recommend_title", customer=customer, placement=placement))


def open_beside(folder: Path) -> Shop:
    """The shop for writing where it is free, else for reading beside the server that holds it."""
    try:
        return Shop.open(folder)
    except Unavailable as error:
        if error.key != "shop_locked":
            raise
        return Shop.open(folder, readonly=True)


def training_facts(report: TrainReport) -> dict[str, Any]:
    return {
        "version": report.version, "people": report.people, "events": report.events, "products": report.products,
        "seconds": report.seconds, "from_log": report.from_log.facts() if report.from_log else None,
        "ranker": report.ranker.facts() if report.ranker else None,
    }  # fmt: skip


def show_training(report: TrainReport, least_lists: int) -> None:
    """What was trained on, and how the models compare."""
    if report.report is not None:
        show_report(report.report)
    else:
        say.line("train_not_judged")
    if report.from_log is not None:
        taught = report.from_log
        key = "train_from_log" if taught.used else "train_from_log_kept"
        say.line(key, items=f"{taught.items:,}", clicks=f"{taught.clicks:,}")
    show_order(report.ranker.facts() if report.ranker else None, least_lists)
    say.line(
        "train_done", version=report.version, people=f"{report.people:,}", events=f"{report.events:,}",
        products=f"{report.products:,}", seconds=f"{sum(report.seconds.values()):.0f}",
    )  # fmt: skip


def show_order(taught: Mapping[str, Any] | None, least_lists: int) -> None:
    """Whether the learned order answers, and how sure that it is better."""
    if taught is not None:
        say.OUT.print(sentence_of(taught, least_lists, say.Tongue.language), markup=False)


def decision_rows(shop: Shop, decision: Decision) -> list[dict[str, Any]]:
    """One row a choice: rank, id, name, score, propensity and the reason in words."""
    catalogue = shop.serving.catalogue()
    return [
        {
            "rank": rank, "product": choice.item, "name": shop.name_of(choice.item), "score": round(choice.score, 4),
            "propensity": choice.propensity, "reason": say_reason(choice.reason, catalogue, say.Tongue.language),
        }
        for rank, choice in enumerate(decision.choices, 1)
    ]  # fmt: skip


def show_decision(shop: Shop, decision: Decision, title: str) -> None:
    """A list of recommendations with the reason for each."""
    rows = [
        (row["rank"], row["name"] or row["product"], row["reason"], f"{row['score']:.3f}")
        for row in decision_rows(shop, decision)
    ]
    names = [say.text(f"recommend_{name}") for name in ("rank", "product", "reason", "score")]
    say.table(title, names, rows, numbers=3)
    if decision.fallback:
        say.line("recommend_fallback", why=decision.fallback)
