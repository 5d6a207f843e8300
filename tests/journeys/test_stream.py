"""Laws of a shop on Kafka and Redis, with real processes: two that serve and one that drains share one folder."""

import contextlib
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from running import Server, serving, shopkeeper
from small_shop import build

from servers import Started, kafka_url, redis_server, redis_url, wait_until
from shopkeeper.apps.http.from_shop import ShopEngine
from shopkeeper.core.errors import SettingsError
from shopkeeper.core.ids import PersonKey
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.training import train

ROUND, SIZE, KILLS, SEED = 25, 25, 4, 20_261_125


@dataclass
class House:
    """A shop folder on the stream."""

    folder: Path
    key: str


@pytest.fixture
def house(shared_broker: Started, shared_redis: str, tmp_path: Path) -> House:
    folder = tmp_path / "shop"
    with Shop.create(folder, name="Tea", currency="CNY", timezone="UTC", language="en") as shop:
        key = shop.state.keys.create("secret", "test")
    name = f"j-{uuid.uuid4().hex}"
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write(
            f'\n[serve]\ndrain_seconds = 0.2\n[stream]\nurl = "{kafka_url(shared_broker, name)}"\npartitions = 4\n'
            f'[profiles]\nurl = "{shared_redis}"\nprefix = "{name}"\n'
        )
    return House(folder=folder, key=key)


class Draining:
    """A ``shopkeeper drain`` that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder.parent / "drain.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "shopkeeper.apps.cli.main", "drain", "--shop", str(self._folder)],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def stop(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def draining(folder: Path) -> Iterator[Draining]:
    drain = Draining(folder)
    drain.start()
    try:
        yield drain
    finally:
        if drain.process is not None and drain.process.poll() is None:
            drain.stop(signal.SIGTERM)


def _ids(folder: Path, table: str = "events") -> Counter[str]:
    with Shop.open(folder, readonly=True) as shop:
        return Counter(shop.snapshot().query(f"SELECT id FROM {table}").column("id").to_pylist())


def _held(folder: Path) -> list[str]:
    with Shop.open(folder, readonly=True) as shop:
        return [row.reason for row in shop.quarantine.list()]


def _view(event: str, customer: str, product: str = "p1", **more: object) -> dict[str, object]:
    return {"id": event, "action": "product_view", "customer": customer, "product": product, **more}


def _batch(number: int) -> list[dict[str, object]]:
    return [_view(f"b{number:03d}-{place:02d}", f"c{place}") for place in range(SIZE)]


@dataclass
class Poster:
    """Posts the batches it is given to whichever server answers, and remembers which were acknowledged."""

    servers: list[Server]
    given: "queue.Queue[int | None]" = field(default_factory=queue.Queue)
    acknowledged: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, dice: random.Random) -> None:
        with httpx.Client(headers=self.servers[0].client.headers, timeout=30) as client:
            while (batch := self.given.get()) is not None:
                while batch not in self.acknowledged:
                    with self.lock:
                        server = dice.choice(self.servers)
                    with contextlib.suppress(httpx.TransportError):
                        answer = client.post(
                            f"http://127.0.0.1:{server.port}/v1/events", json={"events": _batch(batch)}
                        )
                        if answer.status_code == 200:
                            with self.lock:
                                self.acknowledged.add(batch)

    def give(self, batches: range, wait_for: int) -> None:
        """Hand out batches; return when so many of them were acknowledged, the others being on their way."""
        for batch in batches:
            self.given.put(batch)
        goal = len(batches) - wait_for
        wait_until(lambda: len(set(batches) - self.acknowledged) <= goal, f"{wait_for} batches", 120)


def test_kill_9_of_servers_and_drain_loses_and_doubles_nothing(house: House) -> None:
    """Four clients post to two servers, and try again elsewhere what was not answered, while servers and drain are
    killed with ``kill -9`` in turn and started again. At the end each acknowledged event is in the lake exactly once,
    and nothing else: also what was posted twice because its server died before it answered."""
    dice, *others = (random.Random(SEED + each) for each in range(5))  # noqa: S311 - when to kill, not a secret
    with contextlib.ExitStack() as stack, draining(house.folder) as drain:
        servers = [stack.enter_context(serving(house.folder, house.key)) for _ in range(2)]
        poster = Poster(servers=servers)
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(poster.run, each) for each in others]
            for kill in range(KILLS):
                poster.give(range(kill * ROUND, (kill + 1) * ROUND), dice.randrange(3, ROUND - 5))
                if kill % 2:
                    drain.stop()
                    drain.start()
                else:
                    poster.servers[0].kill()
                    with poster.lock:
                        poster.servers = [poster.servers[1], stack.enter_context(serving(house.folder, house.key))]
            poster.give(range(KILLS * ROUND, (KILLS + 1) * ROUND), ROUND)
            for _ in running:
                poster.given.put(None)
            for each in running:
                each.result(timeout=120)
        batches = range((KILLS + 1) * ROUND)
        assert poster.acknowledged == set(batches)
        expected = dict.fromkeys((str(event["id"]) for batch in batches for event in _batch(batch)), 1)
        wait_until(lambda: len(_ids(house.folder)) >= len(expected), "the lake", 120)
        assert drain.stop(signal.SIGTERM) == 0
    assert _ids(house.folder) == expected, f"seed {SEED}"


def test_processes_share_what_they_know(house: House) -> None:
    """What one server was told counts in the other's very next answer; a decision of either is in the lake and can be
    explained by both; consent holds in both within a second; a second drain is refused; an id that is used for two
    events has one effect, and the other is in quarantine; what is erased at one server is gone everywhere."""
    with (
        draining(house.folder) as drain,
        serving(house.folder, house.key) as one,
        serving(house.folder, house.key) as two,
    ):
        agree = {"id": "agree", "action": "consent", "customer": "c-told", "at": "2026-11-01T00:00:00Z",
                 "properties": {"personalise": "true", "train": "true", "analytics": "true"}}  # fmt: skip
        assert one.post([agree, _view("seen", "c-told")]).status_code == 200
        assert two.post([_view("seen", "c-told", at="2026-11-20T00:00:00Z")]).status_code == 200
        decision = one.recommendations(placement="home", customer="c-told")["decision"]
        assert decision
        path = f"/v1/decisions/{decision}"
        wait_until(lambda: two.client.get(path).status_code == 200, "the decision at the other server")
        wait_until(lambda: set(_ids(house.folder)) == {"agree", "seen"}, "the lake")
        profile = two.client.get("/v1/customers/c-told").json()
        assert profile["consent"]["given"]["personalise"] is True
        assert _held(house.folder) == ["id_conflict"]
        second = shopkeeper("drain", "--shop", house.folder)
        assert second.returncode == 75
        assert "already working" in second.stderr
        assert two.client.delete("/v1/customers/c-told").status_code == 200
        assert "seen" not in _ids(house.folder)
        assert one.client.get("/v1/customers/c-told").status_code == 404
        assert one.post([_view("after", "c-told")]).status_code == 200
        wait_until(lambda: "after" in _ids(house.folder), "what came after the erasure")
        assert drain.stop(signal.SIGTERM) == 0
    assert _held(house.folder) == []


def test_what_waited_in_the_journal_comes_along(house: House) -> None:
    """A shop that moves to a stream keeps what its own journal had not drained, and knows the ids it had accepted; its
    models and answers are as before. ``drain --once`` moves what is there and ends."""
    text = (house.folder / FILE).read_text("utf-8")
    (house.folder / FILE).write_text(text.partition("\n[serve]")[0], "utf-8")
    with Shop.open(house.folder) as shop:
        shop.collect([_view("early", "c1", at="2026-11-01T00:00:00Z")])
    (house.folder / FILE).write_text(text, "utf-8")
    with Shop.open(house.folder, sharing=True) as shop:
        shop.collect([_view("early", "c1", at="2026-11-01T00:00:00Z"), _view("late", "c1")])
    for _ in range(2):
        done = shopkeeper("drain", "--shop", house.folder, "--once")
        assert done.returncode == 0, done.stderr
        assert _ids(house.folder) == {"early": 1, "late": 1}


def test_an_order_counts_once_on_a_stream(house: House, tmp_path: Path) -> None:
    """Orders that two event ids tell, and one that a file told before: the drain lets one of each count; what says
    something else of it is in quarantine with both sides, and stays there once however often the drain runs."""
    file = tmp_path / "orders.csv"
    file.write_text("order_id,date,customer_id,sku,quantity,price\no-file,2026-11-01T10:00:00Z,c1,p1,1,9.90\n")
    assert shopkeeper("import", "--shop", house.folder, file).returncode == 0
    with Shop.open(house.folder, sharing=True) as shop:
        for name, order, price in (
            ("e1", "o1", "9.90"), ("e2", "o1", "9.90"), ("e3", "o1", "8.80"),
            ("f1", "o-file", "9.90"), ("f2", "o-file", "1"),
        ):  # fmt: skip
            shop.collect([_order(name, order, price)])
    for last in ((), (_order("e4", "o1", "7.70"), _order("b1", "o1", "9.90", action="order_return"))):
        with Shop.open(house.folder, sharing=True) as shop:
            shop.collect([*last])
        done = shopkeeper("drain", "--shop", house.folder, "--once")
        assert done.returncode == 0, done.stderr
    with Shop.open(house.folder, readonly=True) as shop, shop.lake.connect() as con:
        sql = "SELECT order_id, price_minor, quantity FROM order_lines ORDER BY ALL"
        assert con.execute(sql).fetchall() == [("o-file", 990, 1.0), ("o1", 990, -1.0), ("o1", 990, 1.0)]
        held = shop.quarantine.list()
        assert [(row.reason, row.facts["value"]) for row in held] == [
            ("order_known", "o1"), ("order_known", "o-file"), ("order_known", "o1"),
        ]  # fmt: skip
        assert all("price=9.90 CNY" in row.facts["known"] for row in held)
        assert [one in row.raw for one, row in zip(("880", "100", "770"), held, strict=True)] == [True] * 3


def _order(name: str, order: str, price: str, action: str = "order") -> dict[str, object]:
    line = {"product": "p1", "quantity": 1, "price": price}
    return {"id": name, "action": action, "customer": "c1", "order": order, "lines": [line]}


def test_a_stream_needs_shared_profiles(house: House) -> None:
    """``[stream]`` without ``[profiles] url`` is refused with what to add."""
    text = (house.folder / FILE).read_text("utf-8")
    (house.folder / FILE).write_text(text.partition("[profiles]")[0], "utf-8")
    with pytest.raises(SettingsError) as found:
        Shop.open(house.folder, sharing=True)
    assert (found.value.facts["where"], found.value.facts["name"]) == ("profiles", "url")


def test_stock_prices_and_erasures_are_heard_by_the_others(shared_broker: Started, tmp_path: Path) -> None:
    """What one process is told of stock and prices holds in another after its next upkeep, in the order in which it was
    told; a process that starts later hears it too; of who is erased at one, the other's models know nothing."""
    folder = tmp_path / "shop"
    with redis_server(tmp_path) as redis, build(folder, trained=False) as built:
        train(built, judged=False)
        built.close()
        with (folder / FILE).open("a", encoding="utf-8") as settings:
            settings.write(
                f'\n[stream]\nurl = "{kafka_url(shared_broker, f"n-{uuid.uuid4().hex}")}"\n'
                f'[profiles]\nurl = "{redis_url(redis)}"\n'
            )
        with Shop.open(folder, sharing=True) as one, Shop.open(folder, sharing=True) as two:
            told, hears = ShopEngine(one), ShopEngine(two)
            index = two.serving.catalogue.index["p01"]
            assert two.serving.catalogue().in_stock[index]
            changes = [("s1", 5.0), ("s2", 0.0)]
            for name, quantity in changes:
                one.collect([{"id": name, "action": "stock_change", "product": "p01", "quantity": quantity}])
            one.collect([{"id": "price", "action": "price_change", "product": "p02", "price": "1.25"}])
            hears.upkeep()
            assert not two.serving.catalogue().in_stock[index]
            assert float(two.serving.catalogue().price[two.serving.catalogue.index["p02"]]) == 1.25
            assert two.serving.profiles.history(PersonKey("c01")).events > 0
            told.erase("c01")
            hears.upkeep()
            assert two.serving.profiles.history(PersonKey("c01")).events == 0
            assert not two.serving.catalogue().in_stock[index]
            with Shop.open(folder, sharing=True) as late:
                ShopEngine(late).upkeep()
                assert not late.serving.catalogue().in_stock[index]
