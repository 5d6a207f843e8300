"""Real sessions of a shop: the learners reach the figure that published work reaches, calibrated."""

from pathlib import Path

import numpy as np
import pytest

from shopkeeper.apps.cli.benchmark_files import read_rows
from shopkeeper.learn.propensity.comparing import by_folds, compare
from shopkeeper.learn.propensity.encoding import encoded, outcome_of_texts

SESSIONS = Path(__file__).parents[4] / "shared/data/shoppers_intention/online_shoppers_intention.csv"


@pytest.mark.skipif(not SESSIONS.is_file(), reason="the sessions of shoppers_intention are not beside this folder")
def test_purchases_of_12330_sessions_are_foretold() -> None:
    """Floor: AUC at least 0.92 over 10 folds, calibration error under 0.03; 12,330 rows, 1,908 purchases."""
    cells = read_rows(SESSIONS)
    came = outcome_of_texts(cells.pop("Revenue"), "Revenue")
    assert (len(came), came.sum()) == (12_330, 1_908)
    (found,) = compare(encoded(cells), came, by_folds(came, 10), learners=("gradient_boosting",))
    assert found.figures["auc"].value >= 0.92
    assert found.figures["calibration_error"].value < 0.03
    assert np.array_equal(found.rows, np.arange(12_330))
