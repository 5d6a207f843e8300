"""Everything one decision may look at: the request, the shelf, and the person where they agreed to it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from shopkeeper.core.action import Action
from shopkeeper.core.consent import Consent, Purpose
from shopkeeper.core.decision import Request
from shopkeeper.core.histories import MICROSECONDS_PER_DAY, Histories, Int64
from shopkeeper.core.ids import PersonKey
from shopkeeper.decide.shelf import Shelf

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ConsentOf = Callable[[PersonKey], Consent]
HistoryOf = Callable[[PersonKey], Histories]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What rules and scorers see of a request."""

    request: Request
    shelf: Shelf
    profile: Histories | None
    """The person's history as one row; None where it may not be read."""
    acts: Histories | None = None
    """The same with what they searched for: products that the words speak of, quantity being how well."""
    now: int
    """Microseconds since 1970-01-01 UTC."""

    @property
    def day(self) -> int:
        return self.now // MICROSECONDS_PER_DAY


def person_to_read(request: Request, consent: ConsentOf) -> PersonKey | None:
    """Whose history may shape the answer: nobody's unless asked for, known, and agreed to."""
    person = request.person
    if request.mode != "personal" or person is None:
        return None
    return person if consent(person).allows(Purpose.PERSONALISE) else None


def microseconds(at: datetime) -> int:
    """A moment as microseconds since 1970-01-01 UTC, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def one_row(products: Int64, now: int, action: Action) -> Histories:
    """The history of somebody who did nothing but ``action`` with these products, just now."""
    count = len(products)
    return Histories(
        offsets=np.array([0, count], np.int64), product=products.astype(np.int32), at=np.full(count, now, np.int64),
        action=np.full(count, action, np.int8), quantity=np.ones(count, np.float32),
        price=np.full(count, np.nan, np.float32), order=np.full(count, -1, np.int32), people=np.array([""], object),
    )  # fmt: skip


def nobody() -> Histories:
    """One row without any event: what scorers that ignore the person are given."""
    return one_row(np.empty(0, np.int64), 0, Action.PRODUCT_VIEW)
