"""Which estimators there are: found by walking the package, so a new algorithm is one file and no registry."""

import dataclasses
import importlib
import inspect
import pkgutil
from typing import Any, Final

from shopkeeper.core.errors import SettingsError

ROOT: Final = "shopkeeper.learn."


def discover(package: str = "recommend") -> dict[str, type[Any]]:
    """Path as in shop.toml (``recommend.item_knn.ItemKNN``) -> settings class, for every estimator of a package."""
    folder = importlib.import_module(ROOT + package)
    found: dict[str, type[Any]] = {}
    for module in sorted(pkgutil.iter_modules(folder.__path__), key=lambda part: part.name):
        name = f"{package}.{module.name}"
        own = inspect.getmembers(importlib.import_module(ROOT + name), inspect.isclass)
        found |= {f"{name}.{label}": kind for label, kind in own if _is_estimator(kind, ROOT + name)}
    return found


def _is_estimator(kind: type[Any], module: str) -> bool:
    frozen = dataclasses.is_dataclass(kind) and getattr(kind, "__dataclass_params__").frozen  # noqa: B009  # untyped
    return kind.__module__ == module and bool(frozen) and callable(getattr(kind, "fit", None))


def estimator(path: str) -> type[Any]:
    """The settings class a path of shop.toml names.

    Raises:
        SettingsError: there is no such estimator.
    """
    found = discover(path.partition(".")[0]) if path.partition(".")[0] == "recommend" else {}
    if path not in found:
        raise SettingsError("setting_bad", where="models", name="use", value=path, wanted=", ".join(discover()))
    return found[path]
