"""Every grouper keeps every law, and what was planted is found again."""

from inspect import signature
from pathlib import Path

import numpy as np
import pyarrow.csv as pc
import pytest
from sklearn.metrics import adjusted_rand_score

from shopkeeper.core.errors import DataError
from shopkeeper.data.sources.planted import kind_of
from shopkeeper.data.sources.synthetic import SyntheticShop
from shopkeeper.learn.discovery import discover
from shopkeeper.learn.segment.assigning import assigned
from shopkeeper.learn.segment.choosing import Trial, chosen, gap_choice
from shopkeeper.learn.segment.components import PrincipalComponents
from shopkeeper.learn.segment.k_means import KMeansSegments, _why_none
from shopkeeper.learn.segment.mixture import GaussianMixtureSegments
from shopkeeper.learn.segment.portraits import Portraits, portraits_of
from shopkeeper.learn.segment.scaling import RobustScaling
from shopkeeper.learn.segment.spending import RFMGrid, SpendingBands
from shopkeeper.shop import Shop
from shopkeeper.shop.importing import import_files
from shopkeeper.testing.groupers import LAWS, Law, of, portraits

FOUND = {
    path: kind
    for path, kind in discover("segment").items()
    if signature(kind.fit).parameters["known"].annotation is Portraits
    and set(signature(kind.fit).parameters) == {"self", "known", "seed"}
    and kind is not PrincipalComponents
}
"""Principal components are a map, not groups; what is like an audience (a lookalike) is no group either."""


@pytest.mark.parametrize("path", FOUND)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_grouper_keeps_every_law(path: str, law: Law) -> None:
    """The law of this name, for the grouper of this path with its default settings."""
    law(FOUND[path]())


def test_planted_segments_are_recovered(tmp_path: Path) -> None:
    """Four planted kinds of customers of the simulated shop: K-means finds four groups, adjusted Rand index >= 0.95."""
    planted = SyntheticShop(products=60, customers=600, events=60_000, view_share=0.0, segments=4)
    files = planted.write(tmp_path / "files")
    with Shop.create(tmp_path / "shop", name="simulated", currency="USD", timezone="UTC", language="en") as shop:
        for kind in ("products", "order_lines"):
            import_files(shop, [files[kind]], kind=kind)
        known = portraits_of(shop.snapshot(planted.until), days=182, timezone="UTC")
    truth = kind_of(np.array([int(person[1:]) for person in known.people]), 4)
    model = KMeansSegments(resamples=10).fit(known, seed=1)
    assert model.groups == 4
    assert adjusted_rand_score(truth, assigned(model, known)) >= 0.95
    assert model.trial.ari >= 0.95
    mixture = GaussianMixtureSegments().fit(known, seed=1)
    assert adjusted_rand_score(truth, assigned(mixture, known)) >= 0.8


def test_the_planted_lines_are_those_asked_for(tmp_path: Path) -> None:
    """A simulated shop with planted kinds has the rows that were asked for, byte for byte the same the next time."""
    shop = SyntheticShop(products=30, customers=80, events=3_000, view_share=0.1, segments=3)
    first, again = shop.write(tmp_path / "a"), shop.write(tmp_path / "b")
    assert pc.read_csv(first["order_lines"]).num_rows == 2_700
    assert all(first[kind].read_bytes() == again[kind].read_bytes() for kind in first)


def test_the_order_of_the_customers_changes_nothing() -> None:
    """Groups are found in a table ordered by key; three kinds that lie apart are found in full, however named."""
    known = portraits()
    model = KMeansSegments(resamples=5, references=3).fit(known, seed=0)
    kinds = np.digitize(known.column("orders"), [7, 25])
    assert adjusted_rand_score(kinds, assigned(model, known)) == 1.0
    spend = [known.column("spend")[assigned(model, known) == group].mean() for group in range(model.groups)]
    assert spend == sorted(spend, reverse=True)


def test_too_small_and_too_equal_shops_are_refused_with_their_figures() -> None:
    """One customer, nobody, and customers who are all alike: a DataError whose facts say what is needed."""
    whole = portraits()
    for rows, key, have in ((0, "segments_no_orders", 0), (1, "segments_too_few", 1), (39, "segments_too_few", 39)):
        with pytest.raises(DataError) as refused:
            KMeansSegments().fit(whole.rows(np.arange(rows)))
        assert (refused.value.key, refused.value.facts["have"]) == (key, have)
    for settings in (KMeansSegments(), SpendingBands(), RFMGrid(), GaussianMixtureSegments(), PrincipalComponents()):
        with pytest.raises(DataError, match="segments_all_equal"):
            settings.fit(of(np.tile(whole.columns.values[:1], (200, 1))))  # type: ignore[attr-defined]


def test_groups_that_do_not_come_back_are_refused() -> None:
    """Where no k reaches 0.8 under resampling there are no segments; a small group rules its k out; of the stable ones
    the best silhouette is taken, or where that is two, the largest within 0.07 of it."""

    def trial(k: int, ari: float, silhouette: float, smallest: int = 50, gap: float = 0.0) -> Trial:
        return Trial(k=k, silhouette=silhouette, gap=gap, gap_error=0.1, ari=ari, ari_low=ari, ari_high=ari,
                     smallest=smallest)  # fmt: skip

    assert chosen([trial(2, 0.7, 0.5), trial(3, 0.79, 0.5)], 20) is None
    told = [_why_none(trials, 20) for trials in ([trial(2, 0.7, 0.5)], [trial(2, 0.9, 0.5, smallest=9)], [])]
    assert [error.key for error in told] == ["segments_unstable", "segments_small", "segments_unstable"]
    assert told[1].facts == {"have": 9, "needed": 20}
    rest = [trial(2, 0.9, 0.5), trial(3, 0.85, 0.45), trial(4, 0.95, 0.3), trial(5, 0.9, 0.44, smallest=19)]
    found = chosen(rest, 20)
    assert found is not None
    assert found.k == 3
    peak = chosen([trial(2, 0.9, 0.5), trial(3, 0.9, 0.55), trial(4, 0.9, 0.54)], 20)
    assert peak is not None
    assert peak.k == 3
    assert gap_choice([trial(2, 1, 1, gap=1.0), trial(3, 1, 1, gap=1.5), trial(4, 1, 1, gap=1.55)]) == 3


def test_an_extreme_spender_moves_no_scale() -> None:
    """Scaled numbers lie within 3; one customer who spends a million times as much changes nobody else's."""
    values = np.random.default_rng(0).lognormal(8, 0.5, (500, 1))
    before = RobustScaling.of(("spend",), values)
    rich = np.vstack([values, [[1e13]]])
    after = RobustScaling.of(("spend",), rich)
    assert np.abs(after(rich)).max() <= 3
    assert np.abs(after(values) - before(values)).max() < 0.02
    assert np.allclose(before.back(before(values[:50])), values[:50])


def test_fifths_and_bands_follow_the_definitions() -> None:
    """RFM: the newest, most frequent, highest spender is 5-5-5 in cell 0; bands part at the 50 % and 80 % quantiles."""
    people = 100
    values = portraits(people).columns.values.copy()
    for place, column in enumerate((np.arange(people) + 1.0, 200 - np.arange(people), 1e5 - np.arange(people))):
        values[:, place] = column
    known = of(values)
    grid = RFMGrid().fit(known)
    scores = grid.scores(values[:, :3])
    assert scores[0].tolist() == [5, 5, 5]
    assert scores[-1].tolist() == [1, 1, 1]
    assert np.bincount(scores[:, 0])[1:].tolist() == [20] * 5
    assert grid.assign(values[:1, :3])[0] == 0
    assert np.bincount(assigned(SpendingBands().fit(known), known)).tolist() == [20, 30, 50]


def test_components_are_those_of_the_covariance() -> None:
    """Explained shares are the covariance's eigenvalues, axes are orthonormal, the map's columns uncorrelated."""
    known = portraits()
    model = PrincipalComponents(components=4).fit(known)
    points = model.scaling(np.stack([known.column(name) for name in model.fields], axis=1))
    values = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    assert np.allclose(model.explained, values[:4] / values.sum())
    assert np.allclose(model.axes @ model.axes.T, np.eye(4))
    where = model.project(np.stack([known.column(name) for name in model.fields], axis=1))
    assert np.allclose(np.cov(where.T), np.diag(values[:4]), atol=1e-9)
    assert model.loadings(0)[0][1] > 0
