"""There is always an answer, and it says why it is not the first one."""

import logging
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_shop import ALICE, Notebook, ask, items, shop

from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import NotFound, Unavailable
from shopkeeper.decide.fallback import Fallback, Static
from shopkeeper.decide.log import Logged

STATIC = Static(items=("P1", "P2", "P1", "P3"), banned=frozenset({"P2"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    error: Exception
    name: str = "broken"

    def decide(self, request: Request) -> Decision:
        raise self.error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Unavailable("model_missing", folder="/secret"), "Unavailable:model_missing"),
        (NotFound("unknown_customer", customer="alice"), "NotFound:unknown_customer"),
        (TimeoutError("alice"), "TimeoutError"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_every_error_is_answered(error: Exception, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the first policy raises, the second answers; the cause is logged without anything about the person."""
    with caplog.at_level(logging.ERROR):
        decision = Fallback(first=Broken(error=error), second=STATIC).decide(ask())
    assert decision.fallback == why
    assert items(decision) == ["P1", "P3"]
    assert why in caplog.text
    assert "alice" not in caplog.text
    assert "/secret" not in caplog.text


def test_a_good_answer_passes_unchanged() -> None:
    """Where the first policy answers, the Decision says so by an empty ``fallback``."""
    first = shop()
    assert Fallback(first=first, second=STATIC).decide(ask()).choices == first.decide(ask()).choices
    assert Fallback(first=first, second=STATIC).decide(ask()).fallback == ""
    assert Fallback(first=first, second=STATIC).name == "home"


def test_an_empty_answer_falls_back_but_nothing_asked_is_nothing() -> None:
    """An empty first answer is replaced; asked for no items, no items are right."""
    empty = Fallback(first=Static(), second=STATIC)
    assert (empty.decide(ask()).fallback, len(empty.decide(ask()).choices)) == ("empty", 2)
    assert empty.decide(ask(count=0)).fallback == ""


def test_rules_are_not_circumvented_by_falling_back() -> None:
    """An answer that rules left empty stays empty, and the last resort offers nothing for a category."""
    ruled = shop(banned=[f"P{row}" for row in range(12)])
    assert Fallback(first=ruled, second=STATIC).decide(ask()).choices == ()
    assert STATIC.decide(ask(categories=("aisle 1",))).choices == ()


def test_a_chain_keeps_every_cause() -> None:
    """Two failures in a row are both named."""
    inner = Fallback(first=Broken(error=KeyError("x")), second=STATIC)
    decision = Fallback(first=Broken(error=Unavailable("overloaded")), second=inner).decide(ask())
    assert decision.fallback == "Unavailable:overloaded; KeyError"


@given(names=st.lists(st.sampled_from("abcdef")), count=st.integers(-2, 9), cart=st.lists(st.sampled_from("abz")))
def test_the_last_resort_never_fails(names: list[str], count: int, cart: list[str]) -> None:
    """Any list, any count: distinct items from outside the cart, each certain and with a reason."""
    decision = Static(items=tuple(names)).decide(ask(count=count, cart=tuple(cart), product="c"))
    shown = items(decision)
    assert shown == [name for name in dict.fromkeys(names) if name not in {*cart, "c"}][: max(count, 0)]
    assert all(choice.propensity == 1.0 and choice.reason.key == "fallback" for choice in decision.choices)
    assert decision.personal is False


def test_the_outermost_policy_logs_once() -> None:
    """``Logged`` logs the final decision, fallback included; a log that fails does not cost the shopper the answer."""
    notebook = Notebook()
    policy = Logged(inner=Fallback(first=Broken(error=KeyError("x")), second=STATIC), log=notebook)
    assert policy.decide(ask()) == notebook.decisions[0]
    assert notebook.decisions[0].fallback == "KeyError"

    def full(decision: Decision) -> None:
        raise OSError(f"no space for {decision.request.visitor}")

    assert items(Logged(inner=STATIC, log=full).decide(ask(visitor=ALICE))) == ["P1", "P3"]
