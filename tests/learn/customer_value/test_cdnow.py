"""Laws of the value models: the published CDNOW parameters, closed form against simulation, and every bad input."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from shopkeeper.core.errors import DataError
from shopkeeper.learn.customer_value.bg_nbd import BGNBD, Purchases, covariance_of, fit_bg_nbd, log_likelihood
from shopkeeper.learn.customer_value.gamma_gamma import fit_gamma_gamma
from shopkeeper.learn.customer_value.lifetime import Lifetime, fit_lifetime, purchases_of
from shopkeeper.learn.customer_value.next_order import fit_next_order
from shopkeeper.learn.customer_value.price_response import fit_price_response
from shopkeeper.learn.customer_value.shares import fit_shares

PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}


@pytest.fixture(scope="module")
def cdnow() -> np.ndarray:
    """id, x, t_x, T in weeks, mean value: the package's data file, read without importing the package."""
    found = find_spec("lifetimes")
    if found is None or found.origin is None:
        pytest.skip("the package Lifetimes, which carries the CDNOW data, is not installed")
    file = Path(found.origin).parent / "datasets" / "cdnow_customers_summary_with_transactions.csv"
    return np.loadtxt(file, delimiter=",", skiprows=1)


def purchases(table: np.ndarray) -> Purchases:
    return Purchases(x=table[:, 1], t_x=table[:, 2], T=table[:, 3])


def test_the_likelihood_tells_its_slopes(cdnow: np.ndarray) -> None:
    """Law: they are its differences, with and without repeat purchases."""
    known = purchases(cdnow[:300])
    for at in (np.zeros(4), np.array([-1.4, 1.5, -0.2, 0.9]), np.array([1.0, 3.0, -4.0, 2.0])):
        _, slopes = log_likelihood(at, known)
        for place, step in enumerate(np.eye(4) * 1e-5):
            seen = (log_likelihood(at + step, known)[0] - log_likelihood(at - step, known)[0]) / 2e-5
            assert slopes[place] == pytest.approx(seen, abs=1e-6)


def test_cdnow_gives_the_published_parameters(cdnow: np.ndarray) -> None:
    """Fader, Hardie & Lee (2005): r, alpha, a, b within 1 %, and each lies in its own interval."""
    found = fit_bg_nbd(purchases(cdnow))
    for name, wanted in PUBLISHED.items():
        assert getattr(found, name) == pytest.approx(wanted, rel=0.01), name
        low, high = found.intervals()[name]
        assert low < wanted < high


def test_cdnow_gives_the_published_spending(cdnow: np.ndarray) -> None:
    """Fader & Hardie (2013), Gamma-Gamma on the repeat buyers: p 6.25, q 3.74, gamma 15.44."""
    found = fit_gamma_gamma(cdnow[:, 1], cdnow[:, 4])
    assert (found.p, found.q, found.gamma) == pytest.approx((6.25, 3.74, 15.44), rel=0.01)


def test_the_expected_purchases_are_the_mean_of_the_simulated(cdnow: np.ndarray) -> None:
    """Equation 10 agrees with drawing futures, and the first customer's 39 weeks with the paper's 1.226."""
    known = purchases(cdnow)
    found = fit_bg_nbd(known)
    expected = found.expected(known, 39.0)
    drawn = found.draw(known, 39.0, 400, np.random.default_rng(1))
    assert expected[0] == pytest.approx(1.226, abs=0.002)
    assert drawn.mean() == pytest.approx(expected.mean(), rel=0.01)
    assert ((found.alive(known) >= 0) & (found.alive(known) <= 1)).all()


def test_thousands_of_orders_do_not_overflow() -> None:
    """An extreme buyer, and a = 1 where the formula has 0 / 0, give finite numbers."""
    for a in (0.5, 1.0, 3.0):
        model = BGNBD(r=0.3, alpha=4.0, a=a, b=2.0, log_likelihood=0.0, covariance=np.full((4, 4), np.nan))
        known = Purchases(x=np.array([0.0, 9000.0]), t_x=np.array([0.0, 364.99]), T=np.array([1.0, 365.0]))
        expected = model.expected(known, 365.0)
        assert np.isfinite(expected).all()
        assert expected[1] > expected[0] >= 0


def test_nobody_ever_leaves() -> None:
    """Where leaving is all but impossible (a tiny, b huge) purchases come at the posterior mean rate."""
    known = Purchases(x=np.array([0.0, 20.0]), t_x=np.array([0.0, 140.0]), T=np.array([100.0, 150.0]))
    for a, b in ((6e-6, 1.6e5), (1e-3, 1.6e5), (1e-5, 50.0)):
        model = BGNBD(r=2.0, alpha=10.0, a=a, b=b, log_likelihood=0.0, covariance=np.full((4, 4), np.nan))
        wanted = (2.0 + known.x) / (10.0 + known.T) * 365
        assert model.expected(known, 365.0) == pytest.approx(wanted, rel=0.01)


def test_a_kept_model_is_the_same(cdnow: np.ndarray) -> None:
    """facts -> restore gives equal answers."""
    known = purchases(cdnow)
    model = fit_lifetime(known, np.where(cdnow[:, 4] > 0, cdnow[:, 4], np.nan))
    again = Lifetime.restore(model.facts())
    assert np.array_equal(again.buying.expected(known, 10.0), model.buying.expected(known, 10.0))


def test_what_cannot_be_fitted_says_why() -> None:
    """One customer, all values equal, no return, prices that never move: a DataError with its key, never a number."""
    one = Purchases(x=np.array([0.0]), t_x=np.array([0.0]), T=np.array([5.0]))
    ones = np.ones(50)
    for key, make in (
        ("too_few_repeats", lambda: fit_bg_nbd(one)),
        ("too_few_values", lambda: fit_gamma_gamma(ones[:1], ones[:1])),
        ("values_all_equal", lambda: fit_gamma_gamma(ones, ones)),
        ("values_all_equal", lambda: fit_shares(ones * 0, ones)),
        ("prices_never_changed", lambda: fit_price_response(ones * 0, ones * 0)),
        ("too_few_repeats", lambda: fit_next_order(ones, ones, ones, ones * np.nan, 30.0)),
    ):
        with pytest.raises(DataError) as caught:
            make()
        assert caught.value.key == key


def test_a_clock_in_the_future_counts_as_now() -> None:
    """Ages below zero are zero; a last order never lies after now."""
    found = purchases_of(np.array([2.0]), np.array([-3.0]), np.array([-5.0]))
    assert (found.T[0], found.t_x[0]) == (0.0, 0.0)


def test_planted_shares_and_elasticities_are_found_again() -> None:
    """Beta(2, 6) shares and elasticities around -2 with spread 0.5 come back within sampling error."""
    rng = np.random.default_rng(0)
    own, tries = rng.beta(2, 6, 4000), rng.integers(3, 40, 4000).astype(float)
    found = fit_shares(rng.binomial(tries.astype(int), own).astype(float), tries)
    assert found.a / (found.a + found.b) == pytest.approx(0.25, abs=0.01)
    assert found.a + found.b == pytest.approx(8, rel=0.15)
    room = rng.uniform(1, 20, 4000)
    pull = room * rng.normal(-2, 0.5, 4000) + rng.normal(0, np.sqrt(room))
    answers = fit_price_response(pull, room)
    assert answers.mean == pytest.approx(-2, abs=0.05)
    assert answers.spread == pytest.approx(0.5, abs=0.06)


def test_waits_are_found_again_though_some_are_not_over() -> None:
    """Exponential waits, cut at a window: the median wait is ln 2 gaps, however long somebody was quiet before."""
    rng = np.random.default_rng(0)
    people, gap = 20_000, 10.0
    wait = rng.exponential(gap, people)
    model = fit_next_order(
        np.full(people, 1000.0),
        np.full(people, gap),
        rng.exponential(gap, people),
        np.where(wait < 30, wait, np.nan),
        30.0,
    )
    assert model.wait(gap, 0.0, 0.5) == pytest.approx(gap * np.log(2), rel=0.1)
    assert model.wait(gap, 10.0, 0.5) == pytest.approx(gap * np.log(2), rel=0.1)


@pytest.mark.parametrize("flat", [0.0, 1e-30, 1e-20, 1e-18])
def test_a_direction_that_says_nothing_has_no_covariance(flat: float) -> None:
    """Where the likelihood does not change, or changes by less than digits can tell, nothing is sure of it: NaN and no
    error, and so no training fails over it."""
    found = covariance_of(lambda at: float((at[0] + at[1]) ** 2 + flat * at[1] ** 2), np.zeros(2))
    assert np.isnan(found).all()
    known = covariance_of(lambda at: float(at[0] ** 2 + 2 * at[1] ** 2), np.zeros(2))
    assert known == pytest.approx(np.diag([0.5, 0.25]), rel=1e-6)
