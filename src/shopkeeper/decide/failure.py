"""What went wrong, in words that may be logged: never an error's facts, which may name a person."""

import traceback
from pathlib import PurePath

from shopkeeper.core.errors import ShopkeeperError


def why(error: Exception) -> str:
    """The kind of an error, and its message key where it has one: ``Unavailable:model_missing``."""
    kind = type(error).__name__
    return f"{kind}:{error.key}" if isinstance(error, ShopkeeperError) else kind


def where(error: Exception) -> str:
    """File and line where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
