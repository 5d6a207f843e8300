"""BG/NBD: how often each customer buys while they are a customer, and whether they still are one.

While active a customer buys as a Poisson process of rate lambda ~ Gamma(r, alpha); after each purchase they leave for
good with probability p ~ Beta(a, b). Known of each customer: ``x`` repeat purchases, ``t_x`` the time of the last one
and ``T`` the time since the first purchase, all in the same unit of time.

Source: Fader, Hardie, Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model,
Marketing Science 24(2); conditional expectation: equation 10; P(alive): Fader, Hardie, Lee (2008), Computing P(alive)
using the BG/NBD model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, expit, gammaln, hyp2f1

from shopkeeper.core.errors import DataError

Float64 = NDArray[np.float64]
NAMES: Final = ("r", "alpha", "a", "b")
_STARTS: Final = ((0.0, 0.0, 0.0, 0.0), (-1.0, 1.5, -0.5, 1.0), (1.0, 2.0, -2.0, 0.5))
_LEAST_REPEATS: Final = 10
MOST_PEOPLE: Final = 20_000
"""So many customers, drawn at random, settle four parameters to a percent; more only take longer."""
_BOUND: Final = 12.0
_HARDLY: Final = 1e-6
_Z95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """What is known of customers' repeat purchases, one row each."""

    x: Float64
    """Repeat purchases: those after the first."""
    t_x: Float64
    """Time from the first purchase to the last; 0 without a repeat."""
    T: Float64
    """Time from the first purchase to now."""

    def __post_init__(self) -> None:
        if not (len(self.x) == len(self.t_x) == len(self.T)):
            raise ValueError("x, t_x and T differ in length")
        if ((self.x < 0) | (self.t_x < 0) | (self.t_x > self.T)).any():
            raise ValueError("a purchase lies before the first one or after now")

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, which: NDArray[np.bool_] | NDArray[np.integer]) -> "Purchases":
        """Some of the customers."""
        return Purchases(x=self.x[which], t_x=self.t_x[which], T=self.T[which])


@dataclass(frozen=True, slots=True, kw_only=True)
class BGNBD:
    """The fitted model. ``covariance`` (4, 4) is of the logarithms of r, alpha, a, b; NaN where it cannot be had."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    covariance: Float64

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        return self.r, self.alpha, self.a, self.b

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % intervals of the parameters by the delta method on their logarithms, so that none is negative."""
        spread = _Z95 * np.sqrt(np.diag(self.covariance))
        return {
            name: (float(value * np.exp(-half)), float(value * np.exp(half)))
            for name, value, half in zip(NAMES, self.parameters, spread, strict=True)
        }

    def alive(self, known: Purchases) -> Float64:
        """(customers,) the probability that each is still a customer; 1 for one who never came back.

        That is the model's own answer: nobody leaves but after a repeat purchase.
        """
        x = np.maximum(known.x, 1)
        odds = (
            np.log(self.a)
            - np.log(self.b + x - 1)
            + (self.r + x) * np.log((self.alpha + known.T) / (self.alpha + known.t_x))
        )
        return np.where(known.x > 0, expit(-odds), 1.0)

    def expected(self, known: Purchases, time: float) -> Float64:
        """(customers,) purchases expected in the next ``time``, given what each did. Equation 10 of the source."""
        a = self.a if abs(self.a - 1) > 1e-7 else 1 + 1e-7
        top, left = a + self.b + known.x - 1, np.log1p(-time / (self.alpha + known.T + time))
        # Euler's transformation of the source's series: its terms stay moderate for customers with thousands of orders.
        series = hyp2f1(a + self.b - 1 - self.r, a - 1, top, -np.expm1(left))
        with np.errstate(invalid="ignore", over="ignore"):  # 0 x infinity: not finite, so the steady rate answers
            grown = top / (a - 1) * (1 - np.exp((a - 1) * left) * series)
        # Where hardly anybody ever leaves the series cannot be summed; purchases then come at the posterior mean rate.
        steady = (self.r + known.x) / (self.alpha + known.T) * time
        rarely = self.a / (self.a + self.b) < _HARDLY
        return np.asarray(np.where(np.isfinite(grown) & (not rarely), grown, steady) * self.alive(known), np.float64)

    def alive_under(self, known: Purchases, rng: np.random.Generator, draws: int = 200) -> Float64:
        """(draws, customers) ``alive`` under parameters that the data allow too: a parametric bootstrap of the fit."""
        if not np.isfinite(self.covariance).all():
            return self.alive(known)[None]
        others = rng.multivariate_normal(np.log(self.parameters), self.covariance, size=draws)
        made = (replace(self, **dict(zip(NAMES, np.exp(logs).tolist(), strict=True))) for logs in others)
        return np.stack([each.alive(known) for each in made])

    def draw(self, known: Purchases, time: float, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """(customers, draws) possible numbers of purchases in the next ``time``: who will come is uncertain, not only
        how often on average.

        Given that a customer is still one, lambda ~ Gamma(r + x, alpha + T) and p ~ Beta(a, b + x); the purchases are
        then the smaller of a Poisson count and the number that a geometric leaving allows.
        """
        shape = (len(known), draws)
        rate = rng.gamma(np.broadcast_to((self.r + known.x)[:, None], shape)) / (self.alpha + known.T)[:, None]
        leave = rng.beta(self.a, np.broadcast_to((self.b + known.x)[:, None], shape))
        count = rng.poisson(np.minimum(rate * time, 1e9))
        most = rng.geometric(np.clip(leave, 1e-12, 1.0))
        here = rng.random(shape) < self.alive(known)[:, None]
        return np.where(here, np.minimum(count, most), 0).astype(np.int64)


def log_likelihood(logs: Float64, known: Purchases) -> tuple[Float64, Float64]:
    """(customers,) log-likelihood at the logarithms of (r, alpha, a, b), and its (4, customers) slopes along them.
    Equation 6 of the source."""
    r, alpha, a, b = np.exp(np.clip(logs, -_BOUND, _BOUND))
    x, repeat = known.x, known.x > 0
    again = np.maximum(x, 1)
    until_now, until_last = np.log(alpha + known.T), np.log(alpha + known.t_x)
    both = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stay = betaln(a, b + x) - betaln(a, b) - (r + x) * until_now
    left = betaln(a + 1, b + again - 1) - betaln(a, b) - (r + x) * until_last
    either = np.logaddexp(stay, np.where(repeat, left, -np.inf))
    stays = np.exp(stay - either)
    leaves = 1 - stays
    ever, never = digamma(a + b), digamma(a + b + x)
    slopes = np.stack([
        r * (digamma(r + x) - digamma(r) + np.log(alpha) - stays * until_now - leaves * until_last),
        r - alpha * (r + x) * (stays / (alpha + known.T) + leaves / (alpha + known.t_x)),
        a * (leaves / a - never + ever),  # digamma(a + 1) - digamma(a) = 1 / a
        b * (digamma(b + x) - leaves / np.maximum(b + again - 1, 1e-300) - never - digamma(b) + ever),
    ])  # fmt: skip
    return np.asarray(both + either, np.float64), np.asarray(slopes, np.float64)


def fit_bg_nbd(known: Purchases) -> BGNBD:
    """The most likely parameters. Equal histories are counted, not repeated, and of more than ``MOST_PEOPLE`` customers
    a random sample is learned from, so a million customers fit in seconds.

    Raises:
        DataError: too few people came back to learn from (``too_few_repeats``), or no maximum was found.
    """
    repeats = int((known.x > 0).sum())
    if repeats < _LEAST_REPEATS:
        raise DataError("too_few_repeats", have=repeats, needed=_LEAST_REPEATS)
    known = _some(known)
    scale = float(np.mean(known.T)) / 10 or 1.0
    rows, weight = _counted(known, scale)

    def loss(logs: Float64) -> tuple[float, Float64]:
        value, slopes = log_likelihood(logs, rows)
        return -float(weight @ value) / float(weight.sum()), -(slopes @ weight) / float(weight.sum())

    found = min((lowest(loss, start) for start in _STARTS), key=lambda each: each.fun)
    if not np.isfinite(found.fun):
        raise DataError("model_not_fitted", model="BG/NBD")
    r, alpha, a, b = np.exp(np.clip(found.x, -_BOUND, _BOUND))
    return BGNBD(
        r=float(r), alpha=float(alpha * scale), a=float(a), b=float(b), log_likelihood=-found.fun * len(known),
        covariance=covariance_of(lambda logs: loss(logs)[0] * len(known), found.x),
    )  # fmt: skip


def lowest(loss: Callable[[Float64], tuple[float, Float64]], start: Sequence[float]) -> Any:
    """Where a loss that tells its slopes is lowest, going downhill from a start."""
    from scipy.optimize import minimize  # here: only learning needs it

    bounds, until = [(-_BOUND, _BOUND)] * len(start), {"maxiter": 500, "ftol": 1e-14, "gtol": 1e-9}
    return minimize(loss, np.array(start), jac=True, method="L-BFGS-B", bounds=bounds, options=until)


def _some(known: Purchases) -> Purchases:
    if len(known) <= MOST_PEOPLE:
        return known
    drawn = np.random.default_rng(0).choice(len(known), MOST_PEOPLE, replace=False)
    return Purchases(x=known.x[drawn], t_x=known.t_x[drawn], T=known.T[drawn])


def _counted(known: Purchases, scale: float) -> tuple[Purchases, Float64]:
    table = np.stack([known.x, known.t_x / scale, known.T / scale], axis=1)
    rows, counts = np.unique(table, axis=0, return_counts=True)
    return Purchases(x=rows[:, 0], t_x=rows[:, 1], T=rows[:, 2]), counts.astype(np.float64)


def covariance_of(loss: Callable[[Float64], float], at: Float64, step: float = 1e-4) -> Float64:
    """The inverse of the observed information (central differences); NaN where it is not positive definite."""
    size = len(at)
    unit = np.eye(size) * step
    hessian = np.array([
        [(loss(at + unit[i] + unit[j]) - loss(at + unit[i] - unit[j]) - loss(at - unit[i] + unit[j])
          + loss(at - unit[i] - unit[j])) / (4 * step**2) for j in range(size)] for i in range(size)
    ])  # fmt: skip
    if not np.isfinite(hessian).all():
        return np.full((size, size), np.nan)
    hessian = (hessian + hessian.T) / 2
    curved = np.linalg.eigvalsh(hessian)
    if curved[0] <= size * np.finfo(np.float64).eps * curved[-1]:  # flat in some direction, as far as digits go
        return np.full((size, size), np.nan)
    return np.asarray(np.linalg.inv(hessian), np.float64)
