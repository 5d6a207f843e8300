"""Prints exact versions as they are installed here: of what the demo needs, or (``--test``) of what only tests need."""

import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# Exact versions of {what},
# as tested with Python 3.11 on Debian 12 (x86-64).
# Renewed with `make lock`, which writes what the tested .venv holds.
"""
DEMO, TEST = frozenset({"demo"}), frozenset({"demo", "deep", "matrix", "scale", "dev"})
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
    names, what = needed(DEMO) | {BUILD}, "everything that `.[demo]` needs"
    if "--test" in sys.argv:
        names, what = needed(TEST) - names, "what the tests need beside requirements.lock: `.[deep,matrix,scale,dev]`"
    pins = [
        f"{metadata.distribution(name).metadata['Name']}=={metadata.version(name).partition('+')[0]}"
        for name in sorted(names)
    ]
    sys.stdout.write(HEADER.format(what=what) + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
