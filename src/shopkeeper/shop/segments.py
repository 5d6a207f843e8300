"""The segments of a shop's customers: learned with the other models, read by the command line, the API, the console."""

import json
from typing import Final

from shopkeeper.core.consent import Purpose
from shopkeeper.core.errors import DataError
from shopkeeper.core.sensitive import is_sensitive
from shopkeeper.data.model_store import Bundle, StoredModel
from shopkeeper.data.snapshot import LakeSnapshot
from shopkeeper.learn.loading import path_of
from shopkeeper.learn.segment.segmenting import NAME, Segmented, Segmenting
from shopkeeper.shop.of_version import of_version
from shopkeeper.shop.shop import Shop

_TOLD: Final = "SELECT id, attributes FROM customers WHERE attributes IS NOT NULL"
_TAG: Final = "tag."


def fit_segments(shop: Shop, known: LakeSnapshot, *, seed: int = 0) -> tuple[Segmented, StoredModel]:
    """The groups of everybody who agreed to training, and how they are stored beside the recommenders."""
    wanted, privacy = shop.settings.segments, shop.settings.privacy
    before = _last(shop)
    model = Segmenting(days=float(wanted.days), most=wanted.most, steps=wanted.steps).fit(
        shop.snapshot(known.moment, learning=True), at=lambda moment: shop.snapshot(moment, learning=True),
        people=frozenset(known.may_train()), seed=seed,
        timezone=shop.settings.shop.timezone, told=told_by_customers(shop, known), before=before,
        goods=(known.histories(), len(known.catalogue())),
        allowed=lambda category: not is_sensitive(category, privacy.sensitive),
    )  # fmt: skip
    return model, StoredModel(use=path_of(model), facts=model.facts(), arrays=model.arrays())


def _last(shop: Shop) -> Segmented | None:
    """The current version's segments, whose letters and names go on; None where they cannot be read."""
    try:
        return segmented(shop)[1]
    except DataError:  # a damaged version: that is what it is made again for
        return None


def told_by_customers(shop: Shop, known: LakeSnapshot) -> dict[str, dict[str, str]]:
    """Registration fields by customer: what they told themselves, without third parties' tags and sensitive fields."""
    more = shop.settings.privacy.sensitive
    found = {}
    for row in shop.snapshot(known.moment).query(_TOLD).to_pylist():
        fields = json.loads(row["attributes"])
        found[row["id"]] = {
            name: str(value) for name, value in fields.items()
            if value not in (None, "") and not name.startswith(_TAG) and not is_sensitive(name, more)
        }  # fmt: skip
    return found


def segmented(shop: Shop) -> tuple[str, Segmented | None]:
    """The current version's segments, loaded once; None before the first training, or where they are of another
    release."""
    return of_version(shop, NAME, _read)


def _read(bundle: Bundle) -> Segmented | None:
    found = bundle.models.get(NAME)
    return Segmented.restore(found.arrays, found.facts) if found else None


def segment_of(shop: Shop, customer_id: str) -> str:
    """A customer's letter now; "" for somebody without one, or who did not agree to personalisation."""
    _, model = segmented(shop)
    if model is None or not shop.consent_of(customer_id).allows(Purpose.PERSONALISE):  # type: ignore[arg-type]  # a customer's key is their id
        return ""
    portraits = model.portraits(shop.snapshot(), frozenset([customer_id]))
    return model.labels_of(portraits)[0] if len(portraits) else ""
