"""Laws of the figures about probabilities."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as reference_log_loss

from shopkeeper.measure.probability import auc, brier, calibration_error, figures, log_loss, top_lift


def test_figures_are_those_of_a_reference_library() -> None:
    """AUC with ties, log loss and Brier score equal scikit-learn's."""
    rng = np.random.default_rng(0)
    said = np.round(rng.random(500), 2)
    came = (rng.random(500) < said).astype(float)
    assert auc(came, said) == pytest.approx(roc_auc_score(came, said))
    assert log_loss(came, said) == pytest.approx(reference_log_loss(came, np.clip(said, 1e-12, 1 - 1e-12)))
    assert brier(came, said) == pytest.approx(brier_score_loss(came, said))


def test_a_true_probability_has_almost_no_calibration_error() -> None:
    """Said what is so: error near 0; said always 0.1 too much: error 0.1."""
    rng = np.random.default_rng(1)
    said = rng.uniform(0.1, 0.8, 200_000)
    came = rng.random(200_000) < said
    assert calibration_error(came, said) < 0.005
    assert calibration_error(came, said + 0.1) == pytest.approx(0.1, abs=0.005)


def test_one_kind_of_outcome_has_no_auc() -> None:
    """NaN, not an error; and the best tenth of a perfect ranking holds ten times the share."""
    assert np.isnan(auc([1, 1], [0.2, 0.3]))
    came = np.repeat([1.0, 0.0], [10, 90])
    assert top_lift(came, came) == pytest.approx(10)
    found = figures(came, np.linspace(1, 0, 100), resamples=50)
    assert all(one.low <= one.value <= one.high for one in found.values())
