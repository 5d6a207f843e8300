"""Laws of the description: OpenAPI and the page are the routes, no more and no less."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fake_engine import FakeEngine, asking

from shopkeeper.apps.http.app import ROUTES, app_of

ask = asking(app_of(FakeEngine()))


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        for value in part.values():
            yield from refs(value)
    elif isinstance(part, list):
        for value in part:
            yield from refs(value)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(ask("GET", "/openapi.json").json())


def test_every_route_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    """Paths and methods of the document are those of the table; operation ids are unique."""
    assert document["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids) == len(ROUTES)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Each ``$ref`` names a component, and each component is used."""
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(refs(document)) == known


def test_operations_are_complete(document: dict[str, Any]) -> None:
    """Path parameters are declared and required, errors have the one shape, keys are named where needed."""
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        in_path = [each["name"] for each in operation["parameters"] if each["in"] == "path" and each["required"]]
        assert in_path == re.findall(r"{(\w+)}", route.path)
        assert operation["summary"]
        assert (operation["security"] == []) == (route.needs == "open")
        assert all(
            scheme in document["components"]["securitySchemes"] for each in operation["security"] for scheme in each
        )
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                fault = response["content"]["application/json"]["schema"]["$ref"]
                assert fault == "#/components/schemas/FaultAnswer"
    batch = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert batch[1]["maxItems"] == 1000


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_lists_every_route_and_loads_nothing(language: str) -> None:
    """Each method and path stands on it, in the language asked for; no script and no other address."""
    response = ask("GET", f"/docs?lang={language}")
    for route in ROUTES:
        assert f"<b>{route.method}</b><code>{route.path}</code>" in response.text
        assert route.summary(language) in response.text
    assert f'lang="{language}"' in response.text
    assert "<script" not in response.text
    assert not re.search(r"(src|href)=.?(https?:)?//", response.text)
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_the_description_is_json_without_surprises() -> None:
    """It is strict JSON: no NaN, no name twice."""
    text = ask("GET", "/openapi.json").text
    pairs_seen: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda pairs: pairs_seen.append([name for name, _ in pairs]))
    assert all(len(set(names)) == len(names) for names in pairs_seen)
    assert "NaN" not in text
