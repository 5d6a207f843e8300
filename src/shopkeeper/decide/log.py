"""A decision as a row of the lake's ``decisions`` table, and back without loss."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec

from shopkeeper.core.decision import Choice, Decision, Reason, Request
from shopkeeper.core.ports import Policy
from shopkeeper.decide.failure import where, why

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_COLUMNS = ("at", "visitor", "customer", "placement")
"""What of a request has a column of its own; the rest is its JSON."""
_REST = tuple(part.name for part in fields(Request) if part.name not in _COLUMNS)
_LISTS = ("cart", "categories", "brands", "tags", "exclude")
"""Tuples of a Request that JSON gives back as lists; decisions of older releases lack some."""
_TEXTS = ("fallback", "experiment", "arm")
"""Texts that are "" in a Decision and NULL in the lake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """The outermost policy: what it answers is logged exactly once, with its arm and fallback.

    A log that fails costs the shopper nothing: the error is reported, the answer goes out.
    """

    inner: Policy
    log: Callable[[Decision], None]

    @property
    def name(self) -> str:
        return self.inner.name

    def decide(self, request: Request) -> Decision:
        decision = self.inner.decide(request)
        try:
            self.log(decision)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, the shopper gets an answer
            _log.error("decision %s was not logged (%s, %s)", decision.id, why(error), where(error))
        return decision


def to_row(decision: Decision) -> dict[str, Any]:
    """The columns of ``decisions``. Absent texts are NULL; request, choices and removed are JSON."""
    request = decision.request
    rest = {name: getattr(request, name) for name in _REST}
    return {
        "id": decision.id, "at": request.at, "visitor": request.visitor, "customer": request.customer,
        "placement": request.placement, "policy": decision.policy, "personal": decision.personal,
        "eligible": decision.eligible, "fallback": decision.fallback or None,
        "experiment": decision.experiment or None, "arm": decision.arm or None,
        "assignment_probability": decision.assignment_probability, "request": _json(rest),
        "choices": _json(decision.choices), "removed": _json(decision.removed),
    }  # fmt: skip


def body_of(decision: Decision) -> bytes:
    """A decision as the journal keeps it."""
    return _encode(to_row(decision))


def from_row(row: Mapping[str, Any]) -> Decision:
    """The decision that a row of ``decisions`` was made of."""
    rest = json.loads(row["request"])
    texts = {name: row[name] or "" for name in _TEXTS}
    return Decision(
        id=row["id"], policy=row["policy"], personal=bool(row["personal"]), eligible=int(row["eligible"]),
        assignment_probability=float(row["assignment_probability"]), **texts,
        choices=tuple(_read(choice) for choice in json.loads(row["choices"])), removed=json.loads(row["removed"]),
        request=Request(**_request(row["at"], row, rest)),
    )  # fmt: skip


def _request(at: datetime, row: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    columns = {"at": at, "visitor": row["visitor"], "customer": row["customer"], "placement": row["placement"]}
    return {**rest, **columns, **{name: tuple(rest.get(name, ())) for name in _LISTS}}


def _read(choice: Mapping[str, Any]) -> Choice:
    return Choice(**{**choice, "reason": Reason(**choice["reason"])})


def _json(value: object) -> str:
    return _encode(value).decode()
