"""The features of the tables, kept up event by event: the same numbers as the SQL, at any moment after the last event.

One law: folding the events before a moment gives what the tables give as of that moment, whatever the order of the
events, and whether they come one by one, in batches that are merged, or on top of tables of an earlier moment. Each
event must be folded once (the journal sees to that).
"""

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import floor, log
from typing import Any, Final

from shopkeeper.core.action import BACK, Action
from shopkeeper.core.event import Event, OrderLine
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.money import Money
from shopkeeper.features.state import (
    LOG_UNITS,
    ActsState,
    BrowsingState,
    CustomerState,
    ProductState,
    grown,
    micros_of,
    moment_of,
)
from shopkeeper.features.tables import Query, feature_sql
from shopkeeper.features.tone import PATTERNS, tone_of

WORTH: Final[Mapping[Action, float]] = {
    Action.PRODUCT_VIEW: 1.0, Action.CLICK: 1.0, Action.WISHLIST_ADD: 2.0, Action.CART_ADD: 3.0, Action.ORDER: 5.0,
}  # fmt: skip
"""What one act says about a person's taste, as in ``customer_category.sql``."""
RECENT: Final = 20
USUAL_ORDERS: Final = 3
_NOT_SHOPPERS: Final = frozenset({Action.STOCK_CHANGE, Action.PRICE_CHANGE})
_ORDERS: Final = BACK | {Action.ORDER}
_OPENINGS: Final = frozenset({Action.PRODUCT_VIEW, Action.LIST_VIEW, Action.SEARCH, Action.CART_VIEW, Action.CHECKOUT})
_REVIEWS: Final = frozenset({Action.RATING, Action.REVIEW})
_LONGEST_DWELL: Final = 1_800.0

Act = tuple[int, str, int, str, str]
"""at (µs), event, line, action, product: sorts as ``customer_recent.sql`` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonState:
    """What a fold remembers of one person."""

    customer: CustomerState | None = None
    browsing: BrowsingState = field(default_factory=BrowsingState)
    acts: Mapping[str, ActsState] = field(default_factory=dict)
    recent: list[Act] = field(default_factory=list)
    """Oldest first."""


class FeatureFold:
    """``fold`` takes an event in; the other methods answer for a moment that must not be before the last event."""

    def __init__(self, *, currency: str) -> None:
        self._currency = currency
        self._people: dict[str, CustomerState] = {}
        self._browsing: dict[str, BrowsingState] = {}
        self._acts: dict[str, dict[str, ActsState]] = {}
        self._recent: dict[str, list[Act]] = {}
        self._products: dict[str, ProductState] = {}
        self._buyers: dict[str, dict[str, int]] = {}
        """product -> person -> orders"""

    @classmethod
    def from_tables(cls, query: Query, *, currency: str, moment: datetime) -> "FeatureFold":
        """Take up the tables as of a moment, to fold what happened from then on."""
        fold = cls(currency=currency)

        def rows(name: str) -> Any:
            sql = feature_sql(name)
            told = {"currency": currency, **PATTERNS}
            return query(sql, {key: value for key, value in told.items() if f"${key}" in sql}).to_pylist()

        fold._people = {row["person"]: CustomerState.from_row(row) for row in rows("customer")}
        for row in [*rows("customer_browsing"), *rows("customer_reviews")]:
            names = BrowsingState.__slots__
            fold._add_browsing(row["person"], BrowsingState(**{name: row[name] for name in names if name in row}))
        fold._products = {row["product"]: ProductState.from_row(row, moment) for row in rows("product")}
        for row in rows("customer_product"):
            fold._add_acts(row["person"], row["product"], ActsState.from_row(row, moment))
        for row in reversed(rows("customer_recent")):
            act = (micros_of(row["at"]), row["event"], row["line"], row["action"], row["product"])
            fold._remember(row["person"], act)
        return fold

    # --- taking in

    def fold(self, event: Event) -> None:
        """Let an event count."""
        person = event.person if event.action not in _NOT_SHOPPERS else None
        lines = [(line, _signed(event, line)) for line in event.lines] if event.action in _ORDERS else []
        if person is not None:
            self._add_person(person, self._person(event, lines))
            self._add_browsing(person, _browsing(event))
        if lines:
            self._fold_lines(event, person, lines)
        elif event.product and event.action not in _ORDERS:
            self._fold_act(event, person, event.product)

    def take_up(self, person: str, state: PersonState) -> None:
        """Go on from what another fold remembered of a person whom this one does not know yet."""
        if state.customer is not None:
            self._people[person] = state.customer
        self._browsing[person] = state.browsing
        for product, acts in state.acts.items():
            self._add_acts(person, product, acts)
        self._recent[person] = list(state.recent)

    def state_of(self, person: str) -> PersonState:
        """What this one remembers of a person."""
        return PersonState(
            customer=self._people.get(person), browsing=self._browsing.get(person, BrowsingState()),
            acts=dict(self._acts.get(person, {})),
            recent=list(self._recent.get(person, ())),
        )  # fmt: skip

    def merge(self, other: "FeatureFold") -> None:
        """Take in what another fold of the same shop has seen; no event may be in both."""
        for person, state in other._people.items():
            self._add_person(person, state)
        for person, browsing in other._browsing.items():
            self._add_browsing(person, browsing)
        for product, sales in other._products.items():
            self._add_product(product, sales)
        for person, acts in other._acts.items():
            for product, act in acts.items():
                self._add_acts(person, product, act)
        for person, recent in other._recent.items():
            for each in recent:
                self._remember(person, each)

    def _person(self, event: Event, lines: list[tuple[OrderLine, float]]) -> CustomerState:
        """What one event adds to its person."""
        at = micros_of(event.at)
        bought = [line for line, quantity in lines if quantity > 0]
        ours = [line for line in bought if self._ours(line)]
        logs = [floor(log(line.price.minor) * LOG_UNITS + 0.5) for line in ours if line.price and line.price.minor > 0]
        return CustomerState(
            last_seen_at=at, first_order_at=at if bought else None, last_order_at=at if bought else None,
            orders=int(bool(bought)), returns=int(len(bought) < len(lines)), lines=len(bought),
            returned_lines=len(lines) - len(bought),
            monetary_minor=sum(self._paid(line, quantity) for line, quantity in lines) - self._back(event),
            views=int(event.action is Action.PRODUCT_VIEW), cart_adds=int(event.action is Action.CART_ADD),
            paid_orders=int(bool(ours)), gross_minor=sum(_gross(line) for line in ours),
            discount_minor=sum(_minor(line.discount) for line in ours), priced_lines=len(logs), price_logs=sum(logs),
            price_log_squares=sum(value * value for value in logs),
        )  # fmt: skip

    def _fold_act(self, event: Event, person: PersonKey | None, product: str) -> None:
        at = micros_of(event.at)
        views, carts = int(event.action is Action.PRODUCT_VIEW), int(event.action is Action.CART_ADD)
        if views or carts:
            self._add_product(product, ProductState(views=views, cart_adds=carts))
        if person is not None:
            self._remember(person, (at, event.id, 0, event.action.word, product))
            if event.action in WORTH:
                self._add_acts(person, product, ActsState(weight=WORTH[event.action] * grown(at), acts=1))

    def _fold_lines(self, event: Event, person: PersonKey | None, lines: list[tuple[OrderLine, float]]) -> None:
        at, seen = micros_of(event.at), set[str]()
        for number, (line, quantity) in enumerate(lines, 1):
            bought = quantity > 0
            first = int(bought and line.product not in seen)
            seen |= {line.product} if bought else set()
            self._add_product(line.product, self._sale(line, quantity, at, first))
            if person is not None:
                word = Action.ORDER.word if bought else Action.ORDER_RETURN.word
                self._remember(person, (at, event.id, number, word, line.product))
                if bought:
                    weight = WORTH[Action.ORDER] * grown(at)
                    act = ActsState(weight=weight, acts=1, orders=first, last_order_at=at)
                    self._add_acts(person, line.product, act)

    def _sale(self, line: OrderLine, quantity: float, at: int, orders: int) -> ProductState:
        sold, returned = max(quantity, 0.0), max(-quantity, 0.0)
        return ProductState(
            orders=orders, sold=sold, returned=returned, revenue_minor=self._paid(line, quantity),
            recent_units=sold * grown(at), last_sold_at=at if quantity > 0 else None,
        )  # fmt: skip

    def _ours(self, line: OrderLine) -> bool:
        money = line.price or line.refund
        return money is not None and money.currency == self._currency

    def _back(self, event: Event) -> int:
        """What a return or cancellation paid back beside what its lines take back, in minor units."""
        ours = event.action in BACK and event.price is not None and event.price.currency == self._currency
        return _minor(event.price) if ours else 0

    def _paid(self, line: OrderLine, quantity: float) -> int:
        """What a line brought in, in minor units; a return's line takes back its refund, or else what was paid."""
        if not self._ours(line):
            return 0
        paid = _gross(line) - _minor(line.discount)
        if quantity > 0:
            return paid - _minor(line.refund)
        return -(paid if line.refund is None else line.refund.minor)

    def _add_person(self, person: str, state: CustomerState) -> None:
        known = self._people.get(person)
        self._people[person] = state if known is None else known + state

    def _add_browsing(self, person: str, state: BrowsingState) -> None:
        self._browsing[person] = self._browsing.get(person, BrowsingState()) + state

    def _add_product(self, product: str, state: ProductState) -> None:
        known = self._products.get(product)
        self._products[product] = state if known is None else known + state

    def _add_acts(self, person: str, product: str, state: ActsState) -> None:
        acts = self._acts.setdefault(person, {})
        acts[product] = acts[product] + state if product in acts else state
        if state.orders:
            buyers = self._buyers.setdefault(product, {})
            buyers[person] = buyers.get(person, 0) + state.orders

    def _remember(self, person: str, act: Act) -> None:
        recent = self._recent.setdefault(person, [])
        insort(recent, act)
        del recent[:-RECENT]

    # --- answering

    @property
    def people(self) -> list[str]:
        """Everybody who did anything."""
        return sorted(self._people)

    @property
    def products(self) -> list[str]:
        """Every product that anybody did anything with."""
        return sorted(self._products)

    def customer(self, person: PersonKey, moment: datetime) -> dict[str, Any]:
        """A person's row of ``customer.sql``; {} for somebody unknown."""
        state = self._people.get(person)
        return {} if state is None else {"person": person, **state.features(moment)}

    def browsing(self, person: PersonKey) -> dict[str, Any]:
        """A person's columns of ``customer_browsing.sql`` and ``customer_reviews.sql``, without visits."""
        return self._browsing.get(person, BrowsingState()).features()

    def product(self, product: str, moment: datetime) -> dict[str, Any]:
        """A product's row of ``product.sql``; {} where nobody did anything with it."""
        state = self._products.get(product)
        if state is None:
            return {}
        orders = self._buyers.get(product, {}).values()
        repeat = sum(count > 1 for count in orders)
        return {"product": product, **state.features(moment, buyers=len(orders), repeat_buyers=repeat)}

    def acts(self, person: PersonKey, moment: datetime) -> dict[str, dict[str, Any]]:
        """A person's rows of ``customer_product.sql`` by product."""
        return {product: state.features(moment) for product, state in self._acts.get(person, {}).items()}

    def categories(self, person: PersonKey, moment: datetime, category_of: Mapping[str, str]) -> list[dict[str, Any]]:
        """A person's rows of ``customer_category.sql``, most loved first, given each product's widest category."""
        total: dict[str, ActsState] = {}
        for product, state in self._acts.get(person, {}).items():
            category = category_of.get(product)
            if category:
                total[category] = total.get(category, ActsState()) + state
        rows = [
            {"category": name, "acts": state.acts, "weight": state.features(moment)["weight"]}
            for name, state in total.items()
        ]
        return sorted(rows, key=lambda row: (-row["weight"], row["category"]))

    def usual(self, person: PersonKey) -> list[dict[str, Any]]:
        """A person's rows of ``customer_basket.sql``, most often bought first."""
        orders = self._people[person].orders if person in self._people else 0
        rows = [
            {"product": product, "orders": state.orders, "order_share": state.orders / orders,
             "last_order_at": moment_of(state.last_order_at)}
            for product, state in self._acts.get(person, {}).items() if state.orders >= USUAL_ORDERS
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (-row["orders"], row["product"]))

    def recent(self, person: PersonKey) -> list[Act]:
        """A person's last acts with products, newest first."""
        return self._recent.get(person, [])[::-1]


def _browsing(event: Event) -> BrowsingState:
    """What one event says of how its person looks round."""
    tone = tone_of(event.rating, event.text) if event.action in _REVIEWS else None
    dwell, rating = event.dwell_seconds, event.rating
    return BrowsingState(
        page_views=int(event.action is Action.PAGE_VIEW), openings=int(event.action in _OPENINGS),
        searches=int(event.action is Action.SEARCH), dwells=int(dwell is not None),
        dwell_millis=0 if dwell is None else floor(min(dwell, _LONGEST_DWELL) * 1000 + 0.5),
        reviews=int(rating is not None), rating_sum=0 if rating is None else floor(rating * 1000 + 0.5),
        toned_reviews=int(tone is not None), tone_sum=tone or 0,
    )  # fmt: skip


def _signed(event: Event, line: OrderLine) -> float:
    """A line's quantity, negative where it comes back."""
    return -line.quantity if event.action in BACK else line.quantity


def _gross(line: OrderLine) -> int:
    return floor(abs(line.quantity) * line.price.minor + 0.5) if line.price else 0


def _minor(money: Money | None) -> int:
    return 0 if money is None else money.minor
