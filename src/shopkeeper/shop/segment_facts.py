"""Everything about segments as plain values: what the API and ``--json`` hand out, and pages are made of."""

from typing import Any

from shopkeeper.core.floor import FLOOR, said
from shopkeeper.learn.segment.naming import Trait
from shopkeeper.learn.segment.segmenting import NAME, Segment, Segmented
from shopkeeper.shop.of_version import is_outdated
from shopkeeper.shop.segment_words import component_said, field_said, name_said, refusal_said, trait_said
from shopkeeper.shop.segments import segmented
from shopkeeper.shop.shop import Shop

_SHOWN = 8


def segment_facts(shop: Shop, language: str) -> dict[str, Any]:
    """The groups, what spoke for their number, their flows, bands, the RFM grid, the mixture and the map's axes.

    Numbers of people are multiples of 20; null: fewer than 20. What could not be found out has a sentence that says
    why.
    """
    version, found = segmented(shop)
    if found is None:
        key = "model_outdated" if is_outdated(shop, NAME) else "segments_not_trained"
        why = refusal_said({"key": key, "facts": {"model": NAME}}, language)
        return {"version": version, "segments": [], "refused": {"groups": why}}
    names = {segment.label: name_said(segment, language) for segment in found.segments}
    return {
        "version": version, "days": found.days, "people": said(found.people), "least": FLOOR,
        "segments": [_segment(shop, found, segment, language) for segment in found.segments],
        "trials": _trials(found), "flows": _flows(found, names), "spending": _bands(found),
        "rfm": _rfm(found), "mixture": _mixture(found), "components": _components(found, language),
        "refused": {name: refusal_said(dict(error), language) for name, error in found.refused.items()},
    }  # fmt: skip


def _segment(shop: Shop, found: Segmented, segment: Segment, language: str) -> dict[str, Any]:
    total = sum(each.spend for each in found.segments)
    ids = shop.serving.catalogue.now.ids
    return {
        "label": segment.label, "name": name_said(segment, language), "people": said(segment.people),
        "people_share": segment.people / found.people, "spend_share": segment.spend / total if total > 0 else None,
        "means": dict(segment.means), "traits": [_trait(trait, language) for trait in segment.traits[:_SHOWN]],
        "products": [
            {"id": str(ids[place]), "name": shop.name_of(str(ids[place])), "buyers": said(buyers), "lift": lift}
            for place, buyers, lift in segment.products
            if place < len(ids)
        ],
    }  # fmt: skip


def _trait(trait: Trait, language: str) -> dict[str, Any]:
    return {
        "field": trait.field, "label": field_said(trait.field, language), "text": trait_said(trait, language),
        "effect": trait.effect, "value": trait.value, "usual": trait.usual,
    }  # fmt: skip


def _trials(found: Segmented) -> dict[str, Any] | None:
    model = found.models.get("groups")
    if model is None:
        return None
    return {"kept": model.groups, "gap_would_keep": model.gap_k, "tried": [
        {key: value for key, value in trial.facts().items() if key != "smallest"} for trial in model.trials
    ]}  # fmt: skip


def _flows(found: Segmented, names: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "from": step.from_at, "to": step.to_at, "hidden": said(step.hidden),
            "flows": [{"before": flow.before, "after": flow.after, "people": said(flow.people),
                       "before_name": names.get(flow.before, flow.before),
                       "after_name": names.get(flow.after, flow.after)} for flow in step.flows],
        }
        for step in found.steps
    ]  # fmt: skip


def _bands(found: Segmented) -> list[dict[str, Any]]:
    model = found.models.get("spending")
    if model is None:
        return []
    counts, money = found.counts["spending"], found.counts["spending_money"]
    total = max(float((counts * money).sum()), 1e-9)
    ends = (float(model.edges[1]), float(model.edges[0]), None)
    return [
        {"band": band, "people": said(int(counts[place])), "mean_minor": float(money[place]), "from_minor": ends[place],
         "spend_share": float(counts[place] * money[place]) / total}
        for place, band in enumerate(("high", "middle", "low"))
    ]  # fmt: skip


def _rfm(found: Segmented) -> list[dict[str, Any]]:
    if "rfm" not in found.models:
        return []
    counts, money = found.counts["rfm"], found.counts["rfm_money"]
    return [
        {"recency": 5 - cell // 5, "frequency": 5 - cell % 5, "people": said(int(counts[cell])),
         "mean_minor": float(money[cell]) if said(int(counts[cell])) else None}
        for cell in range(25)
    ]  # fmt: skip


def _mixture(found: Segmented) -> dict[str, Any] | None:
    model = found.models.get("mixture")
    if model is None:
        return None
    counts, money = found.counts["mixture"], found.counts["mixture_money"]
    return {
        "groups": [{"weight": float(weight), "people": said(int(counts[place])),
                    "mean_minor": float(money[place]) if said(int(counts[place])) else None}
                   for place, weight in enumerate(model.weights.tolist())],
        "bic": dict(zip(range(model.least, model.least + len(model.bic)), model.bic, strict=True)),
    }  # fmt: skip


def _components(found: Segmented, language: str) -> list[dict[str, Any]]:
    model = found.models.get("map")
    if model is None:
        return []
    return [
        {"explained": float(share), "text": component_said(model.loadings(place), language),
         "loadings": dict(model.loadings(place))}
        for place, share in enumerate(model.explained.tolist())
    ]  # fmt: skip
