"""What is known of each customer as numbers that can be compared: the table that groups are found in.

Counts of one customer are few, so a share is drawn towards everybody's by ten acts' worth: (n + 10 x base) / (N + 10),
as habits are. A number that is not known is NaN.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shopkeeper.core.errors import DataError
from shopkeeper.features.habits import PRIOR_ACTS
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.propensity.columns import Columns, Float64
from shopkeeper.learn.propensity.panel import Facts, Texts, among, numbers_of, texts_of

CATEGORY: Final = "category:"
"""Columns of this prefix hold the share of a customer's lines in that widest category."""
NUMBERS: Final = ("quiet_days", "orders", "spend", "basket_spend", "basket_lines", "usual_price", "discount_share")
SHARES: Final = (
    "weekend_share", "morning_share", "afternoon_share", "evening_share", "night_share", "cheap_share", "dear_share",
)  # fmt: skip
_OF_ORDERS: Final = ("weekend", "morning", "afternoon", "evening", "night")
_MOST_CATEGORIES: Final = 12
_LEAST_SHARE: Final = 0.005
"""A category with less of everybody's lines is no column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portraits:
    """One row a customer, ordered by their key."""

    people: Texts
    columns: Columns
    moment: datetime
    days: float
    """Orders of so many days before the moment were looked at."""

    def __len__(self) -> int:
        return len(self.people)

    def rows(self, which: NDArray[Any]) -> "Portraits":
        """Some of the customers."""
        return Portraits(
            people=self.people[which], columns=self.columns.rows(which), moment=self.moment, days=self.days
        )

    def column(self, name: str) -> Float64:
        """(people,) one number of everybody; NaN where there is no such column."""
        names = self.columns.names
        return self.columns.values[:, names.index(name)] if name in names else np.full(len(self), np.nan)


def portraits_of(
    known: Facts, *, days: float, timezone: str, people: frozenset[str] | None = None,
    categories: Sequence[str] | None = None, allowed: Callable[[str], bool] = lambda _: True,
) -> Portraits:  # fmt: skip
    """Everybody who ordered in the last ``days`` days before the snapshot's moment; only ``people`` where given.

    ``categories``: whose shares are columns; the largest of those that are ``allowed``, where not given.
    """
    asked: dict[str, Any] = {"since": known.moment - timedelta(days=days)}
    money = {**asked, "currency": known.currency, "timezone": timezone}
    table = known.query(feature_sql("customer_portrait"), money)
    who, raw = texts_of(table), numbers_of(table, leave=("person", "first_order_at", "last_order_at"))
    number = {name: raw.values[:, place] for place, name in enumerate(raw.names)}
    last = table.column("last_order_at").to_numpy(zero_copy_only=False).astype("datetime64[us]").astype(np.int64)
    columns = _numbers(number, (known.moment.timestamp() * 1e6 - last) / 86_400e6)
    lines = known.query(feature_sql("customer_category_lines"), asked)
    columns |= _categories(lines, who, categories, allowed)
    found = Columns(names=tuple(columns), values=np.stack(list(columns.values()), axis=1))
    whole = Portraits(people=who, columns=found, moment=known.moment, days=days)
    return whole if people is None else whole.rows(among(table, people))


def _numbers(number: Mapping[str, Float64], quiet: Float64) -> dict[str, Float64]:
    orders, lines = number["orders"], number["lines"]
    found = {
        "quiet_days": quiet, "orders": orders, "spend": number["spend"],
        "basket_spend": (number["gross"] - number["discount"]) / orders, "basket_lines": lines / orders,
        "usual_price": number["usual_price"],
        "discount_share": np.divide(number["discount"], number["gross"], out=np.full(len(orders), np.nan),
                                    where=number["gross"] > 0),
    }  # fmt: skip
    found |= {f"{name}_share": shrunk(number[f"{name}_orders"], orders) for name in _OF_ORDERS}
    return found | {
        f"{name}_share": shrunk(number[f"{name}_lines"], number["banded_lines"]) for name in ("cheap", "dear")
    }


def shrunk(acts: Float64, whole: Float64) -> Float64:
    """Each one's share, drawn towards everybody's; NaN for all where nobody did anything."""
    total = whole.sum()
    base = acts.sum() / total if total > 0 else np.nan
    return (acts + PRIOR_ACTS * base) / (whole + PRIOR_ACTS)


def _categories(
    table: Any, who: Texts, wanted: Sequence[str] | None, allowed: Callable[[str], bool]
) -> dict[str, Float64]:
    """The share of lines in each category, one column each."""
    names = table.column("category").to_numpy(zero_copy_only=False).astype(str)
    lines = table.column("lines").to_numpy(zero_copy_only=False).astype(np.float64)
    known, place = np.unique(names, return_inverse=True)
    place = place.reshape(-1)
    total = np.bincount(place, weights=lines, minlength=len(known))
    if wanted is None:
        ranked = [known[i] for i in np.argsort(-total, kind="stable") if total[i] >= _LEAST_SHARE * total.sum()]
        wanted = [str(name) for name in ranked if allowed(str(name))][:_MOST_CATEGORIES]
    row = np.searchsorted(who.astype(str), texts_of(table).astype(str)) if len(who) else np.zeros(0, np.int64)
    whole = np.bincount(row, weights=lines, minlength=len(who)).astype(np.float64)
    found = {}
    for name in wanted:
        mine = names == name
        acts = np.bincount(row[mine], weights=lines[mine], minlength=len(who)).astype(np.float64)
        found[f"{CATEGORY}{name}"] = shrunk(acts, whole)
    return found


def enough(portraits: Portraits, needed: int) -> None:
    """Refuse a table that is too small to find groups in.

    Raises:
        DataError: no customer with an order (``segments_no_orders``), or fewer than ``needed`` (``segments_too_few``).
    """
    if not len(portraits):
        raise DataError("segments_no_orders", needed=needed, have=0)
    if len(portraits) < needed:
        raise DataError("segments_too_few", needed=needed, have=len(portraits))
