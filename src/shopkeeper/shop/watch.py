"""Whether the models still do what they did: their scores when judged, their clicks, how often none could answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from shopkeeper.measure.bootstrap import Interval
from shopkeeper.measure.outcomes import Outcome, wilson
from shopkeeper.shop.results import outcomes_between
from shopkeeper.shop.shop import Shop

LATELY_DAYS: Final = 7
BEFORE_DAYS: Final = 28
_FALLBACKS: Final = """
SELECT count(*) AS decisions, count(*) FILTER (fallback IS NOT NULL) AS fallbacks,
       count(*) FILTER ("at" >= $lately) AS decisions_lately,
       count(*) FILTER (fallback IS NOT NULL AND "at" >= $lately) AS fallbacks_lately
FROM decisions WHERE "at" >= $since
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something fell so far that chance does not explain it: 95 % intervals do not overlap.

    ``key`` is of area ``watch``."""

    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def alarms(shop: Shop) -> list[Alarm]:
    """What somebody should look at; empty where all is as it was, or too little is known to say otherwise."""
    return [*_scores(shop), *_clicks(shop), *_fallbacks(shop)]


def figures_of(manifest: Mapping[str, Any]) -> dict[str, Interval]:
    """Model -> NDCG when a version was judged; empty where it was not."""
    rows = (manifest["report"].get("evaluation") or {}).get("rows", [])
    found = {row["name"]: row["metrics"]["ndcg"] for row in rows}
    return {name: Interval(**ndcg) for name, ndcg in found.items() if ndcg["value"] is not None}


def _scores(shop: Shop) -> list[Alarm]:
    """The current version's personal model against the version before."""
    current, ours = shop.models.current(), shop.settings.train.personal
    older = [version for version in shop.models.versions() if version < (current or "")]
    if current is None or not older:
        return []
    now, before = (figures_of(shop.models.manifest(version)).get(ours) for version in (current, older[-1]))
    if now is None or before is None or not now.high < before.low:
        return []
    facts = {"model": ours, "now": round(now.value, 4), "before": round(before.value, 4), "version": older[-1]}
    return [Alarm(key="quality_fell", facts=facts)]


def _clicks(shop: Shop) -> list[Alarm]:
    """Each placement's share of answers that were clicked: the last days against those before."""
    now = shop.clock()
    lately, before = (
        _by_placement(outcomes_between(shop, now - timedelta(days=old), now - timedelta(days=new)))
        for old, new in ((LATELY_DAYS, 0), (LATELY_DAYS + BEFORE_DAYS, LATELY_DAYS))
    )
    return [
        Alarm(key="clicks_fell", facts={
            "placement": place, "now": f"{lately[place].value:.1%}", "before": f"{before[place].value:.1%}",
            "days": LATELY_DAYS,
        })
        for place in sorted(lately.keys() & before.keys()) if lately[place].high < before[place].low
    ]  # fmt: skip


def _by_placement(found: list[Outcome]) -> dict[str, Interval]:
    clicked: dict[str, tuple[int, int]] = {}
    for outcome in found:
        some, all_ = clicked.get(outcome.placement, (0, 0))
        clicked[outcome.placement] = (some + outcome.clicked, all_ + outcome.impressions)
    return {place: wilson(some, all_) for place, (some, all_) in clicked.items()}


def _fallbacks(shop: Shop) -> list[Alarm]:
    now = shop.clock()
    moments = {"lately": now - timedelta(days=LATELY_DAYS), "since": now - timedelta(days=LATELY_DAYS + BEFORE_DAYS)}
    (row,) = shop.snapshot().query(_FALLBACKS, moments).to_pylist()
    late, late_all = row["fallbacks_lately"], row["decisions_lately"]
    now_, before = wilson(late, late_all), wilson(row["fallbacks"] - late, row["decisions"] - late_all)
    if not late_all or now_.low <= before.high:
        return []
    return [Alarm(key="fallbacks_rose", facts={"now": f"{now_.value:.1%}", "days": LATELY_DAYS})]
