"""Two trained versions side by side, and what somebody should look at."""

from collections.abc import Sequence

from shopkeeper.apps.cli import say
from shopkeeper.core.errors import NotFound
from shopkeeper.locale import say as words
from shopkeeper.shop import Shop
from shopkeeper.shop.watch import Alarm, figures_of


def compare(shop: Shop, other: str, *, as_json: bool) -> None:
    """Each model's NDCG in the current version and in another, and whether chance explains the difference.

    Raises:
        NotFound: there is no such version, or none is current.
    """
    current, known = shop.models.current(), shop.models.versions()
    if current is None or other not in known:
        raise NotFound("unknown_version", version=other, known=", ".join(known))
    now, then = (figures_of(shop.models.manifest(version)) for version in (current, other))
    rows = []
    for name in dict.fromkeys([*now, *then]):
        one, two = now.get(name), then.get(name)
        verdict = "unknown"
        if one is not None and two is not None:
            verdict = "better" if one.low > two.high else "worse" if one.high < two.low else "even"
        figures = [None if figure is None else round(figure.value, 4) for figure in (one, two)]
        rows.append({"model": name, "current": figures[0], "other": figures[1], "verdict": verdict})
    if as_json:
        say.as_json({"current": current, "other": other, "models": rows})
        return
    say.table(
        say.text("compare_title", current=current, other=other),
        [say.text("evaluate_model"), current, other, say.text("compare_verdict")],
        [
            [row["model"], _four(row["current"]), _four(row["other"]), say.text(f"compare_{row['verdict']}")]
            for row in rows
        ],
    )


def warn(found: Sequence[Alarm]) -> None:
    """Say each alarm, on standard error."""
    for alarm in found:
        say.ERR.print(words(say.Tongue.language, "watch", alarm.key, **alarm.facts), style="yellow", markup=False)


def _four(value: object) -> str:
    return "–" if value is None else f"{value:.4f}"
