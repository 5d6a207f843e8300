"""Laws of every learner of stars: it finds what was planted, never looks ahead, explains exactly, and is kept."""

import json

import numpy as np
import pytest

from shopkeeper.core.errors import DataError, SettingsError
from shopkeeper.learn.propensity.columns import Columns
from shopkeeper.learn.propensity.reading import drawn
from shopkeeper.learn.rating import rater as raters
from shopkeeper.learn.rating.asking import NAMES, Asking
from shopkeeper.learn.rating.comparing import compare_raters, split_by_newest, split_by_time
from shopkeeper.learn.rating.factors import FitFactors
from shopkeeper.learn.rating.ordinal import OrdinalLogistic
from shopkeeper.learn.rating.rated import Ratings, Words, before
from shopkeeper.learn.rating.rater import LEAST_RATINGS, RATERS, Rater, Rates, fit_rater, rater_of, taught

PRODUCTS = tuple(f"p{n}" for n in range(40))
WORDS = Words.of([[f"kind {n % 4}", "all"] for n in range(40)])


def planted(people: int = 120, each: int = 30, seed: int = 0) -> Ratings:
    """Stars 1 to 5: a product's quality, a customer's mildness, and a liking for one of four kinds, with noise."""
    dice = np.random.default_rng(seed)
    quality, mild = dice.normal(0, 0.7, 40), dice.normal(0, 0.5, people)
    likes = dice.integers(0, 4, people)
    who = np.repeat(np.arange(people), each)
    product = np.concatenate([dice.choice(40, each, replace=False) for _ in range(people)])
    stars = 3.2 + quality[product] + mild[who] + 0.8 * (likes[who] == product % 4) + dice.normal(0, 0.5, len(who))
    at = dice.permutation(len(who)).astype(float)
    return Ratings.sorted(who, product, np.clip(np.round(stars), 1, 5), at)[0]


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return planted()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forest grows 30 trees here."""
    fewer = {**RATERS, "random_forest": type(RATERS["random_forest"])(trees=30)}
    monkeypatch.setattr(raters, "RATERS", fewer)


@pytest.mark.parametrize("name", RATERS)
def test_a_learner_finds_what_was_planted_is_kept_and_explains_itself(ratings: Ratings, name: str) -> None:
    """Every learner is better than the mean by a tenth; its 80 % range holds about 80 % of the newest ratings; arrays
    and JSON give the same stars back; parts and base are the score, where there are parts."""
    (judged,) = compare_raters(ratings, PRODUCTS, WORDS, split_by_time(ratings), learners=(name,))
    truth = ratings.stars[judged.rows]
    assert judged.figures["rmse"].low < judged.figures["rmse"].value < judged.figures["rmse"].high
    assert judged.figures["rmse"].value < 0.9 * truth.std()
    assert 0.7 < judged.held < 0.95
    model = judged.model
    again = Rater.restore(model.arrays(), json.loads(json.dumps(model.facts())))
    gave = [("p1", 5.0, 1.0), ("p5", 4.0, 2.0), ("nobody knows it", 1.0, 3.0)]
    said = model.stars(gave, ["p9", "p2", "never seen"])
    assert said == again.stars(gave, ["p9", "p2", "never seen"])
    for one in said:
        assert 1 <= one.low <= one.value <= one.high <= 5
        assert one.exact == (name != "svm")
        if one.exact and 1 < one.value < 5:
            assert one.base + sum(part.share for part in one.why) == pytest.approx(one.value, abs=1e-6)


def test_nothing_looks_ahead(ratings: Ratings) -> None:
    """Law: a teaching rating's columns stay the same when it, or any later rating, gets other stars; what was rated at
    the same moment is not known either."""
    teach = split_by_time(ratings)[0]
    whole = Asking.of(ratings.rows(teach), 40, WORDS)
    columns = whole.columns(ratings, teach).values
    own = [NAMES.index(name) for name in ("product_stars", "product_ratings", "own_ratings", "word_ratings")]
    row = int(np.flatnonzero(teach)[700])
    stars = ratings.stars.copy()
    stars[row] = 6 - stars[row]
    other = Ratings(customer=ratings.customer, product=ratings.product, stars=stars, at=ratings.at)
    changed = Asking.of(other.rows(teach), 40, WORDS)
    moved = changed.columns(other, teach).values
    # the shop's mean moved by a 2,160th of four stars; nothing else that the row is told may move
    assert np.allclose(moved[row, own], columns[row, own], atol=0.005)
    assert np.allclose(moved[row], columns[row], atol=0.02, equal_nan=True)
    assert np.nanmax(np.abs(moved - columns)) > 0.05
    frozen = FitFactors(size=3).fit(ratings.rows(teach), 40)
    assert np.array_equal(frozen.columns(other).values[row], frozen.columns(ratings).values[row])


def test_sums_before_a_moment() -> None:
    """Golden: of two groups, with ties; rows of one moment do not see each other."""
    group, at = np.array([0, 0, 0, 0, 2, 2]), np.array([1.0, 2.0, 2.0, 5.0, 1.0, 1.0])
    value = np.array([1.0, 10.0, 100.0, 1000.0, 7.0, 7.0])
    assert before(group, at, value)[0].tolist() == [0, 1, 1, 111, 0, 0]
    assert before(group[:0], at[:0], value[:0])[0].tolist() == []


def test_factors_find_the_planted_and_the_baseline_is_the_shrunk_mean() -> None:
    """A customer's side solved anew is ridge regression on their earlier ratings; without tastes the product's shift is
    its mean above the shop's, drawn by the prior; blocks change nothing."""
    known = planted(people=40, each=20)
    model = FitFactors(size=2, rounds=5).fit(known, 40)
    columns = model.columns(known)
    row = 39
    mine = (known.customer == known.customer[row]) & (known.at < known.at[row])
    x = np.concatenate([np.ones((mine.sum(), 1)), model.vectors[known.product[mine]]], axis=1)
    y = known.stars[mine] - model.mean - model.shift[known.product[mine]]
    ridge = np.diag([model.own_penalty, *[model.penalty * max(mine.sum(), 1)] * 2])
    solved = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    assert columns.values[row, 1] == pytest.approx(solved[0])
    assert columns.values[row, 2] == pytest.approx(solved[1:] @ model.vectors[known.product[row]])
    bias = FitFactors(size=0, rounds=1, own_prior=1e12).fit(known, 40)
    above = known.stars - known.stars.mean()
    wanted = np.bincount(known.product, above, minlength=40) / (np.bincount(known.product, minlength=40) + 4.0)
    assert bias.shift == pytest.approx(wanted, abs=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: solved in many blocks or in one, the model and its columns are the same."""
    known = planted(people=30, each=15)
    one = FitFactors(size=2, rounds=3).fit(known, 40)
    whole = one.columns(known).values
    monkeypatch.setattr("shopkeeper.learn.rating.factors._BLOCK", 40)
    many = FitFactors(size=2, rounds=3).fit(known, 40)
    assert np.allclose(many.vectors, one.vectors)
    assert np.allclose(many.columns(known).values, whole)


def test_ordinal_regression_gives_the_likelihood_of_grades() -> None:
    """Planted thresholds and weights are found again; chances of all grades sum to 1; with two grades it is logistic
    regression (the odds are those of scikit-learn's, without penalty)."""
    dice = np.random.default_rng(0)
    x = dice.normal(size=(6000, 2))
    latent = 1.5 * x[:, 0] + dice.logistic(size=6000)
    stars = 1.0 + np.searchsorted([-1.0, 0.5, 2.0], latent)
    columns = Columns(names=("useful", "noise"), values=x)
    found = OrdinalLogistic(penalty=1e-6).fit(columns, stars)
    assert found.thresholds == pytest.approx([-1.0, 0.5, 2.0], abs=0.12)
    assert found.weights == pytest.approx([1.5, 0.0], abs=0.1)
    chances = found.chances(columns)
    assert np.allclose(chances.sum(axis=1), 1)
    assert np.allclose(chances.mean(axis=0), [(stars == grade).mean() for grade in (1, 2, 3, 4)], atol=0.01)
    shares, base = found.parts(columns)
    assert np.allclose(shares.sum(axis=1) + base, found.score(columns))
    with pytest.raises(DataError, match="too_many_grades"):
        OrdinalLogistic().fit(columns, dice.normal(size=6000))


def test_splits_part_the_ratings(ratings: Ratings) -> None:
    """By time every teaching rating is before every calibrating one, and that before every judging one; leaving out,
    each customer has one rating that judges, their newest, and one that calibrates."""
    teach, later, judge = split_by_time(ratings)
    assert (teach.astype(int) + later + judge == 1).all()
    assert ratings.at[teach].max() < ratings.at[later].min() < ratings.at[judge].min()
    teach, later, judge = split_by_newest(ratings)
    assert (teach.astype(int) + later + judge == 1).all()
    for customer in (0, 7):
        mine = ratings.customer == customer
        assert ratings.at[mine & judge].tolist() == [ratings.at[mine].max()]
        assert (mine & later).sum() == 1
    lonely = Ratings.sorted(np.arange(5), np.zeros(5, np.int64), np.ones(5), np.arange(5.0))[0]
    with pytest.raises(DataError, match="too_few_ratings"):
        split_by_newest(lonely)
    same = Ratings.sorted(np.arange(5), np.zeros(5, np.int64), np.ones(5), np.ones(5))[0]
    with pytest.raises(DataError, match="benchmark_no_time"):
        split_by_time(same)


def test_the_shops_model_is_judged_and_what_cannot_be_learned_says_why(ratings: Ratings) -> None:
    """The model that answers has figures of one fitted before the newest ratings; too few ratings, one customer, equal
    stars and an unknown learner are refused with what is missing."""
    model, judged = fit_rater("logistic_regression", ratings, PRODUCTS, WORDS)
    assert judged["rmse"]["value"] < judged["mean_rmse"]
    assert 0.6 < judged["held"] < 0.95
    kept = Rates(rater=model, judged=judged)
    again = Rates.restore(kept.arrays(), json.loads(json.dumps(kept.facts())))
    assert again.rater.stars([], ["p1"]) == model.stars([], ["p1"])
    assert Rates.restore({}, Rates(rater=None, refused={"key": "x"}).facts()).rater is None
    few = ratings.rows(np.arange(len(ratings)) < LEAST_RATINGS - 1)
    one = ratings.rows(ratings.customer < 10)
    equal = Ratings(customer=ratings.customer, product=ratings.product, stars=np.full(len(ratings), 4.0), at=ratings.at)
    for bad, key in ((few, "too_few_ratings"), (one, "too_few_ratings"), (equal, "values_all_equal")):
        with pytest.raises(DataError, match=key):
            fit_rater("bias", bad, PRODUCTS, WORDS)
    with pytest.raises(SettingsError, match="setting_bad"):
        rater_of("oracle")


def test_one_learns_without_words_and_of_products_nobody_rated(ratings: Ratings) -> None:
    """No categories, and a catalogue with products without ratings: somebody new gets the shop's mean for them."""
    teach, later, _ = split_by_time(ratings)
    more = (*PRODUCTS, "fresh")
    model = taught("logistic_regression", ratings, teach, later, more, Words.of([[] for _ in more]))
    assert model.stars([], ["fresh"])[0].value == pytest.approx(float(ratings.stars.mean()), abs=0.5)


def test_the_tree_is_drawn_in_stars(ratings: Ratings) -> None:
    """Questions by name, leaves with mean stars between 1 and 5."""
    teach, later, _ = split_by_time(ratings)
    model = taught("decision_tree", ratings, teach, later, PRODUCTS, WORDS)
    lines = drawn(model.model, leaf="{:.2f}")
    assert any("product_stars" in line for line in lines)
    leaves = [float(line.split(": ")[-1].split(" ")[0]) for line in lines if "rows)" in line]
    assert all(1 <= leaf <= 5 for leaf in leaves)
