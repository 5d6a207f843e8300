"""Prints the exact versions of everything ``shopkeeper[demo,dev]`` needs, as they are installed here."""

import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# Exact versions of everything that `.[demo,dev]` needs, as tested with Python 3.11 on Debian 12 (x86-64).
# Renewed with `make lock`, which writes what the tested .venv holds.
"""
BUILD = "setuptools"


def needed(extras: frozenset[str]) -> set[str]:
    """Canonical names of what the package needs with these extras, however indirectly."""
    found: dict[str, frozenset[str]] = {}
    waiting = [("shopkeeper", extras)]
    while waiting:
        name, wanted = waiting.pop()
        for line in metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker and not any(need.marker.evaluate({"extra": extra}) for extra in wanted or {""}):
                continue
            key = canonicalize_name(need.name)
            known = found.get(key)
            if known is None or not need.extras <= known:
                found[key] = (known or frozenset()) | need.extras
                waiting.append((key, found[key]))
    return set(found)


def main() -> None:
    names = sorted(needed(frozenset({"demo", "dev"})) | {BUILD})
    pins = [f"{metadata.distribution(name).metadata['Name']}=={metadata.version(name)}" for name in names]
    sys.stdout.write(HEADER + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
