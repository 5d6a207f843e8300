"""``segments`` and ``rules``: groups of customers, and what is bought together."""

from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.learning import open_beside
from shopkeeper.apps.cli.options import HERE, Folder, Json, Lang
from shopkeeper.core.errors import SettingsError
from shopkeeper.shop import Shop
from shopkeeper.shop.audiences import scale_of
from shopkeeper.shop.basket_rules import Filter, ShownRules, rules_facts, rules_of
from shopkeeper.shop.segment_facts import segment_facts


def add_to(app: typer.Typer) -> None:
    app.command()(segments)
    app.command()(rules)


def segments(
    folder: Folder = HERE,
    flows: Annotated[bool, typer.Option("--flows", help="Also how many customers went from which to which.")] = False,
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """Groups of customers in words, how sure they are, and who spends what."""
    with Shop.open(folder, readonly=True) as shop:
        found = segment_facts(shop, say.Tongue.language)
        scale = scale_of(shop)
    if as_json:
        say.as_json(found)
        return
    show_segments(found, scale)
    if flows:
        _show_flows(found)


def show_segments(found: dict[str, Any], scale: int) -> None:
    """One row a segment, then what spoke for their number."""
    if found["segments"]:
        rows = [
            (one["label"], one["name"], people(one["people"]), f"{one['people_share']:.0%}",
             "" if one["spend_share"] is None else f"{one['spend_share']:.0%}",
             f"{one['means'].get('orders', 0):,.1f}", f"{one['means'].get('basket_spend', 0) / scale:,.2f}",
             f"{one['means'].get('discount_share', 0):.0%}") for one in found["segments"]
        ]  # fmt: skip
        names = ("letter", "name", "people", "share", "spend", "orders", "basket", "discount")
        title = say.text("segments_title", days=f"{found['days']:g}", people=people(found["people"]))
        say.table(title, [say.text(f"segments_{name}") for name in names], rows, numbers=2)
        kept = next(one for one in found["trials"]["tried"] if one["k"] == found["trials"]["kept"])
        say.line(
            "segments_sure", k=kept["k"], ari=f"{kept['ari']:.2f}", low=f"{kept['ari_low']:.2f}",
            high=f"{kept['ari_high']:.2f}", silhouette=f"{kept['silhouette']:.2f}",
            gap=found["trials"]["gap_would_keep"],
        )  # fmt: skip
    for name, why in found["refused"].items():
        say.line("segments_refused", what=say.text(f"segments_part_{name}"), why=why)


def people(number: int | None) -> str:
    """A number of people as it may be said."""
    return say.text("people_few") if number is None else say.text("people_about", count=f"{number:,}")


def _show_flows(found: dict[str, Any]) -> None:
    for step in found["flows"]:
        rows = [(flow["before"], flow["after"], people(flow["people"])) for flow in step["flows"]]
        title = say.text("segments_flow_title", before=step["from"][:10], after=step["to"][:10])
        say.table(title, [say.text(f"segments_flow_{name}") for name in ("before", "after", "people")], rows, numbers=2)


def rules(
    folder: Folder = HERE,
    level: Annotated[str, typer.Option(help="category or product.")] = "category",
    segment: Annotated[str, typer.Option(help="Only orders of this segment (categories).")] = "",
    search: Annotated[str, typer.Option(help="Only rules with this text in a name.")] = "",
    min_confidence: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    min_lift: Annotated[float, typer.Option(min=0)] = 1.0,
    max_false: Annotated[float, typer.Option(min=0, max=1, help="Share of false findings that is accepted.")] = 0.05,
    count: Annotated[int, typer.Option(min=1, max=1500)] = 20,
    bundle: Annotated[str, typer.Option(help="PRODUCT,PARTNER: show the partner first on the product's page.")] = "",
    undo_bundle: Annotated[str, typer.Option(help="PRODUCT,PARTNER: no longer.")] = "",
    as_json: Json = False,
    lang: Lang = None,  # noqa: ARG001 - its callback has set the language
) -> None:
    """What is bought together, with significance corrected for all pairs that were looked at."""
    with open_beside(folder) as shop:
        if bundle or undo_bundle:
            _bundle(shop, bundle, undo_bundle)
            return
        wanted = Filter(
            level=level, segment=segment, text=search, min_confidence=min_confidence, min_lift=min_lift,
            max_false_share=max_false, most=count,
        )  # fmt: skip
        found = rules_of(shop, wanted)
    if as_json:
        say.as_json(rules_facts(found))
    else:
        show_rules(found)


def _bundle(shop: Shop, made: str, undone: str) -> None:
    product, _, partner = (made or undone).partition(",")
    known = shop.serving.catalogue.index
    if product not in known or partner not in known or product == partner:
        raise SettingsError(
            "setting_bad", where="rules", name="--bundle", value=made or undone, wanted="PRODUCT,PARTNER"
        )
    if made:
        shop.state.bundles.make(product, partner, at=shop.clock())
    else:
        shop.state.bundles.undo(product, partner)
    say.line("bundle_made" if made else "bundle_undone", product=shop.name_of(product), partner=shop.name_of(partner))


def show_rules(found: ShownRules) -> None:
    """One row a rule."""
    rows = [
        (row["if"], row["then"], f"{row['orders']:,}", f"{row['support']:.2%}", f"{row['confidence']:.1%}",
         f"{row['lift']:.2f}", "∞" if row["conviction"] is None else f"{row['conviction']:.2f}",
         _tiny(row["holm"]), _tiny(row["false_share"])) for row in found.rows
    ]  # fmt: skip
    names = ("if", "then", "orders", "support", "confidence", "lift", "conviction", "holm", "false")
    title = say.text(
        "rules_title", passing=f"{found.passing:,}", tested=f"{found.tested:,}", orders=f"{found.orders:,}"
    )
    say.table(title, [say.text(f"rules_{name}") for name in names], rows, numbers=2)


def _tiny(p: float) -> str:
    return "< 1e-300" if p < 1e-300 else f"{p:.1e}"
