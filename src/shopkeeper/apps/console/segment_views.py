"""What answers the addresses of segments and of rules."""

from starlette.responses import Response

from shopkeeper.apps.console.segment_pages import rules_page, segment_page, segments_page
from shopkeeper.apps.console.visit import Visit
from shopkeeper.core.errors import NotFound
from shopkeeper.core.ids import is_id
from shopkeeper.shop.basket_rules import Filter


def show_segments(visit: Visit) -> Response:
    return visit.page("segments.html", **{"mixture": [], "flows": None, **segments_page(visit.shop, visit.words)})


def show_segment(visit: Visit) -> Response:
    """One segment; all of them where none is named."""
    if not visit.asked("id"):
        return show_segments(visit)
    return visit.page("segment.html", **segment_page(visit.shop, visit.words, visit.asked("id")))


def show_rules(visit: Visit) -> Response:
    """Rules by the filter of the address; what makes no sense there is left out."""
    wanted = Filter(
        level="product" if visit.asked("level") == "product" else "category", segment=visit.asked("segment"),
        text=visit.asked("q"), min_confidence=_number(visit, "confidence", 0.0), min_lift=_number(visit, "lift", 1.0),
        max_false_share=_number(visit, "false", 0.05), most=60,
    )  # fmt: skip
    return visit.page("rules.html", **rules_page(visit.shop, visit.words, wanted))


def make_bundle(visit: Visit) -> Response:
    """Show the partner first on the product's page, from now on."""
    product, partner = _pair(visit)
    visit.shop.state.bundles.make(product, partner, at=visit.shop.clock())
    visit.tell("note_bundled", product=visit.shop.name_of(product), partner=visit.shop.name_of(partner))
    return visit.go("/rules", level="product")


def undo_bundle(visit: Visit) -> Response:
    """No longer."""
    product, partner = _pair(visit)
    visit.shop.state.bundles.undo(product, partner)
    visit.tell("note_unbundled", product=visit.shop.name_of(product), partner=visit.shop.name_of(partner))
    return visit.go("/rules", level="product")


def _pair(visit: Visit) -> tuple[str, str]:
    """The two products of the form.

    Raises:
        NotFound: one of them is no product of the shop.
    """
    pair = visit.sent("product"), visit.sent("partner")
    for item in pair:
        if not is_id(item) or item not in visit.shop.serving.catalogue.index:
            raise NotFound("unknown_product", product=item[:100])
    return pair


def _number(visit: Visit, name: str, default: float) -> float:
    try:
        found = float(visit.asked(name))
    except ValueError:
        return default
    return found if 0 <= found <= 1e6 else default
