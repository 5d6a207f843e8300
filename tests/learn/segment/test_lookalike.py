"""Likeness finds more of the same kind, and says how well."""

import json

import numpy as np
import pytest

from shopkeeper.core.errors import DataError
from shopkeeper.learn.segment.assigning import numbers_for
from shopkeeper.learn.segment.lookalike import Lookalike, LookalikeModel
from shopkeeper.testing.groupers import portraits


def test_the_rest_of_a_kind_is_most_alike() -> None:
    """Of 40 customers of a kind of 80 the other 40 are found: the 40 most alike outside are all of that kind."""
    known = portraits()
    kind = known.column("orders") > 25
    like = kind & (np.cumsum(kind) <= 40)
    model = Lookalike().fit(known, like=like)
    score = np.where(like, -np.inf, model.score(numbers_for(model.fields, known)))
    assert kind[np.argsort(-score)[: int(kind.sum()) - 40]].all()
    assert 0.7 < model.auc <= 1
    again = LookalikeModel.restore(model.arrays(), json.loads(json.dumps(model.facts())))
    assert np.array_equal(again.score(numbers_for(again.fields, known)), model.score(numbers_for(model.fields, known)))


def test_an_audience_at_random_says_so() -> None:
    """Nobody is like people drawn by lot: the AUC is near one half."""
    known = portraits()
    like = np.random.default_rng(3).random(len(known)) < 0.3
    assert abs(Lookalike().fit(known, like=like).auc - 0.5) < 0.12


def test_too_few_to_learn_from_is_refused() -> None:
    """Fewer than 20 in the audience, or outside, is an error that says how many there are."""
    known = portraits()
    for like in (np.arange(len(known)) < 19, np.arange(len(known)) >= 19):
        with pytest.raises(DataError, match="lookalike_too_few") as refused:
            Lookalike().fit(known, like=like)
        assert refused.value.facts["have"] == 19
