"""Who is whom, for people: how many browsers are linked and why others are not, a customer's browsers, unlinking."""

from datetime import datetime
from typing import Any, Final

from shopkeeper.core.errors import NotFound, SettingsError
from shopkeeper.core.ids import PersonKey, is_id, is_placeholder
from shopkeeper.shop.shop import Shop

_MOST: Final = 50


def identity_facts(shop: Shop) -> dict[str, Any]:
    """Counts of browsers by what became of them, who was refused for being too many, and who was unlinked."""
    known, now = shop.identities.now(), shop.clock()
    return {
        "rules": {"window_days": known.rules.window_days, "most_customers": known.rules.most_customers,
                  "most_visitors": known.rules.most_visitors},
        "counts": known.counts(now), "crowds": known.crowds(now, _MOST),
        "unlinked": [
            {"visitor": one.visitor, "at": one.at.isoformat(), "source": one.source}
            for one in shop.state.unlinked.list()
        ],
    }  # fmt: skip


def browsers_of(shop: Shop, customer_id: str, at: datetime | None = None) -> list[dict[str, Any]]:
    """The browsers a customer was seen with: since when, how many people used each, whether it is linked or why not."""
    pairs = shop.identities.about(customer_id).pairs(at or shop.clock()).to_pylist()
    return [
        {"visitor": row["visitor"], "since": row["first_at"], "customers": row["customers"], "verdict": row["verdict"]}
        for row in pairs
        if row["customer"] == customer_id
    ]


def known_as(shop: Shop, customer_id: str, at: datetime | None = None) -> str:
    """The customer whose telephone number this is, as far as both agreed to be joined; any other id itself."""
    if not customer_id.startswith("+"):
        return customer_id
    return shop.identities.now().whose(PersonKey(customer_id), at or shop.clock())


def unlink(shop: Shop, visitor: str, *, source: str) -> None:
    """Keep a browser apart from every customer, from now on and at every moment of the past; again is no error.

    Raises:
        SettingsError: no browser can be called so.
    """
    if not is_id(visitor) or is_placeholder(visitor):
        raise SettingsError(
            "setting_bad", where="identity", name="visitor", value=visitor[:100], wanted="a visitor's id"
        )
    shop.state.unlinked.unlink(visitor, at=shop.clock(), source=source)


def relink(shop: Shop, visitor: str) -> None:
    """Take that back.

    Raises:
        NotFound: the browser was not unlinked.
    """
    if not shop.state.unlinked.relink(visitor):
        raise NotFound("not_unlinked", visitor=visitor)
