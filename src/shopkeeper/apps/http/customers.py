"""One customer: shown, handed out, erased."""

from starlette.responses import Response

from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.routes import Visit, id_of
from shopkeeper.apps.http.work import waited


async def get_customer(visit: Visit) -> Response:
    """The profile."""
    return answer(await waited(visit.engine.customer, _customer(visit)))


async def get_predictions(visit: Visit) -> Response:
    """What is foretold of them, and why."""
    return answer(await waited(visit.engine.predictions, _customer(visit), visit.language))


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


def _customer(visit: Visit) -> str:
    visit.person = id_of(visit, "customer")
    return visit.person
