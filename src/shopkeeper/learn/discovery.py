"""Which estimators there are: found by walking the package, so a new algorithm is one file and no registry."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any, Final

from shopkeeper.core.errors import SettingsError

ROOT: Final = "shopkeeper.learn."


ROOMS: Final = ("recommend",)
"""Packages that hold recommenders."""


def discover(*packages: str) -> dict[str, type[Any]]:
    """Path as in shop.toml (``recommend.item_knn.ItemKNN``) -> settings class, for every estimator of these packages
    (all of ``ROOMS`` if none is named) and of their folders. A folder's own folders are not looked into: what needs
    torch lives there."""
    found: dict[str, type[Any]] = {}
    for package in packages or ROOMS:
        for name in _modules(package):
            own = inspect.getmembers(importlib.import_module(ROOT + name), inspect.isclass)
            found |= {f"{name}.{label}": kind for label, kind in own if _is_estimator(kind, ROOT + name)}
    return found


def _modules(package: str, *, folders: bool = True) -> Iterator[str]:
    held = pkgutil.iter_modules(importlib.import_module(ROOT + package).__path__)
    for module in sorted(held, key=lambda part: part.name):
        name = f"{package}.{module.name}"
        if not module.ispkg:
            yield name
        elif folders:
            yield from _modules(name, folders=False)


def _is_estimator(kind: type[Any], module: str) -> bool:
    frozen = dataclasses.is_dataclass(kind) and getattr(kind, "__dataclass_params__").frozen  # noqa: B009  # untyped
    return kind.__module__ == module and bool(frozen) and callable(getattr(kind, "fit", None))


def estimator(path: str) -> type[Any]:
    """The settings class a path of shop.toml names.

    Raises:
        SettingsError: there is no such estimator.
    """
    room = path.partition(".")[0]
    found = discover(room) if room in ROOMS else {}
    if path not in found:
        raise SettingsError("setting_bad", where="models", name="use", value=path, wanted=", ".join(discover()))
    return found[path]
