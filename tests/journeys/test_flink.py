"""The law of the two keepers: a Flink job on a local cluster writes what the drain's own fold writes, byte for byte."""

import contextlib
import os
import random
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from live_events import expected, kept, messages_of, some_events
from servers import Started, absent, other_broker, port_that_is_free, started, wait_until
from shopkeeper.core.action import Action
from shopkeeper.core.errors import Unavailable
from shopkeeper.core.event import Event
from shopkeeper.core.ids import EventId, OrderId, PersonKey, VisitorId
from shopkeeper.data.stream.kafka_journal import KafkaJournal
from shopkeeper.data.stream.redis_live import RedisLive
from shopkeeper.data.stream.redis_profiles import RedisProfiles
from shopkeeper.data.stream.topic import Topic
from shopkeeper.features.shared_profiles import ProfileWriter
from shopkeeper.shop.collecting import entry_of
from shopkeeper.shop.live_folding import LiveFolding

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("SHOPKEEPER_FLINK", ROOT / ".venv-flink")) / "bin" / "python"
JOB = "shopkeeper.apps.jobs.flink.live_profiles"
SEED = 20_261_125

pytestmark = pytest.mark.slow


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Started]:
    if not PYTHON.exists():
        absent("the Flink job's environment (`make flink`)")
    if shutil.which("java") is None:
        absent("Java 17")
    with other_broker(tmp_path) as server:
        yield server


def _run(broker: Started, topic: str, redis: str, prefix: str, **more: object) -> None:
    """The job from the topic's beginning to its present end."""
    asked = {"servers": f"127.0.0.1:{broker.port}", "topic": topic, "redis": redis, "prefix": prefix,
             "currency": "CNY", "bounded": "yes", **more}  # fmt: skip
    words = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [str(PYTHON), "-m", JOB, *words], capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PATH": f"{PYTHON.parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3_000:]


def _deeds(store: RedisProfiles) -> dict[str, Any]:
    """What is told of people's deeds and sign-ins."""

    def ask(redis: Any) -> Any:
        keys = [key.decode() for key in redis.scan_iter(f"{store.prefix}*") if b":deeds:" in key or b":signed:" in key]
        return {key.removeprefix(store.prefix): redis.hgetall(key) for key in keys}

    return dict(store.asked(ask))


def _with_trouble(events: list[Event], dice: random.Random) -> list[Event]:
    """Some of it sent again, some orders told again under another id, some signed in on a browser, some of it late by
    its place in the topic."""
    named = [replace(event, order=_order_of(event)) for event in events]
    signed = [replace(event, visitor=VisitorId("v1")) if dice.random() < 0.1 else event for event in named]
    late = sorted(signed, key=lambda event: signed.index(event) + dice.choice([0, 0, 0, 0, 25]))
    orders = dice.sample([event for event in late if event.order], 30)
    return [*late, *dice.sample(late, 40), *(replace(event, id=EventId(f"{event.id}-again")) for event in orders)]


def _order_of(event: Event) -> OrderId | None:
    return OrderId(f"o{event.id}") if event.action is Action.ORDER else None


def test_the_job_writes_what_the_fold_writes(broker: Started, shared_redis: str) -> None:
    """The same topic, read by the job (two workers at once) and by the drain's fold: visits, decayed counts, last acts,
    hours and scores of what is trending, deeds and sign-ins are equal to the last bit, although events come late, out
    of order and twice, and orders under two ids; running the job again over its own results changes nothing."""
    name = f"flink-{uuid.uuid4().hex}"
    events = _with_trouble(some_events(600, SEED), random.Random(SEED))  # noqa: S311 - events, not secrets
    journal = KafkaJournal(Topic.of(f"kafka://127.0.0.1:{broker.port}/{name}"), partitions=3, group="g")
    for event in events:
        journal.append([entry_of(event)])
    journal.close()
    stores = [RedisProfiles(shared_redis, prefix=f"{name}-{who}") for who in ("fold", "job")]
    first: dict[str, Event] = {}
    for event in events:
        first.setdefault(event.order or event.id, event)
    once = [*first.values()]
    assert len(once) == 600 < len(events)
    LiveFolding(RedisLive(stores[0]), "CNY").fold(messages_of(once))
    ProfileWriter(stores[0], "CNY").tell(once)
    _run(broker, name, shared_redis, f"{name}-job", parallelism=2)
    fold, job = (kept(store) for store in stores)
    assert len(fold[0]) == 5
    assert job[0] == fold[0]
    assert job[1] == fold[1]
    assert _deeds(stores[1]) == _deeds(stores[0])
    assert stores[1].look(PersonKey("visitor:v1")) == stores[0].look(PersonKey("visitor:v1"))
    _run(broker, name, shared_redis, f"{name}-job", parallelism=1)
    assert kept(stores[1]) == job
    for store in stores:
        store.close()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A job manager and two task managers, each a process, as their operator starts them."""

    url: str
    managers: tuple[Started, Started]
    env: dict[str, str]

    def ask(self, path: str) -> Any:
        return httpx.get(f"{self.url}{path}", timeout=30).json()

    def submit(self, **asked: object) -> str:
        """The job's id, by the command that the documentation names."""
        words = [word for name, its in asked.items() for word in (f"--{name.replace('_', '-')}", str(its))]
        done = subprocess.run(
            [str(PYTHON.with_name("flink")), "run", "-d", "-m", self.url.removeprefix("http://"), "-pym", JOB, "-pyfs",
             str(ROOT / "src"), *words], capture_output=True, text=True, timeout=280, check=False, env=self.env,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr[-3_000:]
        (job,) = self.ask("/jobs")["jobs"]
        return str(job["id"])

    def checkpoints(self, job: str) -> int:
        return int(self.ask(f"/jobs/{job}/checkpoints")["counts"]["completed"])


@pytest.fixture
def cluster(broker: Started, tmp_path: Path) -> Iterator[Cluster]:
    """Where Flink is absent the broker skips."""
    (package,) = (PYTHON.parent.parent / "lib").glob("python*/site-packages/pyflink")
    rest, rpc = port_that_is_free(), port_that_is_free()
    settings, log = tmp_path / "conf", tmp_path / "log"
    shutil.copytree(package / "conf", settings)
    log.mkdir()
    with (settings / "config.yaml").open("a") as told:
        told.write(f"\nexecution.checkpointing.dir: {(tmp_path / 'checkpoints').as_uri()}\n")
    env = {"PATH": f"{PYTHON.parent}:/usr/bin:/bin", "FLINK_CONF_DIR": str(settings), "FLINK_LOG_DIR": str(log)}
    begin = ["env", "-i", *(f"{name}={value}" for name, value in env.items())]
    ports = ["-D", f"jobmanager.rpc.port={rpc}", "-D", f"rest.port={rest}"]
    with contextlib.ExitStack() as stack:
        words = [*begin, str(package / "bin" / "jobmanager.sh"), "start-foreground", *ports]
        stack.enter_context(started(words, rest, log / "jobs.log"))
        managers = []
        for name in ("one", "two"):
            own = port_that_is_free()
            words = [*begin, str(package / "bin" / "taskmanager.sh"), "start-foreground", *ports]
            words += ["-D", f"taskmanager.rpc.port={own}", "-D", "taskmanager.memory.process.size=1200m"]
            managers.append(stack.enter_context(started(words, own, log / f"{name}.log")))
        found = Cluster(url=f"http://127.0.0.1:{rest}", managers=(managers[0], managers[1]), env=env)
        wait_until(lambda: found.ask("/overview")["slots-available"] == 2, "both task managers", 120)
        yield found


def _holds(store: RedisProfiles, wanted: tuple[dict[str, str], dict[str, tuple[str, float]]]) -> bool:
    """Whether a store holds just that; it does not while it is still being written."""
    with contextlib.suppress(AssertionError, Unavailable):
        return kept(store) == wanted
    return False


@pytest.mark.timeout(1_500)
def test_a_cluster_goes_on_where_it_was_when_a_worker_is_killed(
    broker: Started, cluster: Cluster, shared_redis: str
) -> None:
    """The job runs on two task managers; one is killed after a checkpoint and started again. In the end Redis holds
    what one fold of each event makes, byte for byte: nothing is counted twice, nothing is missed."""
    name = f"flink-{uuid.uuid4().hex}"
    events = some_events(600, SEED)
    journal = KafkaJournal(Topic.of(f"kafka://127.0.0.1:{broker.port}/{name}"), partitions=3, group="g")
    job = RedisProfiles(shared_redis, prefix=f"{name}-job")
    journal.append([entry_of(event) for event in events[:200]])
    running = cluster.submit(
        servers=f"127.0.0.1:{broker.port}", topic=name, redis=shared_redis, prefix=f"{name}-job", currency="CNY",
        parallelism=2, checkpoint_seconds=1,
    )  # fmt: skip
    first, all_of_them = expected(events[:200]), expected(events)
    wait_until(lambda: _holds(job, first), "the first events", 400)
    done = cluster.checkpoints(running)
    wait_until(lambda: cluster.checkpoints(running) > done, "a checkpoint", 100)
    journal.append([entry_of(event) for event in events[200:400]])
    cluster.managers[0].kill()
    journal.append([entry_of(event) for event in events[400:]])
    cluster.managers[0].start()
    wait_until(lambda: _holds(job, all_of_them), "all events", 600)
    assert cluster.ask(f"/jobs/{running}/checkpoints")["counts"]["restored"] >= 1
    job.close()
    journal.close()
