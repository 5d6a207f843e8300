"""How recommenders compare, as tables: on everybody, and on those of whom little is known."""

import math
from dataclasses import asdict

from shopkeeper.apps.cli import say
from shopkeeper.learn.cold_start import GROUPS, ColdRow
from shopkeeper.learn.evaluation import Report, plain_json
from shopkeeper.measure.bootstrap import Interval
from shopkeeper.shop.goes_with import Complements


def show_report(report: Report) -> None:
    """Every recommender against the popular list, with 95 % intervals."""
    ours = report.how.k
    rows = []
    for row in sorted(report.rows, key=lambda row: -row.metrics["ndcg"].value):
        ndcg, gain = row.metrics["ndcg"], row.against.get("ndcg")
        rows.append(
            (
                row.name, f"{ndcg.value:.4f}", f"{ndcg.low:.4f} – {ndcg.high:.4f}",
                "" if gain is None else f"{gain.value:+.4f} ({gain.low:+.4f} … {gain.high:+.4f})",
                f"{row.metrics['hit_rate'].value:.3f}", f"{row.metrics['recall'].value:.3f}",
                f"{row.lists['coverage']:.3f}", f"{row.fit_seconds:.1f}",
            )
        )  # fmt: skip
    names = ("model", "ndcg", "interval", "gain", "hit_rate", "recall", "coverage", "seconds")
    title = say.text(
        "evaluate_title", people=f"{report.people:,}", days=f"{report.days:g}", cut=f"{report.cut_at:%Y-%m-%d}", k=ours
    )
    say.table(title, [say.text(f"evaluate_{name}", k=ours) for name in names], rows)
    show_cold(report)


def show_cold(report: Report) -> None:
    """NDCG of every recommender on unknown, new and lapsed customers and on new products, with 95 % intervals."""
    judged = [row for row in report.rows if row.cold]
    groups = [name for name in GROUPS if any(row.cold[name].people for row in judged)]
    if not groups:
        return
    who, first = report.how.cold, judged[0].cold
    columns = [say.text(f"cold_{name}", people=f"{first[name].people:,}") for name in groups]
    rows = [
        [row.name, *(_cell(row.cold[name]) for name in groups)]
        for row in sorted(judged, key=lambda row: -row.metrics["ndcg"].value)
    ]
    title = say.text(
        "cold_title", k=report.how.k, orders=who.new_orders, lapsed=f"{who.lapsed_days:g}", days=f"{who.product_days:g}"
    )
    say.table(title, [say.text("evaluate_model"), *columns], rows)


def show_goes_with(found: Complements, *, as_json: bool) -> None:
    """What each model lists beside a product: of which kind, and how often it came along."""
    if as_json:
        say.OUT.print(plain_json(asdict(found)), markup=False)
        return
    rows = [
        [one.name, say.text("goes_with_other" if other else "goes_with_any"), _range(one.bought), _range(one.viewed),
         _share(one.own_kind)]
        for other, kind in ((False, found.plain), (True, found.other_kind)) for one in kind
    ]  # fmt: skip
    names = ("model", "list", "bought", "viewed", "own_kind")
    title = say.text("goes_with_title", baskets=f"{found.baskets:,}", visits=f"{found.visits:,}")
    say.table(title, [say.text(f"goes_with_{name}") for name in names], rows, numbers=2)
    say.line("goes_with_kinds", bought=_share(found.bought_kind), viewed=_share(found.viewed_kind))


def _range(figure: Interval) -> str:
    return "–" if math.isnan(figure.value) else f"{figure.value:.3f} ({figure.low:.3f} – {figure.high:.3f})"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _cell(row: ColdRow) -> str:
    ndcg = row.metrics["ndcg"]
    return f"{ndcg.value:.4f}\n{ndcg.low:.4f} – {ndcg.high:.4f}" if row.people else "–"
