"""A shop that does everything it can do, for hours: what it takes of memory, handles, threads and disk must not grow.

One real server with its trainings, on engines of its own where that is asked; beside it what an operator runs: backups,
imports while it is stopped, and commands that are killed. Samples come from outside, from ``/proc`` and the folder.
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import small_shop
from running import Server, secret_key, serving, shopkeeper

import postgres
import servers
from shopkeeper.apps.console.app import PAGES
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop

SETTINGS = """
[serve]
drain_seconds = 1.0
[train]
every_hours = {hours}
keep_versions = 2
"""
VISITORS, CUSTOMERS, BATCH = 200, 60, 10
_PATIENCE_SECONDS = 900.0
"""On a machine that has other work an answer may take long; how long is measured, and not judged."""
_AGAIN, _NONSENSE = 0.1, 0.02
"""The shares of events that are sent twice, and that nobody can believe."""
_MIB = 2**20
_WARM = 0.4
"""The share of a life after which nothing may grow any more."""
_EVERY = 300.0
"""Of memory the median of so many seconds is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What happens how often, in seconds; 0: never."""

    batch: float = 0.4
    ask: float = 0.4
    page: float = 4.0
    export: float = 10.0
    erase: float = 60.0
    replay: float = 90.0
    backup: float = 90.0
    train: float = 300.0
    sample: float = 10.0
    upset: float = 120.0
    """One of the engines that the shop stands on is killed, and started again."""
    life: float = 1_200.0
    """How long a server lives before it is killed, an import is killed, another is made, and it is started again."""


@dataclass(slots=True)
class Soaked:
    """What was done, heard and seen."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    """Answers of 5xx, and commands that ended badly."""
    sent: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Acknowledged events: who did them, and when they were on their way."""
    erased: dict[str, float] = field(default_factory=dict)
    """People, and when their last erasure was over: what was on its way before is gone, or may be."""
    seconds: list[tuple[float, float]] = field(default_factory=list)
    """Moments and latencies of answers to shoppers."""
    samples: list[dict[str, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, answer: httpx.Response) -> None:
        with self.lock:
            self.done[name] += 1
            if answer.status_code >= 500 and "retry-after" not in answer.headers:
                self.failed[f"{name} {answer.status_code}"] += 1


class Life:
    """One server's life: threads that ask it, until it ends."""

    def __init__(
        self, server: Server, folder: Path, pace: Pace, soaked: Soaked, aside: Path, seed: int, house: "Alone",
        others: dict[str, int],
    ) -> None:  # fmt: skip
        self._house = house
        self._watched = {"": server.process.pid} | others
        self.server, self.folder, self.pace, self.soaked, self.aside = server, folder, pace, soaked, aside
        self._stop, self._seed = threading.Event(), seed
        self._key = server.client.headers["Authorization"]
        self._pages = itertools.cycle(sorted(PAGES))
        self._numbers = itertools.count()

    def _client(self) -> httpx.Client:
        base = f"http://127.0.0.1:{self.server.port}"
        return httpx.Client(base_url=base, headers={"Authorization": self._key}, timeout=_PATIENCE_SECONDS)

    def go_on(self, seconds: float) -> None:
        """Do everything at its pace for so long; the first that fails ends it."""
        deeds: list[tuple[float, Callable[[httpx.Client, random.Random], None]]] = [
            (self.pace.batch, self._send), (self.pace.ask, self._ask), (self.pace.page, self._look),
            (self.pace.export, self._export), (self.pace.erase, self._erase), (self.pace.replay, self._replay),
            (self.pace.backup, self._back_up), (self.pace.sample, self._sample), (self.pace.upset, self._upset),
        ]  # fmt: skip
        wrong: list[BaseException] = []

        def again(every: float, deed: Callable[[httpx.Client, random.Random], None], dice: random.Random) -> None:
            try:
                with self._client() as client:
                    while not self._stop.wait(every):
                        deed(client, dice)
            except BaseException as error:  # noqa: BLE001  # told to who waits
                wrong.append(error)
                self._stop.set()

        threads = [
            threading.Thread(target=again, args=(every, deed, random.Random(self._seed + place)))  # noqa: S311  # a load
            for place, (every, deed) in enumerate(deeds)
            if every
        ]
        for thread in threads:
            thread.start()
        self._stop.wait(seconds)
        self._stop.set()
        for thread in threads:
            thread.join()
        if wrong:
            raise wrong[0]

    def _send(self, client: httpx.Client, dice: random.Random) -> None:
        events, who, on_its_way = [], dict[str, tuple[str, float]](), time.monotonic()
        for _ in range(BATCH):
            name, customer = f"s{self._seed}-{next(self._numbers)}", f"c{dice.randrange(CUSTOMERS):02d}"
            product = f"p{dice.randrange(small_shop.PRODUCTS):02d}"
            event: dict[str, Any] = {
                "id": name,
                "action": dice.choice(("product_view", "cart_add")),
                "product": product,
            }
            if event["action"] == "cart_add":
                event["quantity"] = 1
            if dice.random() < 0.5:
                event["visitor"] = f"v{dice.randrange(VISITORS)}"
            else:
                event["customer"] = customer
            if dice.random() < 0.1:
                lines = [{"product": product, "quantity": 1, "price": "5.00"}]
                event = {"id": name, "action": "order", "order": f"so{name}", "customer": customer, "lines": lines}
            if dice.random() < _NONSENSE:
                event["action"] = "juggle"
            else:
                who[name] = (event.get("customer", ""), on_its_way)
            events.append(event)
        for _ in range(1 + (dice.random() < _AGAIN)):
            began = time.monotonic()
            answer = client.post("/v1/events", json={"events": events})
            self._took(began)
            self.soaked.note("batches", answer)
        if answer.status_code in (200, 207):
            with self.soaked.lock:
                self.soaked.sent |= who

    def _took(self, began: float) -> None:
        with self.soaked.lock:
            self.soaked.seconds.append((began, time.monotonic() - began))

    def _ask(self, client: httpx.Client, dice: random.Random) -> None:
        asked: dict[str, Any] = {"placement": dice.choice(("home", "product", "cart"))}
        product = f"p{dice.randrange(small_shop.PRODUCTS):02d}"
        asked |= {"product": {"product": product}, "cart": {"cart": product}}.get(asked["placement"], {})
        asked["customer"] = f"c{dice.randrange(CUSTOMERS):02d}"
        began = time.monotonic()
        answer = client.get("/v1/recommendations", params=asked)
        self._took(began)
        self.soaked.note("recommendations", answer)

    def _enter(self, client: httpx.Client) -> None:
        if "shopkeeper_console" not in client.cookies:
            client.post("/console/login", data={"key": self._key.removeprefix("Bearer ")})

    def _look(self, client: httpx.Client, dice: random.Random) -> None:
        self._enter(client)
        path = next(self._pages)
        asked = {"/customer": "c05", "/customer/erase": "c05", "/customer/events": "c05", "/product": "p05"}
        params = {"lang": dice.choice(("en", "zh"))} | ({"id": asked[path]} if path in asked else {})
        if path == "/customer/events":
            params["field"] = "orders"
        self.soaked.note("console pages", client.get(f"/console{path}", params=params))

    def _export(self, client: httpx.Client, dice: random.Random) -> None:
        person = f"c{dice.randrange(CUSTOMERS):02d}"
        path = dice.choice(("", "/export", "/profile", "/predictions"))
        self.soaked.note("questions about a person", client.get(f"/v1/customers/{person}{path}"))

    def _erase(self, client: httpx.Client, dice: random.Random) -> None:
        person = f"c{dice.randrange(CUSTOMERS):02d}"
        self.soaked.note("erasures", client.delete(f"/v1/customers/{person}"))
        with self.soaked.lock:
            self.soaked.erased[person] = time.monotonic()

    def _replay(self, client: httpx.Client, dice: random.Random) -> None:
        self._enter(client)
        page = client.get("/console/quarantine").text
        token = page.partition('name="token" value="')[2].partition('"')[0]
        origin = {"Origin": f"http://127.0.0.1:{self.server.port}"}
        answer = client.post("/console/quarantine/replay", data={"token": token}, headers=origin)
        assert answer.status_code < 400 or answer.status_code == 503, answer.text[:500]  # an engine may be away
        self.soaked.note("replays", answer)

    def _back_up(self, client: httpx.Client, dice: random.Random) -> None:
        to = self.aside / f"backup-{time.monotonic_ns()}"
        _command(self.soaked, "backups", "backup", "--shop", self.folder, to)
        shutil.rmtree(to, ignore_errors=True)

    def _upset(self, client: httpx.Client, dice: random.Random) -> None:
        self._house.upset()

    def _sample(self, client: httpx.Client, dice: random.Random) -> None:
        seen: dict[str, float] = {"at": time.monotonic()}
        for whose, number in self._watched.items():
            process = psutil.Process(number)
            with process.oneshot():
                seen |= {
                    f"{whose}rss": process.memory_info().rss / _MIB, f"{whose}handles": process.num_fds(),
                    f"{whose}threads": process.num_threads(),
                }  # fmt: skip
        seen |= of_disk(self.folder) | {"log": self.server.log.stat().st_size / _MIB, "sent": len(self.soaked.sent)}
        with self.soaked.lock:
            recent = sorted(took for at, took in self.soaked.seconds if at > seen["at"] - 60)
            seen["p99"] = recent[int(len(recent) * 0.99)] * 1000 if recent else 0.0
            self.soaked.samples.append({**seen, "life": self._seed})
        with (self.aside / "samples.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({**seen, "life": self._seed}) + "\n")


def of_disk(folder: Path) -> dict[str, float]:
    """What lies in a shop folder besides its facts."""
    found: dict[str, float] = {}
    for name in ("journal", "quarantine", "state"):
        for end in (".db", ".db-wal"):
            path = folder / f"{name}{end}"
            found[f"{name}{end}"] = path.stat().st_size / _MIB if path.exists() else 0.0
    found["lake files"] = sum(1 for _ in (folder / "lake").glob("*/*.parquet"))
    found["log entries"] = sum(1 for _ in (folder / "lake").glob("*/_delta_log/*"))
    found["versions"] = sum(1 for _ in (folder / "models").glob("*/"))
    found["tmp"] = sum(1 for path in (folder / "tmp").iterdir() if path.name != "training.log")
    return found


def _command(soaked: Soaked, name: str, *words: object) -> None:
    done = shopkeeper(*words, patience=_PATIENCE_SECONDS)
    with soaked.lock:
        soaked.done[name] += 1
        if done.returncode:
            soaked.failed[f"{name} {done.returncode}"] += 1
            soaked.failed[done.stderr.strip()[-300:]] += 1


def _between(folder: Path, aside: Path, soaked: Soaked, turn: int) -> None:
    """The server is gone: a file is imported by a command that is killed, and then by one that is not."""
    lines = aside / f"lines-{turn}.csv"
    with lines.open("w", encoding="utf-8") as file:
        file.write("order,line,at,customer,product,quantity,price\n")
        file.writelines(
            f"f{turn}-{n},1,2026-11-0{1 + n % 9}T10:00:00Z,c{n % CUSTOMERS:02d},p{n % 40:02d},1,5.00\n"
            for n in range(20_000)
        )
    words = [sys.executable, "-m", "shopkeeper.apps.cli.main", "import", "--shop", str(folder), str(lines)]
    before = set((folder / "tmp").iterdir())
    killed = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + _PATIENCE_SECONDS
    while killed.poll() is None and time.monotonic() < until and set((folder / "tmp").iterdir()) == before:
        time.sleep(0.005)
    if killed.poll() is None:
        os.killpg(killed.pid, signal.SIGKILL)
        soaked.done["imports killed"] += 1
    killed.wait()
    _command(soaked, "imports", "import", "--shop", folder, lines)
    lines.unlink()


class Alone:
    """A shop that needs nobody."""

    def settle(self, folder: Path) -> None:
        """Let a new shop use what stands here."""

    @contextlib.contextmanager
    def beside(self, folder: Path) -> Iterator[dict[str, int]]:
        """What runs while the server lives; the numbers of processes to be watched."""
        yield {}

    def finish(self, folder: Path) -> None:
        """Let everything that was acknowledged come into the lake."""
        with Shop.open(folder) as shop:
            shop.drain()

    def upset(self) -> None:
        """Strike at something that the shop stands on."""


class Engines(Alone):
    """PostgreSQL, a broker and Redis of its own, and a drain. Redis and PostgreSQL are killed and started in turn."""

    def __init__(self, aside: Path, opened: contextlib.ExitStack) -> None:
        self._postgres = opened.enter_context(postgres.running())
        self._broker = opened.enter_context(servers.kafka_broker(aside))
        self._redis = opened.enter_context(servers.redis_server(aside))
        self._turn = itertools.count()

    def settle(self, folder: Path) -> None:
        done = shopkeeper("state", "move", "--shop", folder, "--to", self._postgres.address())
        assert done.returncode == 0, done.stderr
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(
                f'[stream]\nurl = "{servers.kafka_url(self._broker, "soak")}"\npartitions = 4\n'
                f'[profiles]\nurl = "{servers.redis_url(self._redis)}"\n'
            )

    @contextlib.contextmanager
    def beside(self, folder: Path) -> Iterator[dict[str, int]]:
        words = [sys.executable, "-m", "shopkeeper.apps.cli.main", "drain", "--shop", str(folder)]
        with (folder.parent / "drain.log").open("ab") as log:
            drain = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        try:
            yield {"drain ": drain.pid}
        finally:
            drain.terminate()
            assert drain.wait(_PATIENCE_SECONDS) == 0, (folder.parent / "drain.log").read_text()[-2_000:]

    def finish(self, folder: Path) -> None:
        done = shopkeeper("drain", "--once", "--shop", folder)
        assert done.returncode == 0, done.stderr

    def upset(self) -> None:
        if next(self._turn) % 2:
            self._postgres.stop(signal.SIGQUIT)
            self._postgres.start()
        else:
            self._redis.kill()
            self._redis.start()


def run(
    aside: Path, *, seconds: float, pace: Pace | None = None, engines: bool = False,
    tell: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Soak a shop for so long; with ``engines``, one on PostgreSQL, Kafka and Redis."""
    with contextlib.ExitStack() as opened:
        house = Engines(aside, opened) if engines else Alone()
        return _run(house, aside, seconds, pace or Pace(), tell)


def _run(
    house: Alone, aside: Path, seconds: float, pace: Pace, tell: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    soaked, folder = Soaked(), aside / "shop"
    small_shop.build(folder).close()
    house.settle(folder)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(SETTINGS.format(hours=pace.train / 3_600))
    key, until = secret_key(folder), time.monotonic() + seconds
    for turn in itertools.count():
        left = until - time.monotonic()
        if turn and left < pace.life / 2:
            break
        with house.beside(folder) as others, serving(folder, key, patience=_PATIENCE_SECONDS) as server:
            life = Life(server, folder, pace, soaked, aside, turn, house, others)
            life.go_on(min(pace.life, left))
            server.kill()
        _between(folder, aside, soaked, turn)
        tell(facts_of(soaked, folder, grown=False))
    house.finish(folder)
    return facts_of(soaked, folder)


def facts_of(soaked: Soaked, folder: Path, *, grown: bool = True) -> dict[str, Any]:
    """The figures of a soak; ``lost`` and ``doubled`` of its acknowledged events."""
    facts: dict[str, Any] = {
        "done": dict(soaked.done), "failed": dict(soaked.failed), "events": len(soaked.sent),
        "lives": _lives(soaked.samples),
    }  # fmt: skip
    if not grown:
        return facts
    with Shop.open(folder) as shop:
        found = Counter(shop.snapshot().query("SELECT id FROM events").column(0).to_pylist())
    facts["lost"] = sum(
        name not in found and began > soaked.erased.get(whose, 0.0) for name, (whose, began) in soaked.sent.items()
    )
    facts["doubled"] = sum(times - 1 for times in found.values())
    facts["left"] = sorted(path.name for path in (folder / "tmp").iterdir() if path.name != "training.log")
    return facts


def _lives(samples: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Of each life, since it was warm: how much it took at most in either half, and how memory grew, in MiB an hour."""
    lives = []
    for life in sorted({sample["life"] for sample in samples}):
        its = [sample for sample in samples if sample["life"] == life]
        began = its[0]["at"]
        warm = [sample for sample in its if sample["at"] >= began + _WARM * (its[-1]["at"] - began)]
        names = [name for name in its[0] if name not in ("at", "life")]
        half = len(warm) // 2
        lives.append({
            "minutes": round((its[-1]["at"] - began) / 60, 1),
            "slopes": {
                name: round(_slope([(sample["at"], sample[name]) for sample in warm]) * 3_600, 2)
                for name in names if name.endswith("rss")
            },
            "every 5 min": {name: _medians([(sample["at"] - began, sample[name]) for sample in its])
                            for name in names if name.endswith("rss")},
            **{name: [round(max(sample[name] for sample in part), 1) for part in (warm[:half] or warm, warm[half:])]
               for name in names},
        })  # fmt: skip
    return lives


def _medians(points: list[tuple[float, float]]) -> list[float]:
    """One of each stretch of time."""
    found = itertools.groupby(points, lambda point: point[0] // _EVERY)
    return [round(statistics.median(value for _, value in part), 1) for _, part in found]


def _slope(points: list[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs (Theil 1950; Sen 1968): a few odd points do not change it."""
    slopes = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in itertools.combinations(points, 2)]
    return statistics.median(slopes) if slopes else 0.0


def main() -> None:
    """``python soaking.py FOLDER SECONDS LIFE [engines]``: for whoever wants to look at one."""
    aside, seconds, life, *engines = sys.argv[1:]
    found = run(Path(aside), seconds=float(seconds), pace=Pace(life=float(life)), engines=bool(engines))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
