"""Decisions on their way into the journal, and back out of the journal or the lake."""

import logging
from concurrent.futures import Future
from datetime import datetime
from typing import Final

import msgspec

from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import NotFound
from shopkeeper.data.intake import Intake
from shopkeeper.data.journal import DECISION, Entry, Outcome
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.decide.log import from_row

_log: Final = logging.getLogger(__name__)
_ONE: Final = "SELECT * FROM seen_decisions WHERE id = $id"


def keep(journal: Intake, decision_id: str, body: bytes, request: Request) -> None:
    """Keep a written decision (``decide.log.body_of``) without waiting for the disk."""
    day = int(request.at.timestamp() // 86_400)
    entry = Entry(kind=DECISION, id=decision_id, body=body, person=request.person, day=day)
    journal.append_soon([entry]).add_done_callback(_report_loss)


def find(journal: Intake, known: LakeSnapshot, decision_id: str) -> Decision:
    """A logged decision.

    Raises:
        NotFound: it was never made, or was erased.
    """
    body = journal.find(decision_id, DECISION)
    if body is not None:
        row = msgspec.json.decode(body)
        row["at"] = datetime.fromisoformat(row["at"])
        return from_row(row)
    rows = known.query(_ONE, {"id": decision_id}).to_pylist()
    if not rows:
        raise NotFound("unknown_decision", decision=decision_id)
    return from_row(rows[0])


def _report_loss(done: "Future[list[Outcome]]") -> None:
    error = done.exception()
    if error is not None:
        _log.error("decisions were not logged: %s", error)
