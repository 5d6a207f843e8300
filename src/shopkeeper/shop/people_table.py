"""The table of people: made from the lake and the segments, kept in a file, made again when it has aged."""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError
from shopkeeper.data.people_file import PeopleFile
from shopkeeper.data.schema import TABLES
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.features.tables import feature_sql
from shopkeeper.learn.propensity.foretell import NAME as PREDICTIONS
from shopkeeper.learn.segment.assigning import assigned, numbers_for
from shopkeeper.learn.segment.segmenting import NAME as SEGMENTS
from shopkeeper.learn.segment.spending import BANDS
from shopkeeper.shop.everybody import FORETOLD, foretold_of_all
from shopkeeper.shop.of_version import is_outdated, set_outdated
from shopkeeper.shop.predicting import foretold
from shopkeeper.shop.segments import segmented
from shopkeeper.shop.shop import Shop

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUICK_SECONDS: Final = 4.0
"""A table that was made faster than this is made again for every question, where the lake has changed."""
_HOURS: Final = 24.0
_SCORES: Final = ("recency_score", "frequency_score", "money_score")
COLUMNS_OF: Final[Mapping[str, frozenset[str]]] = {
    SEGMENTS: frozenset({"segment", "spending", *_SCORES}), PREDICTIONS: frozenset(FORETOLD),
}  # fmt: skip
"""Which columns come from which model."""
_making: Final = threading.Lock()


def people_file(shop: Shop) -> PeopleFile:
    """Where the table lies."""
    return PeopleFile(shop.folder / "people")


def refresh_people(shop: Shop) -> dict[str, Any]:
    """Make the table again. Returns what is said of it: the moment, how many people, the seconds it took, and which
    models are of another release, so that their columns are empty until the next training."""
    began = time.perf_counter()
    state, version = _lake_state(shop), shop.models.current() or ""
    known = shop.snapshot()
    asked = {"since": _BEGINNING, "currency": known.currency, "timezone": shop.settings.shop.timezone}
    rows = _with_segments(shop, known.query(feature_sql("people"), asked))
    seconds = round(time.perf_counter() - began, 3)  # what is foretold is not counted: it is not made again every time
    before = people_file(shop).facts() or {}
    rows, foretold_at = _with_predictions(shop, known, rows, before)
    outdated = [name for name in (SEGMENTS, PREDICTIONS) if is_outdated(shop, name)]
    if PREDICTIONS in before.get("outdated", ()) and foretold_at == before["foretold_at"]:
        outdated = sorted({*outdated, PREDICTIONS})
    facts = {"lake": state, "version": version, "moment": known.moment.isoformat(), "people": rows.num_rows,
             "foretold_at": foretold_at, "seconds": seconds, "outdated": outdated}  # fmt: skip
    people_file(shop).save(rows, facts)
    return people_file(shop).facts() or facts


def current_people(shop: Shop) -> dict[str, Any]:
    """What is said of the table; it is made where there is none, where it is a day old, and, where that takes few
    seconds, whenever the lake has changed."""
    file = people_file(shop)
    with _making:
        facts = file.facts()
        if facts is None or "foretold_at" not in facts or facts["version"] != (shop.models.current() or ""):
            return refresh_people(shop)
        same = facts["lake"] == _lake_state(shop)
        age = (shop.clock() - datetime.fromisoformat(facts["moment"])).total_seconds() / 3600
        if not same and (facts["seconds"] < _QUICK_SECONDS or age > _HOURS):
            return refresh_people(shop)
        return facts


def _lake_state(shop: Shop) -> list[int]:
    return [*(shop.lake.version(table) for table in TABLES if table != "decisions"), shop.state.unlinked.mark()]


def _with_predictions(
    shop: Shop, known: LakeSnapshot, people: pa.Table, before: Mapping[str, Any]
) -> tuple[pa.Table, str]:
    """The table with what is foretold of everybody who agreed to it, and as of when: foretold again with a new version
    of the models, and after a day; between, what the table before says is kept, for it takes longer than the rest."""
    agreed = frozenset(shop.state.consent.allowing(Purpose.PERSONALISE))
    at = before.get("foretold_at", "")
    fresh = at and before["version"] == (shop.models.current() or "")
    if fresh and (shop.clock() - datetime.fromisoformat(at)).total_seconds() < _HOURS * 3600:
        found = people_file(shop).table(["person", *FORETOLD])
        found = found.filter(pc.is_in(found.column("person"), value_set=pa.array(sorted(agreed), pa.string())))
    else:
        at = known.moment.isoformat()
        found = _foretold_anew(shop, known, agreed)
    where = pc.index_in(people.column("person"), value_set=found.column("person").combine_chunks())
    for name in FORETOLD:
        people = people.append_column(name, found.column(name).take(where))
    return people, at


def _foretold_anew(shop: Shop, known: LakeSnapshot, agreed: frozenset[str]) -> pa.Table:
    """What is foretold of everybody; nothing where the models are of another release, until the next training."""
    try:
        return foretold_of_all(foretold(shop)[1], known, agreed)
    except DataError as error:
        if error.key != "model_outdated":
            raise
        set_outdated(shop, PREDICTIONS)
        return foretold_of_all(None, known, agreed)


def _with_segments(shop: Shop, people: pa.Table) -> pa.Table:
    """The table with everybody's segment, spending band and RFM scores; "" and NULL without consent or orders."""
    columns: dict[str, list[Any]] = {}
    _, model = segmented(shop)
    if model is None:
        empty = pa.nulls(len(people), pa.string())
        for name in ("segment", "spending"):
            people = people.append_column(name, empty)
        for name in _SCORES:
            people = people.append_column(name, pa.nulls(len(people), pa.int32()))
        return people
    agreed = frozenset(shop.state.consent.allowing(Purpose.PERSONALISE))
    portraits = model.portraits(shop.snapshot(), agreed)
    columns["segment"] = [label or None for label in model.labels_of(portraits)]
    nobody: list[Any] = [None] * len(portraits)
    bands = (
        assigned(model.models["spending"], portraits).tolist() if "spending" in model.models else [-1] * len(portraits)
    )
    columns["spending"] = [BANDS[band] if band >= 0 else None for band in bands]
    rfm = model.models.get("rfm")
    scores = rfm.scores(numbers_for(rfm.fields, portraits)) if rfm is not None and len(portraits) else None
    for place, name in enumerate(_SCORES):
        columns[name] = [int(value) or None for value in scores[:, place]] if scores is not None else nobody
    where = pc.index_in(people.column("person"), value_set=pa.array(portraits.people.tolist(), pa.string()))
    for name, values in columns.items():
        kind = pa.string() if name in ("segment", "spending") else pa.int32()
        people = people.append_column(name, pa.chunked_array([pa.array(values, kind)]).take(where))
    return people
