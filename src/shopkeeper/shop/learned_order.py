"""The order of candidates as the shop's own lists teach it: read, learned, judged, and kept beside the models."""

from collections.abc import Mapping
from typing import Any, Final

from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.rank.decided import FromDecisions, Taught
from shopkeeper.learn.recommend.hybrid import HybridModel
from shopkeeper.locale import say
from shopkeeper.shop.decided_lists import Blend, decided_lists
from shopkeeper.shop.shop import Shop

_MOST_VERSIONS: Final = 1000
"""The mixes of so many versions are remembered."""
_NOTHING: Final = Taught(lists=0, pairs=0, effective=0.0)


def blend_of(model: Any) -> Blend:
    """The mix that a model is; empty where it is none."""
    if not isinstance(model, HybridModel):
        return {}
    return {name: (part.shape, part.weight) for name, part in zip(model.names, model.blend, strict=True)}


def blends_of(shop: Shop) -> dict[str, Blend]:
    """The mixes of the versions until now: a version remembers those before it, for lists live longer than versions."""
    found: dict[str, Blend] = {}
    for version in shop.models.versions():
        manifest = shop.models.manifest(version)
        members = manifest["models"].get(shop.settings.train.personal, {}).get("facts", {}).get("members", [])
        kept = {name: _plain(blend) for name, blend in manifest["report"].get("blends", {}).items()}
        own = {one["name"]: (one["part"]["shape"], one["part"]["weight"]) for one in members}
        found |= {**kept, version: _plain(own)}
    return found


def _plain(blend: Mapping[str, Any]) -> Blend:
    return {name: (str(shape), float(weight)) for name, (shape, weight) in blend.items()}


def remembered(blends: Mapping[str, Blend], version: str, blend: Blend) -> dict[str, Blend]:
    """The newest mixes with one more."""
    return dict(sorted({**blends, version: blend}.items())[-_MOST_VERSIONS:])


def taught_by_lists(shop: Shop, known: LakeSnapshot, model: Any, *, seed: int = 0) -> Taught | None:
    """What the shop's lists of the last days teach about the order of what ``model`` mixes; None where the shop does
    not want to know."""
    wanted = shop.settings.rank
    if not wanted.learn:
        return None
    lists = decided_lists(
        known, days=wanted.days, timezone=shop.settings.shop.timezone, now=blend_of(model), then=blends_of(shop)
    )
    if lists is None:
        return _NOTHING
    how = FromDecisions(least_lists=wanted.least_lists, most_weight=wanted.most_weight, held_out=wanted.held_out)
    return how.fit_decided(lists, seed=seed)


def judged_order(shop: Shop, *, seed: int = 0) -> dict[str, Any] | None:
    """What the lists until now teach about the order of what the current version mixes; None before the first training,
    or where the shop does not want to know."""
    mix = shop.serving.scorers.get(shop.settings.train.personal)
    taught = None if mix is None else taught_by_lists(shop, shop.snapshot(learning=True), mix, seed=seed)
    return None if taught is None else taught.facts()


def sentence_of(taught: Mapping[str, Any] | None, least: int, language: str) -> str:
    """What ``Taught.facts`` says, in words; "" where nobody asked or the version is older than the question."""
    if taught is None:
        return ""
    gain = taught.get("gain")
    if gain is None:
        return say(language, "ranker", "few", lists=f"{taught['lists']:,}", least=f"{least:,}")
    facts = {name: f"{taught[name]:.1%}" for name in ("before", "after")}
    facts |= {name: f"{gain[key]:+.1%}" for name, key in (("gain", "value"), ("low", "low"), ("high", "high"))}
    facts |= {"judged": f"{taught['judged']:,}", "placements": ", ".join(taught["placements"])}
    return say(language, "ranker", "used" if taught["used"] else "kept", **facts)
