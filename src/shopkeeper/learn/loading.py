"""From a path in shop.toml to an estimator, and from a stored model's path to its class.

Paths are inside this package only (``recommend.item_knn.ItemKNN``), so a settings file cannot name foreign code.
"""

import importlib
import importlib.util
import re
from collections.abc import Mapping
from typing import Any

from shopkeeper.core.errors import DataError, SettingsError, Unavailable
from shopkeeper.core.ports import Estimator, Stored
from shopkeeper.core.typed import build
from shopkeeper.settings import ModelSection

_ROOT = "shopkeeper.learn"
_PATH = re.compile(r"[a-z_]+(\.[a-z0-9_]+)*\.[A-Za-z][A-Za-z0-9]*")
_EXTRA_OF = {"torch": "deep", "pyspark": "scale", "redis": "scale", "confluent_kafka": "scale", "implicit": "matrix"}


def resolve(path: str) -> Any:
    """The class at a path.

    Raises:
        SettingsError: there is none.
        Unavailable: it needs a package that is not installed (``extra_missing`` names the extra).
    """
    module, _, name = path.rpartition(".")
    try:
        if not _PATH.fullmatch(path):
            raise AttributeError(path)
        return getattr(importlib.import_module(f"{_ROOT}.{module}"), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _EXTRA_OF:
            raise Unavailable("extra_missing", extra=_EXTRA_OF[missing], package=missing) from error
        raise SettingsError("unknown_algorithm", path=path) from error
    except AttributeError as error:
        raise SettingsError("unknown_algorithm", path=path) from error


def estimator(name: str, section: ModelSection) -> Estimator[Any]:
    """The estimator of one ``[models.<name>]`` section."""
    found: Estimator[Any] = build(resolve(section.use), section.settings, f"models.{name}")
    return found


def installed(section: ModelSection) -> bool:
    """Whether the library that a model learns with (its ``needs``) is there."""
    needs = getattr(resolve(section.use), "needs", "")
    return not needs or importlib.util.find_spec(needs) is not None


def path_of(model: object) -> str:
    """The path under which a model's class is found again."""
    kind = type(model)
    return f"{kind.__module__.removeprefix(_ROOT + '.')}.{kind.__qualname__}"


def restored(use: str, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> Any:
    """A model from its parts.

    Raises:
        DataError: they are not this release's (``model_outdated``): training makes new ones.
    """
    kind: type[Stored] = resolve(use)
    try:
        return kind.restore(arrays, facts)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError("model_outdated", model=use) from error
