"""``shopkeeper benchmark speed``: the command and its table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final, get_args

import typer

from shopkeeper.apps.cli import say
from shopkeeper.apps.cli.benchmark_measured import AlsoTo, Customers, Events, Products, measured
from shopkeeper.apps.cli.options import Json
from shopkeeper.apps.jobs.speed import Asked, Part
from shopkeeper.apps.jobs.speed import measure as measure_speed
from shopkeeper.core.errors import SettingsError

Row = tuple[str, str, str]
"""A name in the locale, the figure, and the bar that it should reach."""
_PARTS: Final = ("import", "train", "serve", "features")


def speed(
    products: Products = 10_000,
    customers: Customers = 100_000,
    events: Events = 1_000_000,
    rate: Annotated[float, typer.Option("--rate", min=1, help="Decisions a second that are offered.")] = 500.0,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="For how long.")] = 20.0,
    batches: Annotated[int, typer.Option("--batches", min=1, help="Batches of 100 events that are posted.")] = 600,
    processes: Annotated[int, typer.Option("--processes", min=1, max=16, help="Processes that decide.")] = 1,
    only: Annotated[str, typer.Option("--only", help="One part: import, train, serve or features.")] = "",
    out: AlsoTo = None,
    as_json: Json = False,
) -> None:
    """Rates, latencies and memory of this machine on a *simulated* shop of the asked size."""
    part = _part(only)
    asked = Asked(
        products=products, customers=customers, events=events, rate=rate, seconds=seconds, batches=batches,
        processes=processes,
    )  # fmt: skip
    measured(
        lambda folder, progress: measure_speed(asked, folder, progress, only=part), show_speed, out=out, as_json=as_json
    )


def _part(word: str) -> Part:
    for part in get_args(Part):
        if part == word:
            return part  # type: ignore[no-any-return]  # one of the literals
    raise SettingsError("setting_bad", where="speed", name="--only", value=word, wanted=", ".join(_PARTS))


def show_speed(found: Mapping[str, Any]) -> None:
    """The table of what was measured, each figure with its bar."""
    shown = [row for part, rows in _ROWS.items() if part in found for row in rows(found)]
    asked = found["asked"]
    title = say.text("speed_title", **{name: f"{asked[name]:,}" for name in ("products", "customers", "events")})
    columns = [say.text(f"speed_{name}") for name in ("what", "figure", "bar")]
    say.table(title, columns, [(say.text(f"speed_{name}"), figure, bar) for name, figure, bar in shown])
    for size in found.get("features", ()):
        _show_tables(size)


def _import(found: Mapping[str, Any]) -> Iterator[Row]:
    yield "import", f"{found['import']['rows_per_second']:,.0f}", ""
    for kind in found["import"]["ratio"]:
        ratios = (found["import"][name][kind] for name in ("ratio", "cpu_ratio"))
        yield f"import_ratio_{kind}", " / ".join(f"{ratio:.2f}" for ratio in ratios), "≥ 0.50"
    yield "import_memory", f"{found['import']['peak_mib']:,.0f} MiB", "10 M: < 4,096 MiB"


def _train(found: Mapping[str, Any]) -> Iterator[Row]:
    seconds = (found["train"]["seconds"], found["train"]["cpu_seconds"])
    yield "train", " / ".join(f"{each:.1f} s" for each in seconds), "1 M: < 60 s · 10 M: < 600 s"
    yield "train_memory", f"{found['train']['peak_mib']:,.0f} MiB", "1 M: < 2,048 · 10 M: < 8,192"
    if "growth_exponent" in found:
        yield "growth", f"{found['growth_exponent']:.2f} / {found['growth_exponent_cpu']:.2f}", "≤ 1.15"


def _serve(found: Mapping[str, Any]) -> Iterator[Row]:
    serve, events, decisions = found["serve"], found["serve"]["events"], found["serve"]["decisions"]
    yield "start", f"{serve['start_seconds']:.1f} s", ""
    yield "server_memory", f"{serve['loaded_mib']:,.0f} → {serve['after_mib']:,.0f} MiB", ""
    yield "events", f"{events['events_per_second']:,.0f}", "≥ 15,000"
    yield "event_processor", f"{events['server_us_per_event']:,.0f} µs", ""
    yield "decisions", f"{decisions['answered_per_second']:,.0f} / {decisions['offered_per_second']:,.0f}", "500"
    yield "latency", " / ".join(f"{decisions[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")), "p99 < 25 ms"
    yield "effects", f"{serve['effects']['p50_ms']:.1f} / {serve['effects']['p99_ms']:.1f}", "p99 < 50 ms"
    yield "processor", f"{decisions['server_ms_per_request']:.2f} ms", ""
    yield "failed", f"{decisions['failed']:,}", "0"
    yield "highest", f"{serve['highest_sustained']:,.0f}", ""


def _drain(found: Mapping[str, Any]) -> Iterator[Row]:
    arrived = found["serve"]["events"]["events_per_second"]
    yield "drain", f"{found['drain']['events_per_second']:,.0f}", f"≥ {arrived:,.0f}"


def _stages(found: Mapping[str, Any]) -> Iterator[Row]:
    """A decision's processor time and each stage's share of it, one a line."""
    total = found["stages"]["total_microseconds"]
    shares = found["stages"]["microseconds"].items()
    lines = [f"{say.text(f'speed_stage_{name}')} {spent:,.0f} µs, {spent / total:.0%}" for name, spent in shares]
    yield "stages", "\n".join([f"{total:,.0f} µs", *lines]), ""


def _features(found: Mapping[str, Any]) -> Iterator[Row]:
    whole = found["features"][-1]
    sizes = [f"{one['events']:,}: {one['seconds']:,.1f} s, {one['cpu_seconds']:,.1f} s" for one in found["features"]]
    yield "features", "\n".join(sizes), ""
    yield "features_memory", f"{whole['peak_mib']:,.0f} MiB", "50 M: < 12,288 MiB"
    slopes = (found["growth_exponent_seconds"], found["growth_exponent_cpu_seconds"])
    yield "features_growth", " / ".join(f"{slope:.2f}" for slope in slopes), "≤ 1.10"
    yield "features_load_memory", f"{whole['load']['peak_mib']:,.0f} MiB", ""


_ROWS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[Row]]]] = {
    "import": _import, "train": _train, "serve": _serve, "drain": _drain, "stages": _stages, "features": _features,
}  # fmt: skip
"""The rows of each part of a result."""


def _show_tables(size: Mapping[str, Any]) -> None:
    """What each feature table took."""
    columns = [say.text(f"speed_{name}") for name in ("table", "rows", "seconds", "cpu_seconds")]
    rows = [
        (name, f"{one['rows']:,}", f"{one['seconds']:.1f}", f"{one['cpu_seconds']:.1f}")
        for name, one in size["tables"].items()
    ]
    say.table(say.text("speed_tables", events=f"{size['events']:,}"), columns, rows)
