"""The law of the two keepers: a Flink job on a local cluster writes what the drain's own fold writes, byte for byte."""

import os
import random
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from live_events import kept, messages_of, some_events
from servers import Started, absent, other_broker
from shopkeeper.core.event import Event
from shopkeeper.core.ids import PersonKey, VisitorId
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
    """Some of it sent again, some signed in on a browser, some of it late by its place in the topic."""
    signed = [replace(event, visitor=VisitorId("v1")) if dice.random() < 0.1 else event for event in events]
    late = sorted(signed, key=lambda event: signed.index(event) + dice.choice([0, 0, 0, 0, 25]))
    return [*late, *dice.sample(late, 40)]


def test_the_job_writes_what_the_fold_writes(broker: Started, shared_redis: str) -> None:
    """The same topic, read by the job (two workers at once) and by the drain's fold: visits, decayed counts, last acts,
    hours and scores of what is trending, deeds and sign-ins are equal to the last bit, although events come late, out
    of order and twice; running the job again over its own results changes nothing."""
    name = f"flink-{uuid.uuid4().hex}"
    events = _with_trouble(some_events(600, SEED), random.Random(SEED))  # noqa: S311 - events, not secrets
    journal = KafkaJournal(Topic.of(f"kafka://127.0.0.1:{broker.port}/{name}"), partitions=3, group="g")
    for event in events:
        journal.append([entry_of(event)])
    journal.close()
    stores = [RedisProfiles(shared_redis, prefix=f"{name}-{who}") for who in ("fold", "job")]
    once = list({event.id: event for event in events}.values())
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
