"""The JSON of profiles and of the events behind their numbers."""

from typing import Annotated, Any

from msgspec import Meta, Struct


class ProfileIn(Struct, frozen=True, kw_only=True):
    """As of which day or moment (2026-06-30, or with a time); now where absent."""

    as_of: Annotated[str, Meta(max_length=40)] = ""


class ProfileOut(Struct, frozen=True, kw_only=True):
    """A profile in three groups: ``basic`` as imported; ``behaviour`` with the address of the events behind each
    number; ``others``: what third parties say, each with its source and consent, only where the customer agreed."""

    id: str
    at: str
    currency: str
    basic: dict[str, Any] = {}
    behaviour: dict[str, Any] = {}
    others: dict[str, Any] = {}


class EvidenceIn(Struct, frozen=True, kw_only=True):
    """The number of a profile by its name; of habits and search words ``value`` says which."""

    field: Annotated[str, Meta(max_length=40)]
    value: Annotated[str, Meta(max_length=500)] = ""
    as_of: Annotated[str, Meta(max_length=40)] = ""
    count: Annotated[int, Meta(ge=1, le=1000)] = 100


class EvidenceOut(Struct, frozen=True, kw_only=True):
    """The newest events behind a number, and how many there are in all."""

    id: str
    field: str
    value: str
    total: int
    rows: list[dict[str, Any]] = []
