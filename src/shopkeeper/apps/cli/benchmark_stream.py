"""``benchmark stream``: from an event to the profile that has it, through Kafka and Redis."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.benchmark_measured import AlsoTo, measured
from shopkeeper.apps.cli.options import Json
from shopkeeper.apps.jobs.stream_speed import Asked, measure


def stream(
    kafka: Annotated[str, typer.Option("--kafka", help="Brokers: host:port,… A topic of its own is made there.")],
    redis: Annotated[str, typer.Option("--redis", help="The store: redis://host:port/db.")],
    events: Annotated[int, typer.Option("--events", min=100, help="Events that are posted, one a request.")] = 2_000,
    rate: Annotated[float, typer.Option("--rate", min=1, help="How many a second.")] = 100.0,
    out: AlsoTo = None,
    as_json: Json = False,
) -> None:
    """How long from a *simulated* event that is posted to its live profile, with two servers and one drain."""
    asked = Asked(brokers=kafka, redis=redis, events=events, rate=rate)
    measured(lambda folder, progress: measure(asked, folder, progress), show, out=out, as_json=as_json)


def show(found: Mapping[str, Any]) -> None:
    """The figures with the bar they should reach."""
    names = ("p50_ms", "p99_ms", "max_ms")
    rows = [
        (say.text("stream_acknowledged"), " / ".join(f"{found['acknowledged'][name]:.1f}" for name in names), ""),
        (say.text("stream_live"), " / ".join(f"{found['live'][name]:.1f}" for name in names), "p99 < 1,000 ms"),
        (say.text("stream_processor"), f"{found['ms_per_event']:.2f} ms", ""),
    ]
    columns = [say.text(f"speed_{name}") for name in ("what", "figure", "bar")]
    title = say.text("stream_title", events=f"{found['asked']['events']:,}", rate=f"{found['asked']['rate']:g}")
    say.table(title, columns, rows)
