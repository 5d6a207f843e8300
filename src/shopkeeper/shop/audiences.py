"""Audiences of a shop: counted, saved, handed out. No figure speaks of fewer than 20 people, and nobody is in an
exported list who has not agreed to its purpose."""

import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError, NotAllowed, NotFound
from shopkeeper.core.floor import FLOOR
from shopkeeper.core.money import exponent
from shopkeeper.core.sensitive import is_sensitive
from shopkeeper.data.store.audiences import Saved
from shopkeeper.learn.segment.assigning import numbers_for
from shopkeeper.learn.segment.lookalike import Lookalike
from shopkeeper.learn.segment.segmenting import NAME as SEGMENTS
from shopkeeper.market.audiences.counting import Bits, Counted, bits_of, both, counted, isolates, numbers_of, size_of
from shopkeeper.market.audiences.reading import read, written
from shopkeeper.market.audiences.rules import All, Did, Like, Rule, Tagged, leaves
from shopkeeper.market.audiences.sql import THIRD_PARTY, statement_of
from shopkeeper.shop.of_version import is_outdated
from shopkeeper.shop.people_table import COLUMNS_OF, current_people, people_file
from shopkeeper.shop.segments import segmented
from shopkeeper.shop.shop import Shop

_PRODUCT: Final = "SELECT category_1, category_2, category_3, category_4, category_5, tags FROM products WHERE id = $id"
_PEOPLE_COLUMN: Final = re.compile(r"people\.(\w+)")
_counting: Final = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceCount:
    """How many an audience has. Figures are multiples of 20; None: fewer than 20."""

    matching: int | None
    reachable: int | None
    """Of those, who agreed to the purpose."""
    purpose: Purpose
    everybody: int | None
    moment: datetime
    """As of when numbers of profiles are known; what was done in the last days is of now."""


def rule_of(shop: Shop, value: Any) -> Rule:
    """A rule from JSON values, with the shop's currency and its own sensitive words.

    Raises:
        DataError: it is no rule (``audience_bad``).
        NotAllowed: it asks for something sensitive (``audience_sensitive``).
    """
    rule = read(value, scale=scale_of(shop), sensitive=shop.settings.privacy.sensitive)
    for leaf in leaves(rule):
        if isinstance(leaf, Did):
            _refuse_sensitive_products(shop, leaf)
    return rule


def rule_json(shop: Shop, rule: Rule) -> dict[str, Any]:
    """The JSON of a rule, money in units of the shop's currency."""
    return written(rule, scale=scale_of(shop))


def scale_of(shop: Shop) -> int:
    """Minor units of one unit of the shop's currency."""
    return int(10 ** exponent(shop.settings.shop.currency))


def _refuse_sensitive_products(shop: Shop, leaf: Did) -> None:
    more = shop.settings.privacy.sensitive
    for name, value in leaf.about:
        if name != "product":
            continue
        for row in shop.snapshot().query(_PRODUCT, {"id": value}).to_pylist():
            words = [str(word) for word in row.values() if word]
            if any(is_sensitive(word, more) for word in words) or "sensitive" in str(row["tags"] or ""):
                raise NotAllowed("audience_sensitive", word=value)


def members_of(shop: Shop, rule: Rule) -> Bits:
    """Whom a rule fits now, as a set of person numbers.

    Raises:
        DataError: it asks for what a model of another release would have said (``model_outdated``).
    """
    facts = current_people(shop)
    size = int(facts["next_number"])
    tables: dict[str, Any] = {}
    likes: dict[Like, str] = {}
    for leaf in leaves(rule):
        if isinstance(leaf, Like) and leaf not in likes:
            likes[leaf] = f"like_{len(likes)}"
            tables[likes[leaf]] = pa.table({"number": pa.array(_alike(shop, leaf))})
        if isinstance(leaf, Tagged):
            tables[THIRD_PARTY] = pa.table({"number": pa.array(numbers_of(agreed(shop, Purpose.THIRD_PARTY)))})
    known = shop.snapshot()
    asked = statement_of(rule, known.moment, likes)
    columns = {*_PEOPLE_COLUMN.findall(asked.sql), "person"}
    for model in facts.get("outdated", ()):
        if columns & COLUMNS_OF[model]:
            raise DataError("model_outdated", model=model)
    tables["people"] = people_file(shop).table(sorted(columns))
    found = known.query(asked.sql, asked.values, tables)
    return bits_of(found.column("number").to_numpy(), size)


def _everybody(shop: Shop) -> Bits:
    """Whom no condition leaves out; kept until the table of people changes."""
    found: Bits = shop.kept["everybody"].at(people_file(shop).changed(), lambda: members_of(shop, All(())))
    return found


def agreed(shop: Shop, purpose: Purpose) -> Bits:
    """Everybody who agreed to a purpose."""

    def asked() -> Bits:
        people = people_file(shop).table(["person", "number"])
        size = int((people_file(shop).facts() or {})["next_number"])
        given = pa.array(shop.state.consent.allowing(purpose), pa.string())
        inside = pc.is_in(people.column("person"), value_set=given)
        return bits_of(people.filter(inside).column("number").to_numpy(), size)

    state = (shop.state.consent.generation(), people_file(shop).changed())
    found: Bits = shop.kept[f"agreed {purpose.value}"].at(state, asked)
    return found


@contextmanager
def _only_figures_written(shop: Shop) -> Iterator[None]:
    """Who agreed stays in memory over the writing of figures, where nobody else wrote meanwhile."""
    known, written_before = shop.state.consent.generation(), shop.state.audiences.figures_written
    yield
    now = shop.state.consent.generation()
    if now - known != shop.state.audiences.figures_written - written_before:
        return
    for purpose in Purpose:
        kept = shop.kept[f"agreed {purpose.value}"]
        if kept.last is not None:
            (generation, changed), members = kept.last
            if generation == known:
                kept.put((now, changed), members)


def count(shop: Shop, rule: Rule, purpose: Purpose) -> AudienceCount:
    """How many a rule fits, and how many of them agreed to the purpose. What was said is remembered: see
    ``market.audiences.counting``."""
    members, may = members_of(shop, rule), agreed(shop, purpose)
    facts = current_people(shop)
    with _counting, _only_figures_written(shop):
        said = [Counted(members=one.members, people=one.people) for one in shop.state.audiences.figures()]
        everybody = _say(shop, said, _everybody(shop))
        matching = _say(shop, said, members)
        reachable = _say(shop, said, both(members, may))
    return AudienceCount(
        matching=matching.people, reachable=reachable.people, purpose=purpose, everybody=everybody.people,
        moment=datetime.fromisoformat(facts["moment"]),
    )  # fmt: skip


def _say(shop: Shop, said: list[Counted], members: Bits) -> Counted:
    found = counted(members, said)
    if not any(np.array_equal(found.members, other.members) for other in said):
        said.append(found)
        shop.state.audiences.remember(found.members, found.people, at=shop.clock())
    return found


def save(shop: Shop, name: str, rule: Rule, purpose: Purpose, *, audience_id: str = "") -> str:
    """Keep an audience under a name; its id.

    Raises:
        DataError: it has no name, or refers to itself.
    """
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise DataError("audience_name", longest=100)
    for leaf in leaves(rule):
        if isinstance(leaf, Like):
            _seed_of(shop, leaf)
    wanted = audience_id or f"a_{secrets.token_hex(6)}"
    saved = Saved(id=wanted, name=name, rule=rule_json(shop, rule), purpose=purpose.value, changed_at=shop.clock())
    shop.state.audiences.save(saved)
    return wanted


def saved(shop: Shop, audience_id: str) -> Saved:
    """A saved audience.

    Raises:
        NotFound: there is none of this id.
    """
    found = shop.state.audiences.find(audience_id)
    if found is None:
        raise NotFound("unknown_audience", audience=audience_id[:100])
    return found


def export(shop: Shop, audience_id: str) -> list[str]:
    """The customers of a saved audience who agreed to its purpose, as ids.

    Raises:
        NotFound: there is no such audience.
        NotAllowed: fewer than 20 people, or together with an earlier list of another audience it points at fewer.
    """
    audience = saved(shop, audience_id)
    purpose = Purpose(audience.purpose)
    members = both(members_of(shop, rule_of(shop, audience.rule)), agreed(shop, purpose))
    if size_of(members) < FLOOR:
        raise NotAllowed("audience_too_few", least=FLOOR)
    with _counting:
        if isolates(members, shop.state.audiences.lists(other_than=audience_id)):
            raise NotAllowed("audience_isolates", least=FLOOR)
        shop.state.audiences.remember(members, None, at=shop.clock(), audience=audience_id)
    people = people_file(shop).table(["person", "number"])
    inside = pc.is_in(people.column("number"), value_set=pa.array(numbers_of(members)))
    now: set[str] = set(shop.state.consent.allowing(purpose))
    return [person for person in people.filter(inside).column("person").to_pylist() if person in now]


def _seed_of(shop: Shop, leaf: Like) -> Rule:
    """The rule of the audience that others should be like.

    Raises:
        NotFound: there is none of this id.
        DataError: it is itself one of likeness.
    """
    rule = rule_of(shop, saved(shop, leaf.audience).rule)
    if any(isinstance(each, Like) for each in leaves(rule)):
        raise DataError("audience_bad", place="like", wanted="an audience that does not itself ask for likeness")
    return rule


def _alike(shop: Shop, leaf: Like) -> NDArray[np.int64]:
    """The numbers of those who are most like an audience and not in it.

    Raises:
        DataError: nothing was trained yet, or the audience is too small to learn from.
    """
    seed = _seed_of(shop, leaf)
    _, model = segmented(shop)
    if model is None:
        raise (
            DataError("model_outdated", model=SEGMENTS)
            if is_outdated(shop, SEGMENTS)
            else DataError("segments_not_trained")
        )
    inside = set(numbers_of(members_of(shop, seed)).tolist())
    portraits = model.portraits(shop.snapshot(), frozenset(shop.state.consent.allowing(Purpose.PERSONALISE)))
    number = numbers_by_person(shop, portraits.people.tolist())
    like = np.array([each in inside for each in number.tolist()], np.bool_)
    train = frozenset(shop.state.consent.may_train())
    may = np.array([person in train for person in portraits.people.tolist()], np.bool_)
    fitted = Lookalike().fit(portraits.rows(may), like=like[may])
    score = np.where(like | (number < 0), -np.inf, fitted.score(numbers_for(fitted.fields, portraits)))
    best = np.argsort(-score, kind="stable")[: leaf.people]
    return np.sort(number[best[np.isfinite(score[best])]])


def numbers_by_person(shop: Shop, persons: Sequence[str]) -> NDArray[np.int64]:
    """The number of each person; -1 for somebody who is not in the table."""
    people = people_file(shop).table(["person", "number"])
    place = pc.index_in(pa.array(persons, pa.string()), value_set=people.column("person").combine_chunks())
    known = pc.fill_null(place, 0).to_numpy()
    numbers = people.column("number").to_numpy()
    return np.where(np.asarray(place.is_valid()), numbers[known], -1) if len(numbers) else np.full(len(persons), -1)


def count_facts(found: AudienceCount) -> Mapping[str, Any]:
    """A count as JSON values."""
    return {
        "matching": found.matching, "reachable": found.reachable, "purpose": found.purpose.value,
        "everybody": found.everybody, "at": found.moment.isoformat(), "least": FLOOR,
    }  # fmt: skip
