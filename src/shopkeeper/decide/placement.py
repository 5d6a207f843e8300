"""Settings of a placement (home, product, cart, email, …) as they stand in shop.toml."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from shopkeeper.core.errors import SettingsError
from shopkeeper.core.typed import build
from shopkeeper.decide.choose import Chooser, EpsilonGreedy, Greedy, PlackettLuce
from shopkeeper.decide.goals import KINDS, Goals
from shopkeeper.decide.rules import Filter
from shopkeeper.decide.rules.asked import (
    AskedBrands,
    AskedCategories,
    AskedPrice,
    AskedTags,
    Excluded,
    NotOfItsKind,
    NotOnPage,
)
from shopkeeper.decide.rules.goods import Banned, HasPrice, InStock, MarginFloor
from shopkeeper.decide.rules.past import AlreadyBought, AlreadySeen, Dismissed, ShownEnough
from shopkeeper.decide.rules.slate import BrandCap, Cap, CategoryCap, Pinned

Rule = Filter | Cap | Pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementSettings:
    """``[placements.<name>]``: what a placement shows and how it chooses."""

    count: int = 10
    """How many items where the request does not say."""
    context: Literal["none", "product", "cart"] = "none"
    """What the answer follows: the person alone, the page's product, or the cart."""
    personal_share: float = 0.2
    """On product and cart pages: how much the person's own taste counts beside the page, 0 to 1."""
    session_share: float = 0.5
    """How much the visit that goes on counts beside the lasting taste, 0 to 0.95; more where it is unlike the past."""
    session_minutes: float = 30.0
    """A visit is over after so many minutes without any event; 0 = visits are not told apart."""
    new_share: float = 0.0
    """How much the best new product counts beside the best of the person's taste, 0 to 0.95: a chance for what nobody's
    behaviour speaks of yet."""
    candidates: int = 100
    """How many of the best are taken to the chooser."""
    fill: bool = True
    """Whether popular products follow where too few others are found."""
    chooser: Literal["greedy", "epsilon_greedy", "plackett_luce"] = "greedy"
    epsilon: float = 0.1
    temperature: float = 0.1
    diversity: float = 0.0
    in_stock: bool = True
    has_price: bool = False
    already_bought_days: float = 0.0
    """What was bought in these days is not shown; 0 = it may be, inf = never again."""
    already_seen_days: float = 0.0
    dismissed_days: float = 180.0
    """What a person said no to is not shown for so many days; 0 = it may be."""
    shown_times: int = 0
    """What was shown so often in ``shown_days`` without anything done with it is not shown; 0 = any number."""
    shown_days: float = 7.0
    other_kind_level: int = 0
    """On product and cart pages: nothing of the same category at this level (1 = widest); 0 = it may be."""
    category_cap: int = 0
    """At most this many of one category; 0 = any number."""
    category_level: int = 1
    brand_cap: int = 0
    banned: tuple[str, ...] = ()
    banned_categories: tuple[str, ...] = ()
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Position ("1" = first) -> product id."""
    margin_floor: float = -math.inf
    """Least share of the price that is margin, such as 0.1."""
    margin_strict: bool = False
    """Whether products with an unknown margin are refused."""
    model: str = ""
    """The model (a name of ``models``) that answers here, for the page where there is one, else for the person;
    "" = the one of ``[train]``."""
    margin_weight: float = 0.0
    """How much a candidate's share of margin counts beside its score."""
    novelty_weight: float = 0.0
    """How much being little known counts beside its score."""
    boosts: Mapping[str, float] = field(default_factory=dict)
    """``category:…``, ``brand:…`` or ``tag:…`` -> what is added to the score of such products, -1 to 1."""

    def goals(self) -> Goals:
        """What counts beside the score."""
        return Goals(margin=self.margin_weight, novelty=self.novelty_weight, boosts=self.boosts)

    def rules(self) -> tuple[Rule, ...]:
        """The rules these settings ask for; a filter's place decides which of several refusals is logged."""
        wanted: tuple[tuple[bool, Rule], ...] = (
            (True, AskedCategories()),
            (True, AskedBrands()),
            (True, AskedTags()),
            (True, AskedPrice()),
            (True, Excluded()),
            (True, NotOnPage()),
            (self.other_kind_level > 0, NotOfItsKind(level=self.other_kind_level)),
            (
                bool(self.banned or self.banned_categories),
                Banned(products=self.banned, categories=self.banned_categories),
            ),
            (self.in_stock, InStock()),
            (self.has_price, HasPrice()),
            (self.margin_floor > -math.inf, MarginFloor(least=self.margin_floor, strict=self.margin_strict)),
            (self.already_bought_days > 0, AlreadyBought(days=self.already_bought_days)),
            (self.already_seen_days > 0, AlreadySeen(days=self.already_seen_days)),
            (self.dismissed_days > 0, Dismissed(days=self.dismissed_days)),
            (self.shown_times > 0, ShownEnough(times=self.shown_times, days=self.shown_days)),
            (self.category_cap > 0, CategoryCap(most=self.category_cap, level=self.category_level)),
            (self.brand_cap > 0, BrandCap(most=self.brand_cap)),
            (bool(self.pinned), Pinned(places={int(place): item for place, item in self.pinned.items()})),
        )  # fmt: skip
        return tuple(rule for asked, rule in wanted if asked)

    def dice(self) -> Chooser:
        """The chooser these settings ask for."""
        if self.chooser == "epsilon_greedy":
            return EpsilonGreedy(epsilon=self.epsilon, diversity=self.diversity)
        if self.chooser == "plackett_luce":
            return PlackettLuce(temperature=self.temperature, diversity=self.diversity)
        return Greedy(diversity=self.diversity)


DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "home": {"diversity": 0.1},
    "product": {"context": "product"},
    "cart": {"context": "cart"},
    "email": {"count": 6, "diversity": 0.1},
    "trending": {"model": "trending"},
    "new_arrivals": {"model": "new_arrivals", "fill": False, "session_minutes": 0.0},
    "buy_again": {"model": "buy_again", "fill": False, "session_minutes": 0.0},
    "goes_with": {"context": "product", "model": "association_rules", "personal_share": 0.0, "other_kind_level": 3},
}
"""Where the usual placements differ from the settings' own defaults."""


def placement(name: str, table: Mapping[str, Any]) -> PlacementSettings:
    """The settings of a placement: its table in shop.toml over its defaults; a new name starts from the plain ones.

    Raises:
        SettingsError: an unknown setting, or a value that is of the wrong type or out of range.
    """
    where = f"placements.{name}"
    if not isinstance(table, Mapping):
        raise SettingsError("setting_bad", where="placements", name=name, value=str(table), wanted="a table")
    settings = build(PlacementSettings, {**DEFAULTS.get(name, {}), **table}, where)
    for setting, low, high in _RANGES:
        value = getattr(settings, setting)
        if not low <= value <= high:
            _bad(where, setting, value, f"{low} … {high}")
    for place, item in settings.pinned.items():
        if not (place.isascii() and place.isdigit() and 1 <= int(place[:9]) <= _MOST and isinstance(item, str)):
            _bad(where, "pinned", f"{place} = {item}", f'"1" … "{_MOST}" = "product id"')
    for group, worth in settings.boosts.items():
        if group.partition(":")[0] not in KINDS or not isinstance(worth, int | float) or not -1 <= worth <= 1:
            _bad(where, "boosts", f"{group} = {worth}", '"category:…", "brand:…" or "tag:…" = -1 … 1')
    return settings


def placements(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, PlacementSettings]:
    """All placements of a shop: the usual four, and whatever else shop.toml names.

    Raises:
        SettingsError: see ``placement``.
    """
    return {name: placement(name, tables.get(name, {})) for name in dict.fromkeys([*DEFAULTS, *tables])}


_MOST: Final = 100
_RANGES: Final = (
    ("count", 1, _MOST), ("candidates", 1, 10_000), ("personal_share", 0.0, 1.0), ("session_share", 0.0, 0.95),
    ("session_minutes", 0.0, 1440.0), ("new_share", 0.0, 0.95), ("epsilon", 0.0, 1.0),
    ("temperature", 0.001, 1000.0), ("diversity", 0.0, 1.0), ("already_bought_days", 0.0, math.inf),
    ("already_seen_days", 0.0, math.inf), ("category_cap", 0, _MOST), ("category_level", 1, 5), ("brand_cap", 0, _MOST),
    ("other_kind_level", 0, 5),
    ("margin_floor", -math.inf, 1.0), ("dismissed_days", 0.0, math.inf), ("shown_times", 0, 1000),
    ("shown_days", 0.0, math.inf), ("margin_weight", 0.0, 1.0), ("novelty_weight", 0.0, 1.0),
)  # fmt: skip
"""Setting, least and most value; NaN is in no range."""


def _bad(where: str, name: str, value: object, wanted: str) -> None:
    raise SettingsError("setting_bad", where=where, name=name, value=str(value), wanted=wanted)
