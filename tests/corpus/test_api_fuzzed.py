"""The whole API under schemathesis: requests made from its own description, good and bad, for each kind of key."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from shopkeeper.apps.http.from_shop import build
from shopkeeper.shop import Shop

_PATIENCE = 600.0
"""Seconds that an answer may take: an erasure writes tables anew, which other work on the machine may hold up."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en") as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("role", ["secret", "publishable", "none"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_makes_the_server_fail(
    shop: Shop, role: str, mode: GenerationMode, record_property: Callable[[str, object], None]
) -> None:
    """Requests that fit the description, and others: never a 5xx, never a status that is not described."""
    key = "sk_none" if role == "none" else shop.state.keys.create("secret" if role == "secret" else "publishable")
    schema = schemathesis.openapi.from_asgi("/openapi.json", build(shop))
    asked = 0

    def run(operation: schemathesis.schemas.APIOperation) -> None:  # type: ignore[type-arg]  # of any kind
        @settings(deadline=None, max_examples=100, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def one(case: schemathesis.Case) -> None:
            nonlocal asked
            asked += 1
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {key}"}
            case.call_and_validate(checks=[not_a_server_error, status_code_conformance], timeout=_PATIENCE)

        with suppress(Unsatisfiable):  # nothing of an operation without parameters can be wrong
            one()

    for found in schema.get_all_operations():
        run(found.ok())
    assert asked > 200
    record_property("requests", asked)
