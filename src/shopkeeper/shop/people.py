"""One customer: shown, handed out, forgotten."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from shopkeeper.core.consent import Consent
from shopkeeper.core.errors import NotFound
from shopkeeper.core.ids import PersonKey
from shopkeeper.data import privacy, reports
from shopkeeper.data.people_file import PeopleFile
from shopkeeper.features.tables import customer_features
from shopkeeper.shop.browsers import browsers_of, known_as
from shopkeeper.shop.shop import Shop

_JSON_COLUMNS = frozenset({"attributes", "properties", "request", "choices", "removed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """What the shop knows of one customer, for those who may see it."""

    id: str
    registered: Mapping[str, Any]
    """The newest imported row; empty where only events are known."""
    features: Mapping[str, Any]
    timeline: list[dict[str, Any]]
    """Newest facts first."""
    consent: Consent
    browsers: list[dict[str, Any]]
    """Those they were seen signed in with, and whether what was done there without a name is theirs, or why not."""


def customer(shop: Shop, customer_id: str, *, facts: int = 100) -> CustomerView:
    """A customer as the lake knows them now.

    Raises:
        NotFound: nobody of this id was imported or seen.
    """
    customer_id = known_as(shop, customer_id)
    known = shop.snapshot(about=customer_id)
    row = reports.one(known, "customers", customer_id)
    timeline = reports.timeline(known, customer_id, size=facts)
    if row is None and not timeline:
        raise NotFound("unknown_customer", customer=customer_id)
    return CustomerView(
        id=customer_id, registered=readable(row) if row else {}, timeline=timeline,
        features=customer_features(known.query, PersonKey(customer_id), currency=known.currency),
        consent=shop.consent_of(PersonKey(customer_id)), browsers=browsers_of(shop, customer_id),
    )  # fmt: skip


def export(shop: Shop, customer_id: str) -> dict[str, Any]:
    """Everything kept about a customer and their browsers, from every place that keeps personal data.

    Raises:
        NotFound: nothing is kept about them.
    """
    if not shop.readonly and not shop.sharing:
        shop.drain()
    person = person_of(shop, customer_id)
    found: dict[str, Any] = {
        table: [readable(row) for row in rows] for table, rows in privacy.rows_of(shop.lake, person).items()
    }
    found["consent"] = [row for key in person.keys for row in shop.state.consent.answers_of(key)]
    found["quarantine"] = [asdict(row) for name in _names(person) for row in shop.quarantine.naming(name)]
    if not any(found.values()):
        raise NotFound("unknown_customer", customer=customer_id)
    shop.state.ledger.record("export", person.keys, {name: len(rows) for name, rows in found.items()})
    visitors = sorted({*person.visitors, *(span.visitor for span in person.spans)})
    return {"customer": customer_id, "visitors": visitors, **found}


def erase(shop: Shop, customer_id: str) -> dict[str, int]:
    """Remove a customer and their browsers from every place that keeps personal data; rows removed by place.

    Erasing somebody of whom nothing is kept is no error: the answer is zeros, and the ledger notes it.
    """
    if not shop.sharing:
        shop.drain()
    return erase_person(shop, person_of(shop, customer_id))


def person_of(shop: Shop, customer_id: str) -> privacy.Person:
    """A customer with the browsers that were theirs; what is theirs is theirs without consent, too."""
    return privacy.find_person(shop.identities.now(()), customer_id)


def erase_person(shop: Shop, person: privacy.Person) -> dict[str, int]:
    """The same of a person whose keys are known."""
    with shop.lake.rewriting():  # until it is in the ledger, by which a drain refuses what it still holds of them
        return _erased(shop, person)


def _erased(shop: Shop, person: privacy.Person) -> dict[str, int]:
    gone = privacy.erase_rows(shop.lake, person)
    gone["journal"] = shop.journal.erase(person.keys)
    gone["quarantine"] = shop.quarantine.erase(_names(person))
    gone["consent"] = shop.state.consent.forget(person.keys)
    shop.state.unlinked.forget(person.keys)
    derived = (*person.keys, *person.shared_keys)  # what is made from the rows is made again; others lose it till then
    gone["models"] = shop.models.forget_people(set(derived))
    gone["people"] = PeopleFile(shop.folder / "people").forget(derived)
    shop.forget(derived)
    shop.state.ledger.record("erase", person.keys, gone)
    return gone


def _names(person: privacy.Person) -> tuple[str, ...]:
    return (*person.names, *person.visitors)


def readable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its JSON texts opened and its absent columns left out."""
    opened = {
        name: json.loads(value) if name in _JSON_COLUMNS and isinstance(value, str) else value
        for name, value in row.items()
        if value is not None
    }
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in opened.items()}
