"""Laws of several deciding processes: nobody can tell from an answer who gave it, and nothing is lost with one."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
from running import Server, secret_key, serving
from small_shop import build

from shopkeeper.apps.http.deciders import Deciders
from shopkeeper.apps.http.wire import Told
from shopkeeper.core.consent import Purpose
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.ids import CustomerId, PersonKey, ProductId, VisitorId
from shopkeeper.decide.log import body_of
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop

PERSONAL = {"personalise": "true", "train": "true", "analytics": "true"}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained shop, to be copied by each test."""
    folder = tmp_path_factory.mktemp("processes") / "shop"
    build(folder).close()
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[serve]\nprocesses = 2\n")
    return folder


@pytest.fixture
def folder(ready: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ready, tmp_path / "shop"))


def _with_helper(shop: Shop, work: Callable[[Deciders, str], Awaitable[None]]) -> None:
    """Do something with one helping process of a shop that is open here."""

    async def whole() -> None:
        deciders = Deciders(shop.folder, 1)
        shop.listeners.append(deciders)
        await deciders.start()
        try:
            version = shop.serving.version
            await _until(lambda: deciders.able(version) == 1)
            await work(deciders, version)
        finally:
            deciders.stop()
            await asyncio.sleep(0)

    asyncio.run(whole())


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(240):
        while not true():
            await asyncio.sleep(0.02)


def _logged(body: bytes) -> dict[str, object]:
    """A row of the journal but for the id, which is fresh every time."""
    row: dict[str, object] = msgspec.json.decode(body)
    row.pop("id")
    return row


def _requests(shop: Shop) -> list[Request]:
    now = shop.clock()
    plain = [
        Request(placement=placement, at=now, customer=CustomerId(f"c{person:02d}"), count=5, seed=person)
        for placement in ("home", "email") for person in range(8)
    ]  # fmt: skip
    return [
        *plain, Request(placement="home", at=now, visitor=VisitorId("nobody-yet"), seed=1),
        Request(placement="product", at=now, product=ProductId("p01"), customer=CustomerId("c02"), seed=2),
        Request(placement="cart", at=now, cart=(ProductId("p01"), ProductId("p12")), seed=3),
        Request(placement="home", at=now, customer=CustomerId("c01"), mode="nonpersonal", seed=4),
    ]  # fmt: skip


def _agreed(shop: Shop, request: Request) -> bool:
    person = request.person
    return person is not None and shop.serving.agreed(person).allows(Purpose.PERSONALISE)


def test_a_helping_process_decides_byte_for_byte_what_this_one_decides(folder: Path) -> None:
    """Same shop, moment and seed: the row of the log is the same bytes but for its id, whoever decides; a history that
    may not be read is not read, and an event counts in the next decision."""
    with Shop.open(folder) as shop:

        async def work(deciders: Deciders, version: str) -> None:
            async def told(request: Request, *, agreed: bool) -> Told:
                found = await deciders.decide(request, agreed=agreed, language="zh", version=version)
                assert found is not None
                return found

            def here(request: Request) -> Decision:
                return shop.preview(request)

            personal = 0
            for request in _requests(shop):
                there = await told(request, agreed=_agreed(shop, request))
                assert _logged(there.row) == _logged(body_of(here(request)))
                personal += bool(_logged(there.row)["personal"])
                refused = await told(request, agreed=False)
                assert _logged(refused.row)["personal"] is False
            assert personal >= 8
            request = next(request for request in _requests(shop) if _agreed(shop, request))
            before = await told(request, agreed=True)
            line = {"product": "p10", "price": "20.00"}
            order = {"id": "fresh", "action": "order", "order": "F1", "customer": request.customer, "lines": [line]}
            shop.collect([order])
            later = replace(request, at=shop.clock())
            after = await told(later, agreed=True)
            assert _logged(after.row) == _logged(body_of(here(later)))
            assert _logged(after.row)["choices"] != _logged(before.row)["choices"]
            shop.forget([PersonKey(str(request.person))])
            gone = await told(later, agreed=True)
            assert _logged(gone.row) == _logged(body_of(here(later)))
            assert _logged(gone.row)["choices"] != _logged(after.row)["choices"]

        _with_helper(shop, work)


def test_another_version_is_awaited_before_it_is_asked_for(folder: Path) -> None:
    """A helping process is asked only with the version that it has loaded; until then nobody is there to decide."""
    with Shop.open(folder) as shop:
        request = _requests(shop)[0]

        async def work(deciders: Deciders, version: str) -> None:
            assert await deciders.decide(request, agreed=True, language="en", version="v-next") is None
            deciders.load()
            await _until(lambda: deciders.able(version) == 1)
            assert await deciders.decide(request, agreed=True, language="en", version=version) is not None

        _with_helper(shop, work)


def _helpers(server: Server) -> list[int]:
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [child.pid for child in children if "shopkeeper.apps.http.decider" in child.cmdline()]


def _able(server: Server) -> int:
    lines = server.client.get("/metrics").text.splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("shopkeeper_deciding_processes "))))


def _wait_for(server: Server, able: int) -> None:
    deadline = time.monotonic() + 240
    while _able(server) != able:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_of_two_processes_learns_at_once_forgets_at_once_and_outlives_its_helper(folder: Path) -> None:
    """What was just bought and what was just refused count in the next answer; when the helping process is killed,
    answers go on and another comes; each answer is logged once."""
    key = secret_key(folder)
    with serving(folder, key) as server:
        _wait_for(server, 2)
        before = server.recommendations(placement="home", visitor="new-one")
        consent = {"id": "n-0", "action": "consent", "visitor": "new-one", "properties": PERSONAL}
        order = {"id": "n-1", "action": "order", "order": "N1", "visitor": "new-one",
                 "lines": [{"product": "p09", "price": "18.50"}, {"product": "p10", "price": "20.00"}]}  # fmt: skip
        assert server.post([consent, order]).json()["stored"] == 2
        after = server.recommendations(placement="home", visitor="new-one")
        assert (before["personal"], after["personal"]) == (False, True)
        no = {"id": "n-2", "action": "consent", "visitor": "new-one", "properties": {"personalise": "false"}}
        assert server.post([no]).json()["stored"] == 1
        refused = server.recommendations(placement="home", visitor="new-one")
        assert refused["personal"] is False
        (helper,) = _helpers(server)
        os.kill(helper, signal.SIGKILL)
        answers = [before, after, refused]
        answers += [server.recommendations(placement="home", customer=f"c{n:02d}") for n in range(20)]
        _wait_for(server, 2)
        assert _helpers(server) != [helper]
        answers.append(server.recommendations(placement="home", customer="c03"))
        whole = [server.client.get(f"/v1/decisions/{answer['decision']}") for answer in answers]
        assert [one.status_code for one in whole] == [200] * len(answers)
    with Shop.open(folder) as shop:
        shop.drain()
        kept = [row["id"] for row in shop.snapshot().query("SELECT id FROM decisions").to_pylist()]
    assert [kept.count(answer["decision"]) for answer in answers] == [1] * len(answers)
