"""One thing that was looked at, and how a look that fails becomes one."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from shopkeeper.core.errors import ShopkeeperError
from shopkeeper.settings import Settings

Level = Literal["ok", "warning", "wrong"]
Look = Callable[[Path, Settings], "Iterable[Finding]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. ``key`` names its sentence (``doctor_<key>`` of area ``cli``), which says what to do."""

    level: Level
    key: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: ShopkeeperError | None = None
    """What stopped the look; its own sentence says what to do."""

    def to_dict(self) -> dict[str, Any]:
        why = {} if self.error is None else {"error": self.error.key, **self.error.facts}
        return {"level": self.level, "key": self.key, "facts": {**self.facts, **why}}


def looked(part: str, look: Look, folder: Path, settings: Settings) -> list[Finding]:
    """What a look finds; what stops it is a finding too."""
    try:
        return list(look(folder, settings))
    except ShopkeeperError as error:
        return [Finding(level="wrong", key="broken", facts={"part": part}, error=error)]
    except (OSError, sqlite3.Error) as error:
        return [Finding(level="wrong", key="broken", facts={"part": part, "why": str(error)})]
