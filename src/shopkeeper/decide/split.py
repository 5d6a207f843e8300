"""Experiments: who gets which policy, and policies that run along unseen."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.ids import PersonKey
from shopkeeper.core.ports import Policy
from shopkeeper.decide.context import ConsentOf, person_to_read
from shopkeeper.decide.failure import where, why

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One side of an experiment and the share of people it gets."""

    name: str
    share: float
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Each person always gets the same arm; a holdout is an arm with the popular list and a share of 0.05.

    Whoever may not be personalised is no part of the experiment: they get ``outside``, which arm that is does not
    depend on them, and their decisions carry no experiment.

    Raises:
        ValueError: shares are not positive, do not sum to 1, or two arms have one name.
    """

    experiment: str
    salt: str
    """Changing it shuffles everybody anew."""
    arms: tuple[Arm, ...]
    outside: Policy
    consent: ConsentOf

    def __post_init__(self) -> None:
        shares = [arm.share for arm in self.arms]
        if not shares or min(shares) <= 0 or abs(sum(shares) - 1.0) > 1e-9:
            raise ValueError(f"shares {shares} must be above 0 and sum to 1")
        if len({arm.name for arm in self.arms}) < len(self.arms):
            raise ValueError("two arms have the same name")

    @property
    def name(self) -> str:
        return self.outside.name

    def decide(self, request: Request) -> Decision:
        person = person_to_read(request, self.consent)
        if person is None:
            return self.outside.decide(request)
        arm = self.arm_of(person)
        decision = arm.policy.decide(request)
        return replace(decision, experiment=self.experiment, arm=arm.name, assignment_probability=arm.share)

    def arm_of(self, person: PersonKey) -> Arm:
        """The arm of a person: the same on every machine and after every restart."""
        digest = hashlib.sha256(
            f"{self.salt}\x00{self.experiment}\x00{person}".encode("utf-8", "surrogatepass")
        ).digest()
        point = int.from_bytes(digest[:8], "big") / 2**64
        for arm in self.arms:
            point -= arm.share
            if point < 0:
                return arm
        return self.arms[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The live policy answers; the silent one answers the same request for the log only, and may fail unseen."""

    live: Policy
    silent: Policy
    log: Callable[[Decision], None]

    @property
    def name(self) -> str:
        return self.live.name

    def decide(self, request: Request) -> Decision:
        decision = self.live.decide(request)
        try:
            self.log(replace(self.silent.decide(request), experiment="shadow", arm=self.silent.name))
        except Exception as error:  # noqa: BLE001  # the shopper must not notice the shadow
            _log.error("shadow %s did not answer (%s, %s)", self.silent.name, why(error), where(error))
        return decision
