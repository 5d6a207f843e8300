"""shop.toml -> frozen settings. Every mistake is named with its place, what was found and what is allowed."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shopkeeper.core.errors import SettingsError
from shopkeeper.core.identity import LinkRules
from shopkeeper.core.money import exponent
from shopkeeper.core.shortlist import RankSettings
from shopkeeper.core.typed import bad, build
from shopkeeper.core.weights import ActionWeights

FILE: Final = "shop.toml"
FORMAT: Final = 1
"""Version of the shop folder's layout; a folder of another version is refused with a sentence."""

_MASTERS: Final = r"local(\[[\d*,]+\])?|yarn|spark://\S+|k8s://\S+"
_MOST_PROCESSES: Final = 64
_MOST_WEIGHT: Final = 10.0
_AT_LEAST: Final = {
    ("train", "test_days"): 1, ("predict", "days"): 1, ("predict", "folds"): 3, ("segments", "days"): 7,
    ("segments", "most"): 2, ("segments", "steps"): 0, ("profiles", "keep_days"): 1, ("stream", "partitions"): 1,
    ("identity", "window_days"): 0, ("identity", "most_customers"): 0, ("identity", "most_visitors"): 0,
    ("rank", "least_lists"): 10, ("rank", "days"): 1, ("rank", "most_weight"): 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopSection:
    """``[shop]``: who and where the shop is."""

    name: str = "My shop"
    currency: str = "USD"
    timezone: str = "UTC"
    language: str = "en"
    format: int = FORMAT
    free: bool = False
    """Things are given away: a price may be zero, and a discount more than its line costs (else such rows are held)."""
    notice: str = ""
    """Shown on every console page: what a visitor of the console must know about this shop's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSection:
    """``[serve]``: where the API and the console listen, how often the journal moves into the lake, who decides."""

    host: str = "127.0.0.1"
    port: int = 8765
    drain_seconds: float = 10.0
    processes: int = 1
    """1: the process that listens also decides; n: it is helped by n - 1 others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSection:
    """``[limits]``: what one key may ask a second, 0 for as much as it likes, and how much may wait in memory."""

    publishable_requests: float = 1_000.0
    """All browsers of the shop share a publishable key."""
    publishable_events: float = 5_000.0
    secret_requests: float = 0.0
    secret_events: float = 0.0
    burst_seconds: float = 10.0
    """A key that asked for little may at once ask for as much as flows in during this time."""
    waiting_mb: float = 64.0
    """Bodies of requests that are in work, all together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSection:
    """``[engine]``: how much of the machine a job may take."""

    memory: str = "4GB"
    threads: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSection:
    """``[state]``: where keys, consent and the other operational state are kept."""

    url: str = ""
    """Empty: state.db in the shop folder. postgresql+psycopg://user@host:5432/database: a PostgreSQL database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSection:
    """``[batch]``: what answers the SQL of training and evaluation, and imports folders."""

    engine: Literal["duckdb", "spark"] = "duckdb"
    master: str = "local[2]"
    """Where Spark runs, as Spark writes it: local[2], spark://host:7077, yarn, k8s://…"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSection:
    """``[stream]``: where events are made durable, so that several processes can take them in."""

    url: str = ""
    """kafka://host:port/topic; empty: the journal of the one process that serves."""
    partitions: int = 8
    """Of the topic, where it is made by us."""
    group: str = "shopkeeper"
    """Under which the drain tells the cluster how far it is."""
    live: Literal["drain", "flink"] = "drain"
    """Who keeps visits, decayed counts and what is trending."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The Kafka client's own, such as ``security.protocol``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesSection:
    """``[profiles]``: where live profiles are kept, so that several processes can share them."""

    url: str = ""
    """redis://host:port/db, rediss://… or unix://…; empty: the memory of the one process that serves."""
    prefix: str = "shopkeeper"
    """What the shop's keys begin with: one Redis may serve several shops."""
    keep_days: float = 90.0
    """Somebody who does nothing for so long is remembered by the models alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSection:
    """One ``[models.<name>]``: a recommender by its path inside the package; the other keys are its settings."""

    use: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSection:
    """``[train]``: which model answers, what it must reach, and how it is judged."""

    personal: str = "hybrid"
    context: str = "item_knn"
    popular: str = "popularity"
    new: str = "new_arrivals"
    """Which model speaks of new products, where a placement gives them a share; none need be there."""
    test_days: int = 28
    """The last days of history that evaluation predicts."""
    floor_ndcg: float = 0.0
    """A personal model whose NDCG@10 is below this is not published."""
    keep_versions: int = 5
    learn_from_log: bool = True
    """Whether the personal blend is corrected by clicks on what dice have shown, where the log is enough."""
    every_hours: float = 24.0
    """A server trains again when its models are older than this; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySection:
    """``[privacy]``: how long the ids of accepted events are remembered against retries."""

    remember_ids_days: int = 45
    sensitive: tuple[str, ...] = ()
    """More words that no audience may ask for and no segment may look at, beside those of ``core.sensitive``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictSection:
    """What is foretold of customers, and by whom."""

    learner: str = "gradient_boosting"
    rating: str = "logistic_regression"
    """One of the classical learners by name; ``rating``: of stars, where bias and factors are learners too."""
    days: int = 30
    """The window of "will buy within n days"."""
    folds: int = 6
    """How many past moments are learned from, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsSection:
    """``[segments]``: the window that groups of customers are found in."""

    days: int = 182
    """Orders of so many days are looked at."""
    most: int = 8
    """Most groups."""
    steps: int = 3
    """How many earlier months the flows between groups show."""


DEFAULT_MODELS: Final[Mapping[str, ModelSection]] = {
    "popularity": ModelSection(use="recommend.popularity.Popularity"),
    "trending": ModelSection(use="recommend.trending.Trending"),
    "buy_again": ModelSection(use="recommend.buy_again.BuyAgain"),
    "item_knn": ModelSection(use="recommend.item_knn.ItemKNN"),
    "sequential_knn": ModelSection(use="recommend.sequential_knn.SequentialItemKNN"),
    "user_knn": ModelSection(use="recommend.user_knn.UserKNN"),
    "content": ModelSection(use="recommend.content.ContentBased"),
    "association_rules": ModelSection(use="recommend.association_rules.AssociationRules"),
    "new_arrivals": ModelSection(use="recommend.new_arrivals.NewArrivals"),
    "hybrid": ModelSection(use="recommend.hybrid.Hybrid"),
}
COMPARED_MODELS: Final[Mapping[str, ModelSection]] = {
    "tifu_knn": ModelSection(use="recommend.tifu_knn.TIFUKNN"),
    "ease": ModelSection(use="recommend.ease.EASE"),
    "als": ModelSection(use="recommend.als.ALS"),
    "bpr": ModelSection(use="recommend.bpr.BPR"),
}
"""What evaluation shows beside a shop's models, without training them for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of shop.toml."""

    shop: ShopSection = field(default_factory=ShopSection)
    serve: ServeSection = field(default_factory=ServeSection)
    limits: LimitsSection = field(default_factory=LimitsSection)
    engine: EngineSection = field(default_factory=EngineSection)
    state: StateSection = field(default_factory=StateSection)
    batch: BatchSection = field(default_factory=BatchSection)
    stream: StreamSection = field(default_factory=StreamSection)
    profiles: ProfilesSection = field(default_factory=ProfilesSection)
    train: TrainSection = field(default_factory=TrainSection)
    rank: RankSettings = field(default_factory=RankSettings)
    weights: ActionWeights = field(default_factory=ActionWeights)
    privacy: PrivacySection = field(default_factory=PrivacySection)
    identity: LinkRules = field(default_factory=LinkRules)
    predict: PredictSection = field(default_factory=PredictSection)
    segments: SegmentsSection = field(default_factory=SegmentsSection)
    models: Mapping[str, ModelSection] = field(default_factory=lambda: dict(DEFAULT_MODELS))
    placements: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Plain tables; the decide floor knows their words."""


def load(folder: Path) -> Settings:
    """Read a shop folder's shop.toml.

    Raises:
        SettingsError: the file is missing, unreadable, of another format, or says something impossible.
    """
    path = folder / FILE
    if not path.is_file():
        raise SettingsError("shop_folder_missing", folder=str(folder))
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError("settings_unreadable", file=str(path), why=str(error)) from error
    return parse(table, folder)


def parse(table: Mapping[str, Any], folder: Path = Path()) -> Settings:
    """Settings from a parsed TOML table; missing sections take their defaults. ``folder`` is only named in errors."""
    allowed = [part.name for part in fields(Settings)]
    for name in table:
        if name not in allowed:
            raise SettingsError("setting_unknown", where="shop.toml", name=name, allowed=", ".join(allowed))
    hints = get_type_hints(Settings)
    sections = {name: build(hints[name], table[name], name) for name in table if name not in ("models", "placements")}
    if "models" in table:
        sections["models"] = {name: _model(name, part) for name, part in table["models"].items()}
    if "placements" in table:
        sections["placements"] = table["placements"]
    settings = Settings(**sections)
    _check(settings, folder)
    _check_limits(settings.limits)
    return settings


def _model(name: str, table: Mapping[str, Any]) -> ModelSection:
    use = table.get("use")
    if not isinstance(use, str):
        raise SettingsError("setting_bad", where=f"models.{name}", name="use", value=str(use), wanted="a path")
    return ModelSection(use=use, settings={key: value for key, value in table.items() if key != "use"})


def _check(settings: Settings, folder: Path) -> None:
    shop = settings.shop
    if shop.format != FORMAT:
        key = "shop_too_old" if shop.format < FORMAT else "shop_too_new"
        raise SettingsError(key, folder=str(folder), version=shop.format, needed=FORMAT)
    try:
        exponent(shop.currency)
        ZoneInfo(shop.timezone)
    except ValueError:
        bad("shop", "currency", shop.currency, "an ISO 4217 code such as USD or CNY")
    except ZoneInfoNotFoundError:
        bad("shop", "timezone", shop.timezone, "an IANA zone such as Asia/Shanghai")
    if shop.language not in ("en", "zh"):
        bad("shop", "language", shop.language, "en or zh")
    if not 0 < settings.serve.port < 65_536:
        bad("serve", "port", settings.serve.port, "a number from 1 to 65535")
    if not 1 <= settings.serve.processes <= _MOST_PROCESSES:
        bad("serve", "processes", settings.serve.processes, f"a number from 1 to {_MOST_PROCESSES}")
    if settings.state.url and not settings.state.url.startswith(("postgresql://", "postgresql+psycopg://")):
        wanted = "empty, or postgresql+psycopg://user@host:5432/database"
        bad("state", "url", settings.state.url.partition("://")[0] + "://…", wanted)  # it may hold a password
    _check_profiles(settings.profiles)
    _check_stream(settings)
    _check_batch(settings.batch)
    if not settings.train.every_hours >= 0:
        bad("train", "every_hours", settings.train.every_hours, "hours, or 0 for never")
    for (where, name), least in _AT_LEAST.items():
        value = getattr(getattr(settings, where), name)
        if not value >= least:
            bad(where, name, value, f"at least {least}")
    if not 0.05 <= settings.rank.held_out <= 0.9:
        bad("rank", "held_out", settings.rank.held_out, "0.05 … 0.9")
    _check_weights(settings.weights)


def _check_weights(weights: ActionWeights) -> None:
    for part in fields(ActionWeights):
        value, dwell = getattr(weights, part.name), part.name == "dwell"
        low, high = (0.0, 1.0) if dwell else (-_MOST_WEIGHT, _MOST_WEIGHT)
        if not low <= value <= high:
            bad("weights", part.name, value, f"{low:g} … {high:g}")
    if not weights.order > 0:
        bad("weights", "order", weights.order, "more than 0: an order is what everything is measured against")


def _check_profiles(profiles: ProfilesSection) -> None:
    if profiles.url and not profiles.url.startswith(("redis://", "rediss://", "unix://")):
        bad("profiles", "url", profiles.url.rpartition("@")[2], "redis://host:port/db, or empty")
    if not profiles.prefix or not profiles.prefix.replace("-", "").replace("_", "").isalnum():
        bad("profiles", "prefix", profiles.prefix, "letters, digits, - and _")


def _check_stream(settings: Settings) -> None:
    stream = settings.stream
    if stream.url and not re.fullmatch(r"kafka://[^/\s]+/[A-Za-z0-9._-]{1,249}", stream.url):
        bad("stream", "url", stream.url.rpartition("@")[2], "kafka://host:port/topic, or empty")
    if stream.url and not settings.profiles.url:
        bad("profiles", "url", "nothing", "redis://host:port/db where [stream] url is set: processes share profiles")
    for name, value in stream.options.items():
        if not isinstance(value, str):
            bad("stream", f"options.{name}", value, "a text")


def _check_batch(batch: BatchSection) -> None:
    if not re.fullmatch(_MASTERS, batch.master):
        bad("batch", "master", batch.master, "local[2], spark://host:7077, yarn or k8s://https://host:443")


def _check_limits(limits: LimitsSection) -> None:
    for part in fields(LimitsSection):
        value = getattr(limits, part.name)
        if not value >= 0:
            bad("limits", part.name, value, "0 or more")


def template(name: str, currency: str, timezone: str, language: str, notice: str = "") -> str:
    """The shop.toml that ``shopkeeper init`` writes."""
    texts = {"name": name, "currency": currency, "timezone": timezone, "language": language, "notice": notice}
    lines = [f"{key} = {toml_text(value)}" for key, value in texts.items() if value]
    return "[shop]\n" + "\n".join(lines) + f"\nformat = {FORMAT}\n"


def toml_text(text: str) -> str:
    """A text as TOML writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if ord(c) >= 32 and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
