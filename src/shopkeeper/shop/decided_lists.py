"""What the shop's own lists looked like when they were put together, and what came of each product of them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.core.shortlist import SAYS, Float64, Shortlist, Words
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.rank.decided import Decided

MOST: Final = 50_000
"""So many of the newest lists that anything came of are read."""
BOUGHT: Final = 3.0
"""A purchase counts as so many clicks: 2^2 - 1, the usual gain of the second grade."""
Blend = Mapping[str, tuple[str, float]]
"""Of each member of a mix: the shape that its score is brought to, and its weight."""
_LISTS: Final = """
WITH taken AS (
  SELECT decision, product, 1.0 AS gain FROM events WHERE action = 'click' AND decision IS NOT NULL
  UNION ALL
  SELECT decision, product, $bought FROM order_lines WHERE decision IS NOT NULL AND coalesce(quantity, 1) > 0
), gains AS (
  SELECT decision, product, max(gain) AS gain FROM taken WHERE product IS NOT NULL GROUP BY decision, product
), told AS (
  SELECT id, coalesce(customer, 'visitor:' || visitor) AS person, placement, policy, "at",
         "at" AT TIME ZONE $timezone AS local_at, coalesce(json_extract_string(request, '$.device'), '') AS device,
         from_json(choices, '[{"item": "VARCHAR", "propensity": "DOUBLE", "parts": "MAP(VARCHAR, DOUBLE)",
                               "features": "MAP(VARCHAR, DOUBLE)"}]') AS list
  FROM decisions
  WHERE "at" >= $since AND personal AND fallback IS NULL
    AND coalesce(customer, 'visitor:' || visitor) IN (SELECT person FROM agreed)
    AND id IN (SELECT decision FROM gains)
  ORDER BY "at" DESC, id LIMIT $most
), numbered AS (
  SELECT *, unnest(generate_series(1, array_length(list))) AS place FROM told WHERE array_length(list) > 0
), flat AS (SELECT *, list_extract(list, place) AS choice, place - 1 AS slot FROM numbered)
SELECT flat.id, person, placement, split_part(policy, '@', -1) AS version, device, slot,
       (extract(hour FROM local_at) * 60 + extract(minute FROM local_at)) / 60 AS hour,
       extract(isodow FROM local_at) AS weekday, choice.item AS item, choice.propensity AS propensity,
       choice.parts AS parts, choice.features AS features, coalesce(gain, 0.0) AS gain
FROM flat LEFT JOIN gains ON gains.decision = flat.id AND gains.product = choice.item
WHERE choice.propensity > 0 AND cardinality(choice.features) > 0
ORDER BY "at", flat.id, slot
"""


def decided_lists(
    known: LakeSnapshot, *, days: int, timezone: str, now: Blend, then: Mapping[str, Blend]
) -> Decided | None:
    """The lists of the last ``days`` days of which something was clicked or bought, of people who agreed to training;
    None where there are none.

    What members of the mix said is brought from the weights of ``then`` (by version) to those of ``now``; lists of
    other versions are left out, and a member that was not there, or in another shape, is not known.
    """
    table = known.query(
        _LISTS,
        {"since": known.moment - timedelta(days=days), "timezone": timezone, "most": MOST, "bought": BOUGHT},
        {"agreed": pa.table({"person": pa.array(known.may_train(), pa.string())})},
    )
    table = table.filter(pc.is_in(table.column("version"), pa.array(list(then), pa.string())))
    if not table.num_rows:
        return None
    said = _pivoted(table.column("parts"), SAYS, 0.0)
    for member, values in _rescaled(said, _words(table, "version"), now, then).items():
        said[f"{SAYS}{member}"] = values
    numbers = {**said, **_pivoted(table.column("features"), "", np.nan)}
    numbers |= {name: _floats(table, name) for name in ("hour", "weekday")}
    _, first = np.unique(_words(table, "id").codes, return_index=True)
    first = np.sort(first)
    _, person = np.unique(_words(table, "person").codes[first], return_inverse=True)
    words = {name: _words(table, name) for name in ("placement", "device")}
    return Decided(
        candidates=Shortlist(
            size=table.num_rows, numbers=numbers, words={**words, "category": _categories(known, table)}
        ),
        offsets=np.append(first, table.num_rows).astype(np.int64), slot=_floats(table, "slot").astype(np.int64),
        propensity=_floats(table, "propensity"), gain=_floats(table, "gain"),
        mixed=np.sum([np.nan_to_num(values) for values in said.values()], axis=0), person=person.astype(np.int64),
    )  # fmt: skip


def _rescaled(
    said: Mapping[str, Float64], version: Words, now: Blend, then: Mapping[str, Blend]
) -> dict[str, Float64]:  # fmt: skip
    """What each member of today's mix said, by its weight of today."""
    found = {}
    for member, (shape, weight) in now.items():
        factors = np.full(len(version.code_of), np.nan)
        for word, code in version.code_of.items():
            was = then[word].get(member)
            if was is not None and was[0] == shape and was[1] > 0:
                factors[code] = weight / was[1]
        values = said.get(f"{SAYS}{member}", np.zeros(len(version.codes)))
        found[member] = values * factors[version.codes]
    return found


def _pivoted(maps: pa.ChunkedArray, prefix: str, absent: float) -> dict[str, Float64]:
    """A column of maps as a column of each key."""
    whole = pa.concat_arrays(maps.chunks) if maps.num_chunks != 1 else maps.chunk(0)
    sizes = np.diff(whole.offsets.to_numpy())
    sizes = np.where(np.asarray(whole.is_valid()), sizes, 0)
    row = np.repeat(np.arange(len(whole)), sizes)
    begin, end = whole.offsets[0].as_py(), whole.offsets[-1].as_py()
    keys = whole.keys.slice(begin, end - begin).dictionary_encode()
    values = whole.items.slice(begin, end - begin).to_numpy(zero_copy_only=False)
    code = keys.indices.to_numpy(zero_copy_only=False)
    found = {}
    for number, key in enumerate(keys.dictionary.to_pylist()):
        mine = code == number
        column = np.full(len(whole), absent)
        column[row[mine]] = values[mine]
        found[f"{prefix}{key}"] = column
    return found


def _words(table: pa.Table, name: str) -> Words:
    column = table.column(name).combine_chunks()
    column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    coded = pc.fill_null(column, "").dictionary_encode()
    names = coded.dictionary.to_pylist()
    return Words(
        codes=coded.indices.to_numpy(zero_copy_only=False), code_of={name: at for at, name in enumerate(names)}
    )


def _categories(known: LakeSnapshot, table: pa.Table) -> Words:
    """Each product's widest category, as the catalogue says today."""
    catalogue = known.catalogue()
    if not catalogue.categories:
        return Words.same("", table.num_rows)
    items = _words(table, "item")
    index = {item: at for at, item in enumerate(catalogue.ids.tolist())}
    widest = Words.of([str(catalogue.categories[0][index[item]]) if item in index else "" for item in items.code_of])
    return Words(codes=widest.codes[items.codes], code_of=widest.code_of)


def _floats(table: pa.Table, name: str) -> Float64:
    values: Float64 = table.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
    return values
