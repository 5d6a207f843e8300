"""Whether Spark can work here: its package, its Java, and somebody who answers where it shall run."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from importlib import metadata
from typing import Final

from shopkeeper.core.errors import SettingsError

_LEAST_JAVA: Final = 17
_SECONDS: Final = 5.0
_PLACES: Final = re.compile(r"^spark://(.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What Spark would run with."""

    spark: str
    java: str


def check(master: str) -> Checked:
    """Look for everything that Spark needs, without starting it (that takes some 15 seconds).

    Raises:
        SettingsError: pyspark or Java is missing or too old, or no master of ``spark://…`` can be reached.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise SettingsError("extra_missing", extra="scale", package="pyspark", what="[batch] engine = spark")
    java = _java()
    found = _PLACES.match(master)
    if found:
        _reach(master, found[1].split(","))
    return Checked(spark=metadata.version("pyspark"), java=java)


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if program is None and home:
        raise SettingsError("java_home_wrong", home=home)
    if program is None:
        raise SettingsError("java_missing", needed=_LEAST_JAVA)
    asked = [program, "-version"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - the Java of PATH
    version = re.search(r'version "(\d+)([^"]*)"', said.stderr + said.stdout)
    if version is None or int(version[1]) < _LEAST_JAVA:
        raise SettingsError("java_old", program=program, version=version[1] if version else "?", needed=_LEAST_JAVA)
    return version[1] + version[2]


def _reach(master: str, places: list[str]) -> None:
    """A cluster may have several masters; one that answers is enough."""
    why = ""
    for place in places:
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_SECONDS).close()
        except (OSError, ValueError) as error:
            why = f"{place}: {error}"
        else:
            return
    raise SettingsError("spark_unreachable", master=master, why=why)
