"""OpenAPI 3.1 made from the routes and their shapes."""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

import shopkeeper
from shopkeeper.apps.http.routes import ApiRoute
from shopkeeper.apps.http.shapes import FaultAnswer

_REF: Final = "#/components/schemas/{name}"
_GATE: Final = {"open": (503,), "publishable": (401, 429, 503), "secret": (401, 403, 429, 503)}
_WORDS: Final = {
    200: "Done", 201: "Made", 207: "Done, but some are held", 400: "The request makes no sense",
    401: "The key is missing or wrong", 403: "This key may not do that", 404: "There is no such thing",
    408: "It came too slowly", 413: "Too large", 415: "Not a kind of body we read",
    429: "Too much at once: send it again after Retry-After seconds", 500: "A mistake of the server",
    503: "Not now: send it again after Retry-After seconds", 507: "The disk is full",
}  # fmt: skip
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "basic": {"type": "http", "scheme": "basic"},
    "address": {"type": "apiKey", "in": "query", "name": "key"},
}
"""``address`` takes publishable keys only."""


def describe(routes: Iterable[ApiRoute], language: str = "en") -> dict[str, Any]:
    """The whole document."""
    routes = tuple(routes)
    shapes = [shape for route in routes for shape in (route.answer, route.query, route.body) if shape is not None]
    schemas, components = msgspec.json.schema_components([*shapes, FaultAnswer], ref_template=_REF)
    by_shape = dict(zip(map(id, [*shapes, FaultAnswer]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_shape, components, language)
    queries = {route.query.__name__ for route in routes if route.query is not None}
    return {
        "openapi": "3.1.0", "info": {"title": "Shopkeeper", "version": shopkeeper.__version__}, "paths": paths,
        "components": {
            "schemas": {name: shape for name, shape in components.items() if name not in queries},
            "securitySchemes": _SCHEMES,
        },
    }  # fmt: skip


def _operation(
    route: ApiRoute, by_shape: dict[int, Any], components: dict[str, Any], language: str
) -> dict[str, Any]:  # fmt: skip
    operation: dict[str, Any] = {
        "operationId": route.name, "summary": route.summary(language), "security": _security(route),
        "parameters": [*_in_path(route), *_in_query(route, components)],
        "responses": {
            str(status): _response(status, route, by_shape) for status in sorted({*route.statuses, *_GATE[route.needs]})
        },
    }  # fmt: skip
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(_or_bare_array(by_shape[id(route.body)], route))}
    return operation


def _security(route: ApiRoute) -> list[dict[str, list[str]]]:
    if route.needs == "open":
        return []
    return [{name: []} for name in _SCHEMES if name != "address" or route.needs == "publishable"]


def _in_path(route: ApiRoute) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def _in_query(route: ApiRoute, components: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    properties = components[route.query.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": shape} for name, shape in properties.items()
    ]  # fmt: skip


def _response(status: int, route: ApiRoute, by_shape: dict[int, Any]) -> dict[str, Any]:
    if status >= 400:
        content = _json(by_shape[id(FaultAnswer)])
    elif route.answer is not None:
        content = _json(by_shape[id(route.answer)])
    else:
        content = {route.media: {"schema": {"type": "object" if "json" in route.media else "string"}}}
    return {"description": _WORDS[status], "content": content}


def _or_bare_array(shape: dict[str, Any], route: ApiRoute) -> dict[str, Any]:
    events, *_ = msgspec.json.schema(route.body)["$defs"][route.body.__name__]["properties"].values()
    if "items" not in events:
        return shape  # only a batch, a list under one name, may come bare
    bare = {**events, "items": {"$ref": _REF.format(name=events["items"]["$ref"].rpartition("/")[2])}}
    return {"anyOf": [shape, bare]}


def _json(shape: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": shape}}
