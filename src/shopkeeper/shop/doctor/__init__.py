"""Looks at everything a shop stands on and says what is wrong and what to do."""

from pathlib import Path
from typing import Final

from shopkeeper.core.errors import ShopkeeperError
from shopkeeper.settings import load
from shopkeeper.shop.doctor import engines, facts, machine
from shopkeeper.shop.doctor.finding import Finding, looked

__all__ = ["Finding", "examine"]

_LOOKS = {
    "lock": machine.lock, "permissions": machine.permissions, "space": machine.space, "disk": machine.syncing,
    "files": facts.files, "state": engines.state, "together": facts.together, "lake": facts.lake,
    "identity": facts.identity, "models": facts.models, "clock": machine.clock,
    "stream": engines.stream, "profiles": engines.profiles, "batch": engines.batch, "extras": engines.extras,
}  # fmt: skip

_ASKS: Final = {"together": "state"}
"""A look that asks what another has found away would only say so again."""


def examine(folder: Path) -> list[Finding]:
    """Every finding, in the order of what depends on what. The shop is left as it was."""
    try:
        settings = load(folder)
    except ShopkeeperError as error:
        return [Finding(level="wrong", key="settings", error=error)]
    found = [Finding(level="ok", key="settings_ok", facts={"name": settings.shop.name})]
    broken: set[str] = set()
    for part, look in _LOOKS.items():
        if _ASKS.get(part) in broken:
            continue
        said = looked(part, look, folder, settings)
        broken |= {part for finding in said if finding.key == "broken"}
        found += said
    return found
