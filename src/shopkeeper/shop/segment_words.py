"""Segments in words, the same on the command line, in the API and in the console."""

from collections.abc import Iterable

from shopkeeper.core.errors import ShopkeeperError
from shopkeeper.learn.segment.naming import TOLD, Trait
from shopkeeper.learn.segment.portraits import CATEGORY
from shopkeeper.learn.segment.segmenting import Segment
from shopkeeper.locale import phrases, say


def name_said(segment: Segment, language: str) -> str:
    """ "order often, large baskets, weekends"."""
    return traits_said(segment.name, language)


def traits_said(traits: Iterable[Trait], language: str) -> str:
    """Some traits as one phrase; "like everybody" where there are none."""
    words = [trait_said(trait, language) for trait in traits]
    if not words:
        return say(language, "segments", "like_everybody")
    return say(language, "segments", "between").join(words)


def trait_said(trait: Trait, language: str) -> str:
    """One trait in words."""
    way = "more" if trait.up else "less"
    if trait.field.startswith(CATEGORY):
        return say(language, "segments", f"category_{way}", category=trait.field.removeprefix(CATEGORY))
    if trait.field.startswith(TOLD):
        name, _, value = trait.field.removeprefix(TOLD).partition("=")
        return say(language, "segments", f"told_{way}", field=name.replace("_", " "), value=value)
    return say(language, "segments", f"{trait.field}_{way}")


def field_said(field: str, language: str) -> str:
    """What a number of the portraits is called."""
    if field.startswith(CATEGORY):
        return say(language, "segments", "field_category", category=field.removeprefix(CATEGORY))
    if field.startswith(TOLD):
        name, _, value = field.removeprefix(TOLD).partition("=")
        return f"{name.replace('_', ' ')}: {value}"
    return phrases(language, "segments").get(f"field_{field}", field.replace("_", " "))


def component_said(loadings: Iterable[tuple[str, float]], language: str) -> str:
    """What a principal component speaks of: "+ orders, + spending, - days since the last order"."""
    return ", ".join(f"{'+' if loading > 0 else '−'} {field_said(name, language)}" for name, loading in loadings)


def refusal_said(error: ShopkeeperError | dict[str, object], language: str) -> str:
    """Why something could not be found out, as a sentence."""
    if isinstance(error, ShopkeeperError):
        return say(language, "errors", error.key, **error.facts)
    facts = error["facts"]
    return say(language, "errors", str(error["key"]), **(facts if isinstance(facts, dict) else {}))
