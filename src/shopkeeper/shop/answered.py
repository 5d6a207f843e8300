"""Answers of consent among events: who said what when, and which of them may count now."""

from collections.abc import Iterable, Iterator

from shopkeeper.core.action import Action
from shopkeeper.core.consent import given_in
from shopkeeper.core.event import Event
from shopkeeper.data.drain import decode_event
from shopkeeper.data.intake import Intake
from shopkeeper.data.journal import EVENT
from shopkeeper.data.store.consent import Answer


def answers_in(events: Iterable[Event]) -> list[Answer]:
    """What people said, each as of its moment, which is never after it was received."""
    return [
        Answer(
            person=event.person, given=given_in(event.properties), at=min(event.at, event.received_at or event.at),
            source=event.source,
        )
        for event in events
        if event.action is Action.CONSENT and event.person is not None
    ]  # fmt: skip


def first_told(again: Iterable[Event], journal: Intake) -> Iterator[Event]:
    """Consent that was sent before, as it was kept: a retry that does not say when is no newer answer. What the journal
    has no more is in the book."""
    for event in again:
        if event.action is Action.CONSENT and (body := journal.find(event.id, EVENT)) is not None:
            yield decode_event(body)


def certain(stored: Iterable[Event]) -> list[Event]:
    """Consent, but for a yes of an unknown moment: of what goes into a topic only its drain can say whether it came
    before."""
    consent = (event for event in stored if event.action is Action.CONSENT)
    return [event for event in consent if event.at != event.received_at or False in given_in(event.properties).values()]
