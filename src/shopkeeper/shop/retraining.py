"""Training again by itself: a server starts ``shopkeeper train`` in a process of its own when the models have aged."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Final

from shopkeeper.shop.shop import Shop

_log: Final = logging.getLogger(__name__)
_NICE: Final = 10
_HOUR: Final = 3_600.0
_SLACK: Final = 60.0
"""By how many seconds a clock may be put back without that saying anything about the models."""
_OUTPUT: Final = "training.log"
_REFUSED: Final = (2, os.EX_TEMPFAIL)
"""Exit codes of a command that said in one sentence why not."""


class Retraining:
    """``look`` now and then. One training at a time; a failed one is tried again ``[train] every_hours`` later.

    The first training is the operator's: until there is a version, nothing is started. What answers while it runs goes
    on answering, and the version it publishes is found by ``Shop.reload``.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._tried_at: float | None = None

    def look(self) -> None:
        """Note how a training ended; start one where it is due."""
        if self._process is not None:
            self._finish()
        elif self._due():
            self._start()

    def age_seconds(self) -> float | None:
        """How long ago the version that answers was made or chosen; None where there is none."""
        since = self._shop.models.current_since()
        return None if since is None else max(0.0, time.time() - since)

    def _due(self) -> bool:
        wait, since = self._shop.settings.train.every_hours * _HOUR, self._shop.models.current_since()
        if wait <= 0 or since is None or not self._rested(wait):
            return False
        age = time.time() - since
        return age >= wait or age < -_SLACK  # chosen by a clock that was ahead: it would not age until that day

    def _rested(self, wait: float) -> bool:
        """Whether the last try is long enough ago, whatever was done to the clock since."""
        return self._tried_at is None or time.monotonic() - self._tried_at >= wait

    def _start(self) -> None:
        self._tried_at = time.monotonic()
        folder = str(self._shop.folder.absolute())
        words = [sys.executable, "-m", "shopkeeper.apps.cli.main", "train", "--shop", folder, "--json"]
        self._output = self._path.open("wb")
        self._process = subprocess.Popen(  # noqa: S603  # our own command, the folder is one argument
            words, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output
        )
        os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
        _log.info("training started")

    def _finish(self) -> None:
        assert self._process is not None  # noqa: S101  # look() asks only then
        code = self._process.poll()
        if code is None:
            return
        self._let_go()
        if code == 0:
            _log.info("training finished: version %s", self._shop.models.current())
        else:
            _log.error("training failed with exit code %s: %s", code, self._why(code))

    def _why(self, code: int) -> str:
        """The one sentence of a refusal. What a crash printed may quote facts about people, so it stays in its file."""
        last = self._path.read_text("utf-8", "replace").strip().splitlines()[-1:]
        return "".join(last)[:300] if code in _REFUSED else f"see {_OUTPUT}"

    @property
    def _path(self) -> Path:
        return self._shop.folder / "tmp" / _OUTPUT

    def _let_go(self) -> None:
        self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None

    def stop(self) -> None:
        """End a training that runs: what it has not published is nothing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
        self._let_go()
