"""No body makes the server fail: mutations of bodies and bodies made up, against the app of a real shop."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutating import bodies, mutated
from starlette.applications import Starlette

from shopkeeper.apps.http.from_shop import build
from shopkeeper.shop import Shop

PATHS = ("/v1/events", "/v1/batch")
HEADERS = (
    {}, {}, {}, {"Content-Encoding": "gzip"}, {"Content-Type": "text/plain"}, {"Content-Type": ""},
    {"Content-Encoding": "br"}, {"Accept-Language": "zh"}, {"Content-Type": "application/json; charset=gbk"},
)  # fmt: skip
FEW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.integers(-(2**70), 2**70),
    st.sampled_from(("", "guest", "null", "1970-01-01", "03/04/2026", "9" * 40, "\0", "2026-11-01T10:00:00Z", "-0.0")),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = tuple(
    """
    id action at sent_at visitor customer customer_token session product variant quantity price currency order lines
    decision placement position query path dwell_seconds rating text coupon campaign channel consent source properties
    type event messageId anonymousId userId timestamp traits context sentAt
    """.split()
)
actions = st.sampled_from(
    ("product_view", "order", "consent", "search", "rating", "track", "identify", "page_view", "fly")
)
events = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8).flatmap(
    lambda one: st.fixed_dictionaries({}, optional={"action": actions, "type": actions}).map(lambda two: one | two)
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop.create(tmp_path / "shop", name="t", currency="USD", timezone="UTC", language="en") as made:
        yield made


def asked(app: Starlette, path: str, key: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # an exception of the app is raised here
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            told = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **headers}
            return await client.post(path, headers={name: its for name, its in told.items() if its}, content=body)

    return asyncio.run(ask())


def check(app: Starlette, path: str, key: str, body: bytes, headers: dict[str, str]) -> int:
    """The law of one body; its status."""
    response = asked(app, path, key, body, headers)
    assert response.status_code in (200, 207, 400, 403, 408, 413, 415), (response.status_code, response.text[:500])
    said = response.json()
    if response.status_code >= 400:
        assert said["error"]["key"] != "internal"
        assert said["error"]["message"]
        return response.status_code
    sent = json.loads(body)
    count = len(sent) if isinstance(sent, list) else len(sent["batch" if "batch" in path else "events"])
    told = [one["status"] for one in said["verdicts"]]
    assert count == len(told) == said["stored"] + said["duplicate"] + said["quarantined"] + said.get("skipped", 0)
    assert all(one["message"] for one in said["verdicts"] if one["status"] == "quarantined")
    return response.status_code


def run(shop: Shop, seeds: range) -> dict[int, int]:
    """Mutations of every body in turn, for both keys; how often each status was answered."""
    app, datas = build(shop), [path.read_bytes() for path in bodies()]
    keys = (shop.state.keys.create("secret"), shop.state.keys.create("publishable"))
    visitor = asked(app, "/v1/visitors", keys[1], b"", {}).json()["visitor"].encode()
    counts: dict[int, int] = {}
    for seed in seeds:
        body = mutated(datas[seed % len(datas)].replace(b'"v1"', b'"' + visitor + b'"'), datas, seed)
        try:
            status = check(app, PATHS[seed % 7 == 0], keys[seed % 3 == 0], body, HEADERS[seed % len(HEADERS)])
        except Exception as error:
            error.add_note(f"seed {seed}: {body[:300]!r}")
            raise
        counts[status] = counts.get(status, 0) + 1
    assert shop.journal.waiting() + shop.drain() >= 0
    return counts


def test_mutated_bodies_never_make_the_server_fail(shop: Shop) -> None:
    """Never a 5xx, never an internal error: 4xx with a sentence, or one verdict for each event that was sent."""
    counts = run(shop, range(200))
    assert sum(counts.values()) == 200
    assert counts.get(200, 0) + counts.get(207, 0) > 5
    assert counts[400] > 5


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_ten_thousand_mutated_bodies_never_make_the_server_fail(
    shop: Shop, record_property: Callable[[str, object], None]
) -> None:
    """The same of 10,000 bodies."""
    counts = run(shop, range(1_000, 11_000))
    assert sum(counts.values()) == 10_000
    record_property("bodies", sum(counts.values()))


@FEW
@given(batch=st.lists(events | values, min_size=1, max_size=4), path=st.sampled_from(PATHS))
def test_made_up_events_have_one_verdict_each(shop: Shop, batch: list[Any], path: str) -> None:
    """Whatever JSON stands where events should be: one verdict each, and what was stored can be drained and read."""
    app, key = build(shop), shop.state.keys.create("secret")
    name = "batch" if "batch" in path else "events"
    try:
        body = json.dumps({name: batch}).encode()
    except UnicodeEncodeError:
        return
    check(app, path, key, body, {})
    shop.drain()


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_many_made_up_events_have_one_verdict_each(shop: Shop, record_property: Callable[[str, object], None]) -> None:
    """The same of 3,000 batches."""
    app, key, sent = build(shop), shop.state.keys.create("secret"), [0]

    @settings(deadline=None, max_examples=3_000, database=None, suppress_health_check=list(HealthCheck))
    @given(batch=st.lists(events | values, min_size=1, max_size=6), path=st.sampled_from(PATHS))
    def one(batch: list[Any], path: str) -> None:
        sent[0] += len(batch)
        check(app, path, key, json.dumps({"batch" if "batch" in path else "events": batch}).encode(), {})

    one()
    assert shop.drain() >= 0
    record_property("events", sent[0])
