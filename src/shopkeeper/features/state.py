"""What a fold remembers: sums, firsts and lasts that add up in any order, and the features they give at a moment.

Each state is the row of a table without its moment, so a row can be taken up and folded on. Times are microseconds
since 1970 (None: never). Decayed sums are kept as of a fixed day, so that they too only ever grow by addition:
2^((t - day) / half-life) at the moment of the act, times 2^((day - moment) / half-life) when asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from math import exp, sqrt
from typing import Any, Final, TypeVar

_DAY: Final = 86_400_000_000
_1970: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_REFERENCE: Final = 1_577_836_800_000_000  # 2020-01-01: near enough that no power overflows for 160 years
HALF_LIFE_DAYS: Final = 60
LOG_UNITS: Final = 1_000_000
"""Logarithms are kept as whole millionths: whole numbers add up to the same in any order."""

S = TypeVar("S", bound="CustomerState | BrowsingState | ActsState | ProductState")
Row = Mapping[str, Any]


def micros_of(at: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (at - _1970) // _MICROSECOND


def moment_of(micros: int | None) -> datetime | None:
    """The inverse of ``micros_of``."""
    return None if micros is None else _1970 + timedelta(microseconds=micros)


def grown(micros: int) -> float:
    """What one act at this time weighs on the reference day."""
    return float(2.0 ** ((micros - _REFERENCE) / (HALF_LIFE_DAYS * _DAY)))


def shrunk(total: float, moment: int) -> float:
    """A sum of ``grown`` weights as it stands at a moment."""
    return total / grown(moment)


def _merged(one: S, other: S) -> S:
    """Fields called ``first_…`` keep the least, ``last_…`` the greatest, all others add."""
    joined: dict[str, Any] = {}
    for name in (field.name for field in fields(one)):
        mine, theirs = getattr(one, name), getattr(other, name)
        if name.startswith(("first_", "last_")):
            known = [value for value in (mine, theirs) if value is not None]
            joined[name] = (min if name.startswith("first_") else max)(known, default=None)
        else:
            joined[name] = mine + theirs
    return type(one)(**joined)


def _times(row: Row, *names: str) -> dict[str, Any]:
    return {name: None if row[name] is None else micros_of(row[name]) for name in names}


def share(part: float, whole: float) -> float | None:
    """A ratio, None where there is nothing to divide by."""
    return part / whole if whole > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerState:
    """A person in ``customer.sql``."""

    last_seen_at: int | None = None
    first_order_at: int | None = None
    last_order_at: int | None = None
    orders: int = 0
    monetary_minor: int = 0
    returns: int = 0
    views: int = 0
    cart_adds: int = 0
    lines: int = 0
    returned_lines: int = 0
    paid_orders: int = 0
    """Orders with at least one line in the shop's currency."""
    gross_minor: int = 0
    discount_minor: int = 0
    priced_lines: int = 0
    price_logs: int = 0
    """Sum of the natural logarithms of the prices in minor units, each rounded to ``LOG_UNITS``."""
    price_log_squares: int = 0

    def __add__(self, other: "CustomerState") -> "CustomerState":
        return _merged(self, other)

    @classmethod
    def from_row(cls, row: Row) -> "CustomerState":
        """The state of a row of ``customer.sql``."""
        times = _times(row, "last_seen_at", "first_order_at", "last_order_at")
        return cls(**times, **{name: int(row[name]) for name in cls.__slots__ if name not in times})

    def features(self, moment: datetime) -> dict[str, Any]:
        """The row of ``customer.sql`` at a moment, without the person."""
        row = {name: getattr(self, name) for name in self.__slots__}
        row |= {name: moment_of(row[name]) for name in ("last_seen_at", "first_order_at", "last_order_at")}
        return row | {
            "recency_days": _days(self.last_order_at, micros_of(moment)),
            "mean_basket_lines": share(self.lines, self.orders),
            "mean_basket_minor": share(self.gross_minor - self.discount_minor, self.paid_orders),
            "days_between_orders": self._days_between(),
            "usual_price_minor": self._usual_price(),
            "price_spread": self._price_spread(), "discount_share": share(self.discount_minor, self.gross_minor),
            "return_rate": self._return_rate(),
        }  # fmt: skip

    def _return_rate(self) -> float | None:
        rate = share(self.returned_lines, self.lines)
        return None if rate is None else min(rate, 1.0)

    def _days_between(self) -> float | None:
        days = _days(self.first_order_at, self.last_order_at)
        return None if days is None or self.orders < 2 else days / (self.orders - 1)

    def _price_spread(self) -> float | None:
        if not self.priced_lines:
            return None
        squared = max(self.priced_lines * self.price_log_squares - self.price_logs**2, 0)
        return sqrt(squared) / self.priced_lines / LOG_UNITS

    def _usual_price(self) -> float | None:
        return exp(self.price_logs / self.priced_lines / LOG_UNITS) if self.priced_lines else None


def _days(first: int | None, last: int | None) -> float | None:
    return None if first is None or last is None else (last - first) / _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowsingState:
    """A person in ``customer_browsing.sql``, without visits, and in ``customer_reviews.sql``."""

    page_views: int = 0
    openings: int = 0
    """Products, lists, searches, carts and checkouts that were looked at."""
    searches: int = 0
    dwells: int = 0
    dwell_millis: int = 0
    reviews: int = 0
    rating_sum: int = 0
    """Thousandths, as is ``tone_sum``."""
    toned_reviews: int = 0
    tone_sum: int = 0

    def __add__(self, other: "BrowsingState") -> "BrowsingState":
        return _merged(self, other)

    def features(self) -> dict[str, Any]:
        """The columns of both tables that have no visit in them, without the person."""
        row = {name: getattr(self, name) for name in self.__slots__}
        return row | {
            "pages": max(self.page_views, self.openings),
            "dwell_seconds": _thousandths(self.dwell_millis, self.dwells),
            "rating_mean": _thousandths(self.rating_sum, self.reviews),
            "review_tone": _thousandths(self.tone_sum, self.toned_reviews),
        }  # fmt: skip


def _thousandths(total: int, count: int) -> float | None:
    return total / count / 1000 if count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActsState:
    """A person with a product in ``customer_product.sql``."""

    weight: float = 0.0
    """As of the reference day."""
    acts: int = 0
    orders: int = 0
    last_order_at: int | None = None

    def __add__(self, other: "ActsState") -> "ActsState":
        return _merged(self, other)

    @classmethod
    def from_row(cls, row: Row, moment: datetime) -> "ActsState":
        """The state of a row of ``customer_product.sql`` as of a moment."""
        weight = row["weight"] * grown(micros_of(moment))
        return cls(weight=weight, acts=row["acts"], orders=row["orders"], **_times(row, "last_order_at"))

    def features(self, moment: datetime) -> dict[str, Any]:
        """The row of ``customer_product.sql`` at a moment, without person and product."""
        return {
            "weight": shrunk(self.weight, micros_of(moment)), "acts": self.acts, "orders": self.orders,
            "last_order_at": moment_of(self.last_order_at),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductState:
    """A product in ``product.sql``. Who bought it how often is kept with the people (``ActsState.orders``)."""

    orders: int = 0
    sold: float = 0.0
    returned: float = 0.0
    revenue_minor: int = 0
    recent_units: float = 0.0
    """As of the reference day."""
    views: int = 0
    cart_adds: int = 0
    last_sold_at: int | None = None

    def __add__(self, other: "ProductState") -> "ProductState":
        return _merged(self, other)

    @classmethod
    def from_row(cls, row: Row, moment: datetime) -> "ProductState":
        """The state of a row of ``product.sql`` as of a moment."""
        taken = ("orders", "sold", "returned", "revenue_minor", "views", "cart_adds")
        recent = row["recent_units"] * grown(micros_of(moment))
        return cls(recent_units=recent, **{name: row[name] for name in taken}, **_times(row, "last_sold_at"))

    def features(self, moment: datetime, *, buyers: int, repeat_buyers: int) -> dict[str, Any]:
        """The row of ``product.sql`` at a moment, given how many people bought it in one order or more, and in two."""
        row = {name: getattr(self, name) for name in self.__slots__}
        return row | {
            "buyers": buyers, "units": self.sold - self.returned, "last_sold_at": moment_of(self.last_sold_at),
            "recent_units": shrunk(self.recent_units, micros_of(moment)),
            "repeat_share": share(repeat_buyers, buyers), "return_share": share(self.returned, self.sold),
        }  # fmt: skip
