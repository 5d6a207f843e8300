"""Experiments: stable, fair by their shares, and nothing to those who did not agree."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_shop import YES, Notebook, ask, items

from shopkeeper.core.consent import NO_CONSENT, Consent
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.ids import PersonKey, VisitorId
from shopkeeper.decide.fallback import Static
from shopkeeper.decide.split import Arm, Shadow, Split

A, B = Static(items=("a",), name="a"), Static(items=("b",), name="b")


def split(salt: str = "s", consent: Consent = YES) -> Split:
    arms = (Arm(name="treated", share=0.95, policy=A), Arm(name="holdout", share=0.05, policy=B))
    return Split(experiment="home", salt=salt, arms=arms, outside=B, consent=lambda _: consent)


@given(person=st.text(min_size=1))
def test_the_arm_belongs_to_the_person(person: str) -> None:
    """The same person always gets the same arm, whatever is asked; the decision carries arm and probability."""
    one = split().decide(ask(visitor=VisitorId(person)))
    two = split().decide(ask(visitor=VisitorId(person), count=1, seed=9))
    assert (one.arm, one.experiment) == (two.arm, "home")
    assert one.assignment_probability == {"treated": 0.95, "holdout": 0.05}[one.arm]
    assert items(one) == [{"treated": "a", "holdout": "b"}[one.arm]]


def test_shares_hold() -> None:
    """Of 20,000 people 5 % are held out, within four standard errors; another salt picks other people."""
    people = [PersonKey(f"visitor:{row}") for row in range(20_000)]
    held = {person for person in people if split().arm_of(person).name == "holdout"}
    other = {person for person in people if split("t").arm_of(person).name == "holdout"}
    assert abs(len(held) - 1000) < 4 * (20_000 * 0.05 * 0.95) ** 0.5
    assert len(held & other) < 100


def test_the_arm_survives_a_restart() -> None:
    """Another process with other hash seeds assigns the same arms."""
    code = (
        "from shopkeeper.decide.split import Arm, Split; from shopkeeper.decide.fallback import Static;"
        "s = Split(experiment='home', salt='s', outside=Static(), consent=print, arms=(Arm(name='t', share=.5,"
        " policy=Static()), Arm(name='h', share=.5, policy=Static())));"
        "import sys; sys.stdout.write(''.join(s.arm_of(str(n)).name for n in range(64)))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert {*runs.pop()} == {*b"th"}


@pytest.mark.parametrize("person", [f"p{row}" for row in range(40)])
def test_who_did_not_agree_is_no_part_of_it(person: str) -> None:
    """Without consent or in ``nonpersonal`` mode everyone gets the same policy, and no arm is logged."""
    for policy, about in ((split(consent=NO_CONSENT), {}), (split(), {"mode": "nonpersonal"})):
        decision = policy.decide(ask(visitor=VisitorId(person), **about))
        assert (items(decision), decision.experiment, decision.arm) == (["b"], "", "")


@pytest.mark.parametrize("shares", [(), (0.5,), (1.5, -0.5), (0.5, 0.5)])
def test_impossible_arms_are_refused(shares: tuple[float, ...]) -> None:
    """Shares must be positive and sum to 1, names must differ."""
    arms = tuple(Arm(name="same", share=share, policy=A) for share in shares)
    with pytest.raises(ValueError):
        Split(experiment="e", salt="s", arms=arms, outside=A, consent=lambda _: YES)


def test_a_shadow_is_logged_and_never_seen() -> None:
    """The live answer goes out, the silent one only to its log, and its failure harms nobody."""
    notebook = Notebook()
    assert items(Shadow(live=A, silent=B, log=notebook).decide(ask())) == ["a"]
    assert [(items(seen), seen.experiment, seen.arm) for seen in notebook.decisions] == [(["b"], "shadow", "b")]

    class Broken:
        name = "broken"

        def decide(self, request: Request) -> Decision:
            raise KeyError(request.visitor)

    assert items(Shadow(live=A, silent=Broken(), log=notebook).decide(ask())) == ["a"]
