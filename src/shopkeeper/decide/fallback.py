"""There is always an answer."""

import logging
from dataclasses import dataclass, replace

from shopkeeper.core.decision import Choice, Decision, Reason, Request
from shopkeeper.core.ids import DecisionId, new_id
from shopkeeper.core.ports import Policy
from shopkeeper.decide.failure import where, why

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """The first policy's answer, or the second's where the first fails or knows nothing; the Decision says why.

    An answer that rules made empty stays empty: the second policy might know fewer rules.

    A chain of three is ``Fallback(first=a, second=Fallback(first=b, second=c))``; the last should be a ``Static``.
    An answer that is merely short is not filled up here: adding items after the dice are thrown would make the logged
    propensities wrong. ``Recommend`` fills before it throws them.
    """

    first: Policy
    second: Policy

    @property
    def name(self) -> str:
        return self.first.name

    def decide(self, request: Request) -> Decision:
        try:
            decision = self.first.decide(request)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, the shopper gets an answer
            cause = why(error)
            _log.error("%s did not answer (%s, %s), %s does", self.first.name, cause, where(error), self.second.name)
        else:
            if decision.choices or decision.removed or request.count <= 0:
                return decision
            cause = "empty"
        answer = self.second.decide(request)
        return replace(answer, fallback="; ".join(part for part in (cause, answer.fallback) if part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A list made beforehand (the most popular at the last training, or the newest): it reads nothing and cannot fail.

    It may be empty. It knows no stock and no rules but ``banned`` and the page's own products; asked for certain
    categories it has nothing to offer, because it knows none.
    """

    items: tuple[str, ...] = ()
    banned: frozenset[str] = frozenset()
    name: str = "static"

    def decide(self, request: Request) -> Decision:
        hidden = {request.product, *request.cart}
        offered = () if request.categories else dict.fromkeys(self.items)
        allowed = [item for item in offered if item not in hidden and item not in self.banned]
        reason = Reason(key="fallback", scorer=self.name)
        return Decision(
            id=DecisionId(new_id("d")), request=request, policy=f"{self.name}@0", eligible=len(allowed),
            choices=tuple(
                Choice(item=item, score=0.0, propensity=1.0, reason=reason) for item in allowed[: max(request.count, 0)]
            ),
        )  # fmt: skip
