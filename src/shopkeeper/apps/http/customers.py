"""One customer: shown, handed out, erased; which browsers are whose."""

from typing import Final

from starlette.responses import Response

from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.body import query_of
from shopkeeper.apps.http.prediction_shapes import RatingsIn
from shopkeeper.apps.http.profile_shapes import EvidenceIn, ProfileIn
from shopkeeper.apps.http.routes import Visit, id_of
from shopkeeper.apps.http.shapes import UnlinkOut
from shopkeeper.apps.http.work import waited

_MOST_RATED: Final = 50


async def get_customer(visit: Visit) -> Response:
    """What is known of them now, and their newest facts."""
    return answer(await waited(visit.engine.customer, _customer(visit)))


async def get_predictions(visit: Visit) -> Response:
    """What is foretold of them, and why."""
    return answer(await waited(visit.engine.predictions, _customer(visit), visit.language))


async def get_ratings(visit: Visit) -> Response:
    """The stars they would give some products.

    Raises:
        NotFound: there is no such customer or product.
    """
    asked = query_of(RatingsIn, visit.call.query_params.multi_items())
    products = [each.strip() for each in asked.products.split(",") if each.strip()][:_MOST_RATED]
    return answer(await waited(visit.engine.ratings, _customer(visit), products, visit.language))


async def get_profile(visit: Visit) -> Response:
    """The three groups, as of any moment."""
    asked = query_of(ProfileIn, visit.call.query_params.multi_items())
    return answer(await waited(visit.engine.profile, _customer(visit), asked.as_of))


async def get_events(visit: Visit) -> Response:
    """The events behind a number of the profile."""
    asked = query_of(EvidenceIn, visit.call.query_params.multi_items())
    return answer(
        await waited(visit.engine.evidence, _customer(visit), asked.field, asked.value, asked.as_of, asked.count)
    )


async def get_order_returns(visit: Visit) -> Response:
    """What of an order will come back, and why."""
    return answer(await waited(visit.engine.order_returns, id_of(visit, "order"), visit.language))


async def get_export(visit: Visit) -> Response:
    """Everything that is kept about them."""
    customer = _customer(visit)
    return answer({"customer": customer, "kept": await waited(visit.engine.export, customer)})


async def delete_customer(visit: Visit) -> Response:
    """Removed everywhere; asking again is no error."""
    return answer({"erased": await waited(visit.engine.erase, _customer(visit))})


async def get_identity(visit: Visit) -> Response:
    """Which browsers are whose."""
    return answer(await waited(visit.engine.identity))


async def post_unlink(visit: Visit) -> Response:
    """A browser is kept apart from every customer; asking again is no error."""
    visitor = id_of(visit, "visitor")
    await waited(visit.engine.unlink, visitor)
    return answer(UnlinkOut(visitor=visitor, unlinked=True), 201)


async def delete_unlink(visit: Visit) -> Response:
    """That is taken back."""
    visitor = id_of(visit, "visitor")
    await waited(visit.engine.relink, visitor)
    return answer(UnlinkOut(visitor=visitor, unlinked=False))


def _customer(visit: Visit) -> str:
    visit.person = id_of(visit, "customer")
    return visit.person
