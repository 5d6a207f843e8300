"""Segments, rules of baskets, and audiences."""

from typing import Any

import msgspec
from starlette.responses import Response

from shopkeeper.apps.http.answers import answer
from shopkeeper.apps.http.body import object_of, query_of, read_body
from shopkeeper.apps.http.refusal import Refused
from shopkeeper.apps.http.routes import Visit
from shopkeeper.apps.http.shapes import AudienceIn, RulesIn
from shopkeeper.apps.http.work import waited


async def get_segments(visit: Visit) -> Response:
    """The groups of customers in words."""
    return answer(await waited(visit.engine.segments, visit.language))


async def get_rules(visit: Visit) -> Response:
    """What is bought together."""
    asked = query_of(RulesIn, visit.call.query_params.multi_items())
    return answer(await waited(visit.engine.rules, msgspec.structs.asdict(asked)))


async def get_audiences(visit: Visit) -> Response:
    """The saved audiences."""
    return answer({"audiences": await waited(visit.engine.audiences)})


async def post_audience(visit: Visit) -> Response:
    """Keep a rule under a name."""
    asked = await _asked(visit)
    made = await waited(visit.engine.save_audience, asked.name, asked.rule, asked.purpose)
    return answer({"id": made, "name": asked.name, "purpose": asked.purpose, "rule": asked.rule}, 201)


async def post_audience_count(visit: Visit) -> Response:
    """How many a rule fits."""
    asked = await _asked(visit)
    return answer(await waited(visit.engine.count_audience, asked.rule, asked.purpose))


async def get_audience_customers(visit: Visit) -> Response:
    """Who of an audience agreed to its purpose."""
    audience = str(visit.call.path_params["id"])
    return answer({"audience": audience, "customers": await waited(visit.engine.audience_customers, audience)})


async def delete_audience(visit: Visit) -> Response:
    """Remove a saved audience."""
    audience = str(visit.call.path_params["id"])
    await waited(visit.engine.delete_audience, audience)
    return answer({"id": audience})


async def _asked(visit: Visit) -> AudienceIn:
    found: Any = object_of(await read_body(visit))
    try:
        return msgspec.convert(found, AudienceIn)
    except msgspec.ValidationError as error:
        raise Refused(400, "request_bad", where="$", why=str(error)[:200]) from None
