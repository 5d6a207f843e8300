"""The blend of a training corrected by what came of its answers: which items were shown, with which probability, and
which of them were clicked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.rank.logged import FromLog, Learned, Shown
from shopkeeper.learn.recommend.hybrid import HybridModel
from shopkeeper.learn.training import Fitted
from shopkeeper.shop.decided_lists import Blend
from shopkeeper.shop.learned_order import blends_of
from shopkeeper.shop.shop import Shop

DAYS: Final = 90
_SHOWN: Final = """
WITH clicked AS (SELECT DISTINCT decision, product FROM events WHERE action = 'click' AND decision IS NOT NULL),
told AS (
  SELECT id, coalesce(customer, 'visitor:' || visitor, '') AS person,
         from_json(choices, '[{{"item": "VARCHAR", "propensity": "DOUBLE", "parts": "MAP(VARCHAR, DOUBLE)"}}]') AS list
  FROM decisions WHERE "at" >= $since AND personal AND fallback IS NULL AND policy LIKE '%@' || $version
    AND coalesce(customer, 'visitor:' || visitor) IN (SELECT person FROM agreed)
), numbered AS (
  SELECT id, person, list, unnest(generate_series(1, array_length(list))) AS place
  FROM told WHERE array_length(list) > 0
), flat AS (SELECT id, person, list_extract(list, place) AS choice, place - 1 AS slot FROM numbered)
SELECT person, slot, choice.propensity AS propensity, clicked.product IS NOT NULL AS clicked,
       list_sum(map_values(choice.parts)) AS whole, {members}
FROM flat LEFT JOIN clicked ON clicked.decision = flat.id AND clicked.product = choice.item
WHERE choice.propensity > 0 AND ({any_member})
"""


def corrected(
    shop: Shop, known: LakeSnapshot, fitted: Mapping[str, Fitted], *, how: FromLog | None = None, seed: int = 0
) -> tuple[dict[str, Fitted], Learned | None]:
    """The models with the personal blend's weights as the log of the last ``DAYS`` days taught them, and what was
    learned; None where the shop does not want it, the personal model is no blend, or such a blend has not answered."""
    name = shop.settings.train.personal
    fit = fitted[name]
    if not shop.settings.train.learn_from_log or not isinstance(fit.model, HybridModel) or len(fit.model.names) < 2:
        return dict(fitted), None
    shown = _shown(shop, known, fit.model)
    if shown is None:
        return dict(fitted), None
    weights = np.array([part.weight for part in fit.model.blend])
    learned = (how or FromLog()).fit_shown(shown, weights, seed=seed)
    parts = tuple(
        replace(part, weight=float(weight)) for part, weight in zip(fit.model.blend, learned.weights, strict=True)
    )
    return {**fitted, name: replace(fit, model=replace(fit.model, blend=parts))}, learned


def _shown(shop: Shop, known: LakeSnapshot, blend: HybridModel) -> Shown | None:
    """What versions with the same members in the same shapes have shown; None where there is nothing."""
    found = []
    for version, mix in blends_of(shop).items():
        weights = _weights(mix, blend)
        if weights is not None:
            found.append(_of_version(known, version, blend.names, weights))
    rows = [rows for rows in found if len(rows["slot"])]
    if not rows:
        return None
    whole = {name: np.concatenate([each[name] for each in rows]) for name in rows[0]}
    _, person = np.unique(whole.pop("person").astype(str), return_inverse=True)
    return Shown(**whole, person=person.astype(np.int64))


def _weights(mix: Blend, blend: HybridModel) -> Sequence[float] | None:
    """The weights of a version's mix, if it is of the same members in the same shapes."""
    ours = {name: part.shape for name, part in zip(blend.names, blend.blend, strict=True)}
    if {name: shape for name, (shape, _) in mix.items()} != ours:
        return None
    weights = [mix[name][1] for name in blend.names]
    return weights if all(weight > 0 for weight in weights) else None


def _of_version(known: LakeSnapshot, version: str, names: Sequence[str], weights: Sequence[float]) -> dict[str, Any]:
    parts = [f"choice.parts['{name}']" for name in names]  # names of modules: letters, digits, _
    sql = _SHOWN.format(
        members=", ".join(f"coalesce({part}, 0) AS member_{at}" for at, part in enumerate(parts)),
        any_member=" OR ".join(f"{part} IS NOT NULL" for part in parts),
    )
    since, agreed = known.moment - timedelta(days=DAYS), pa.table({"person": pa.array(known.may_train(), pa.string())})
    table = known.query(sql, {"since": since, "version": version}, {"agreed": agreed})

    def column(name: str, kind: Any) -> Any:
        return table.column(name).to_numpy(zero_copy_only=False).astype(kind)

    added = np.stack([column(f"member_{at}", np.float64) for at in range(len(names))], axis=1)
    return {
        "said": (added / np.array(weights)).astype(np.float32),
        "other": (column("whole", np.float64) - added.sum(axis=1)).astype(np.float32),
        "slot": column("slot", np.int64), "propensity": column("propensity", np.float64),
        "clicked": column("clicked", np.bool_), "person": column("person", object),
    }  # fmt: skip
