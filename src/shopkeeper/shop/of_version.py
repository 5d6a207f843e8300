"""What is read from the models of the current version, and kept for as long as it is the current one."""

from collections.abc import Callable
from typing import Final, TypeVar, cast

from shopkeeper.data.model_store import Bundle
from shopkeeper.shop.shop import Shop

T = TypeVar("T")
_OUTDATED: Final = object()
"""Stands for a model that was made by another release and cannot be read."""


def of_version(shop: Shop, name: str, read: Callable[[Bundle], T]) -> tuple[str, T | None]:
    """The current version and what ``read`` makes of its bundle; "" and None before the first training. None, too,
    where what is stored is of another release: ``is_outdated`` says so, and training makes a new one."""
    version = shop.models.current()
    if version is None:
        return "", None

    def found() -> object:
        bundle = shop.models.load(version, verify=False)
        try:
            return read(bundle)
        except (KeyError, TypeError, ValueError, AttributeError):
            return _OUTDATED

    value = shop.kept[f"model {name}"].at(version, found)
    return version, None if value is _OUTDATED else cast("T", value)


def is_outdated(shop: Shop, name: str) -> bool:
    """Whether the current version's model of this name was asked for and could not be read, or used, by this
    release."""
    last = shop.kept[f"model {name}"].last
    return last is not None and last == (shop.models.current(), _OUTDATED)


def set_outdated(shop: Shop, name: str) -> None:
    """The model could be read and could not be used: it asks for what this release does not know."""
    shop.kept[f"model {name}"].put(shop.models.current(), _OUTDATED)


def why_none(shop: Shop, name: str) -> str:
    """The key of the meter that says why there is no model of this name."""
    return "outdated" if is_outdated(shop, name) else "not_trained"
