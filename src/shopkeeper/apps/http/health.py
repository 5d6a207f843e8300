"""Is it alive, can it work, how much does it do."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

import shopkeeper
from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.routes import Visit
from shopkeeper.apps.http.shapes import HealthOut
from shopkeeper.apps.http.work import waited


async def get_live(visit: Visit) -> Response:  # noqa: ARG001  # one signature for all handlers
    """The process answers."""
    return answer(HealthOut(version=shopkeeper.__version__))


async def get_ready(visit: Visit) -> Response:
    """Events can be stored and requests answered."""
    await waited(visit.engine.ready)
    return answer(HealthOut(version=shopkeeper.__version__))


async def get_metrics(visit: Visit) -> Response:
    """Prometheus' text format."""
    return Response(await waited(visit.metrics.render), headers={"Content-Type": CONTENT_TYPE_LATEST})
