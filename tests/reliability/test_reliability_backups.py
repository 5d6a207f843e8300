"""Laws of backups: made while the shop is written, each restores to what was acknowledged before it began."""

from pathlib import Path

import backing_up


def test_backups_under_load_hold_what_was_acknowledged(quick_path: Path) -> None:
    """Nothing lost, doubled or in halves; the doctor finds nothing wrong; events were taken all the while."""
    made = backing_up.under_load(quick_path, 3)
    assert made.backups == 3
    assert made.found.clean
    assert made.sick == 0
    assert made.acknowledged >= 3 + 6 + 9
