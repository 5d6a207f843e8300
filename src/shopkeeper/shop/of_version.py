"""What is read from the models of the current version, and kept for as long as it is the current one."""

from collections.abc import Callable
from typing import TypeVar, cast

from shopkeeper.core.errors import DataError
from shopkeeper.data.model_store import Bundle
from shopkeeper.shop.shop import Shop

T = TypeVar("T")


def of_version(shop: Shop, name: str, read: Callable[[Bundle], T]) -> tuple[str, T | None]:
    """The current version and what ``read`` makes of its bundle; "" and None before the first training.

    Raises:
        DataError: what is stored is of another release (``model_outdated``): training makes new ones.
    """
    version = shop.models.current()
    if version is None:
        return "", None
    kept = shop.of_version.get(name)
    if kept is None or kept[0] != version:
        bundle = shop.models.load(version, verify=False)
        try:
            kept = shop.of_version[name] = (version, read(bundle))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError("model_outdated", model=name) from error
    return version, cast("T", kept[1])
