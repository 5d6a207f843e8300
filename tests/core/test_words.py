"""Laws of the shop's words: exact money, ids that name nobody by accident, a closed list of actions, consent as no."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shopkeeper.features
from shopkeeper.core.action import BACK, BACK_SQL, BROWSER_ACTIONS, PRODUCT_ACTIONS, Action
from shopkeeper.core.consent import NO_CONSENT, Consent, Purpose, given_in
from shopkeeper.core.errors import DataError, NotFound, ShopkeeperError, Unavailable
from shopkeeper.core.event import Event
from shopkeeper.core.ids import EventId, VisitorId, is_id, is_placeholder, new_id, person_key
from shopkeeper.core.money import Money, exponent
from shopkeeper.core.product import Product, Variant

MINOR = st.integers(-(10**12), 10**12)
CURRENCY = st.sampled_from(["USD", "CNY", "JPY", "KWD"])


@given(MINOR, CURRENCY)
def test_money_says_what_it_reads(minor: int, currency: str) -> None:
    """Parsing the decimal form of an amount gives the amount back, whatever the currency's exponent."""
    amount = Money(minor, currency)
    text = str(Decimal(minor).scaleb(-exponent(currency)))
    assert Money.parse(text, currency) == amount


@given(MINOR, MINOR, CURRENCY)
def test_money_adds_exactly(one: int, other: int, currency: str) -> None:
    """Adding and taking away are inverse, to the last minor unit."""
    assert Money(one, currency) + Money(other, currency) - Money(other, currency) == Money(one, currency)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "inf", "1e999", "1e999999999", "12.345", "1,2,3x"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Texts that are no finite amount of cents are errors, not guesses."""
    with pytest.raises(ValueError, match=r"number|decimal"):
        Money.parse(text, "USD")


def test_money_of_two_currencies_does_not_add() -> None:
    """One currency's units are never added to another's; a float is read by its shortest form."""
    with pytest.raises(ValueError, match="do not add"):
        Money(1, "USD") + Money(1, "CNY")
    assert Money.parse(0.1, "USD").minor == 10
    assert str(Money(123456, "USD")) == "1,234.56 USD"
    assert Money(1001, "USD").times(0.5) == Money(500, "USD")


def test_money_refuses_strange_currencies_and_sizes() -> None:
    """A currency is three capital letters, and an amount stays within what can be added safely."""
    for code in ("usd", "US", "USDX", "ÜSD"):
        with pytest.raises(ValueError, match="ISO 4217"):
            Money(1, code)
    with pytest.raises(ValueError, match="beyond"):
        Money(10**16, "USD")


@pytest.mark.parametrize(
    "text", ["null", "NULL", " guest ", "0", "N/A", "undefined", "", "  ", "游客", "[object Object]"]
)
def test_placeholders_name_nobody(text: str) -> None:
    """Texts that stand for "nobody" are refused as a person's id."""
    assert is_placeholder(text)


def test_real_ids_are_ids() -> None:
    """Ids keep their exact text; control characters and endless texts are none; fresh ids differ and sort by time."""
    assert not is_placeholder("00123")
    assert is_id("1E10")
    assert not is_id("a\x00b")
    assert not is_id("x" * 257)
    fresh = [new_id("e") for _ in range(1000)]
    assert len(set(fresh)) == 1000
    assert [one[:14] for one in fresh] == sorted(one[:14] for one in fresh)


def test_a_person_is_the_customer_before_the_visitor() -> None:
    """Histories are kept under the customer where they are known, under the visitor otherwise, under nobody else."""
    assert person_key("c1", "v1") == "c1"
    assert person_key(None, "v1") == "visitor:v1"
    assert person_key("", "") is None
    event = Event(id=EventId("e"), at=datetime(2026, 1, 1, tzinfo=UTC), action=Action.SEARCH, visitor=VisitorId("v"))
    assert event.person == "visitor:v"


def test_actions_are_a_closed_list() -> None:
    """Each action is found by its word, no two share a code, and a browser may not report money, stock or consent."""
    assert all(Action.of(action.word) is action for action in Action)
    assert len({int(action) for action in Action}) == len(Action)
    assert Action.of("teleport") is None
    assert not BROWSER_ACTIONS & {
        Action.ORDER,
        Action.PRICE_CHANGE,
        Action.STOCK_CHANGE,
        Action.CONSENT,
        Action.IDENTIFY,
    }
    assert Action.PRODUCT_VIEW in PRODUCT_ACTIONS


def test_unknown_consent_is_no() -> None:
    """A purpose that was never asked counts as refused; only clear words are answers."""
    assert not any(NO_CONSENT.allows(purpose) for purpose in Purpose)
    assert Consent(given={Purpose.TRAIN: True}).allows(Purpose.TRAIN)
    answers = given_in({"email": "true", "train": "denied", "personalise": "maybe", "colour": "true"})
    assert answers == {Purpose.EMAIL: True, Purpose.TRAIN: False}


def test_a_product_is_in_stock_when_something_can_be_bought() -> None:
    """Uncounted stock is in stock; with counted variants any of them will do; an inactive product never is."""
    assert Product(id="p").in_stock  # type: ignore[arg-type]  # a plain text will do here
    assert not Product(id="p", stock=0).in_stock  # type: ignore[arg-type]
    assert not Product(id="p", active=False).in_stock  # type: ignore[arg-type]
    sizes = (Variant(sku="s", stock=0), Variant(sku="m", stock=2))
    assert Product(id="p", stock=0, variants=sizes).in_stock  # type: ignore[arg-type]
    assert not Product(id="p", variants=sizes[:1]).in_stock  # type: ignore[arg-type]


def test_errors_carry_a_key_and_facts() -> None:
    """An error is a message key with facts and an HTTP status; only ``Unavailable`` is worth a retry."""
    error = DataError("file_empty", file="a.csv")
    assert (error.key, error.facts, error.http_status) == ("file_empty", {"file": "a.csv"}, 400)
    assert "a.csv" in str(error)
    assert NotFound("x").http_status == 404
    assert [kind.retryable for kind in (ShopkeeperError, DataError, Unavailable)] == [False, False, True]
    assert Unavailable("disk_full", retry_after_seconds=30).retry_after_seconds == 30


def test_what_takes_back_is_said_alike_everywhere() -> None:
    """The features' SQL names the same actions as ``BACK``, wherever it asks for what takes an order back."""
    features = Path(shopkeeper.features.__file__).parent
    wanted = {action.word for action in BACK}
    assert set(re.findall(r"'(.*?)'", BACK_SQL)) == wanted
    asked = re.findall(
        r"action IN \(('order_(?:return|cancel)'.*?)\)", "".join(map(Path.read_text, features.glob("*.sql")))
    )
    assert asked
    assert all(set(re.findall(r"'(.*?)'", names)) == wanted for names in asked)
