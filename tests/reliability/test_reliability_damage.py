"""Laws of damage: whatever happens to the bytes of a file, it is found and named, or changes no answer."""

import random
import shutil
from pathlib import Path
from typing import Any

import damaging
import pytest

from shopkeeper.core.errors import DataError
from shopkeeper.shop import Shop
from shopkeeper.shop.doctor import examine

SEED = 20_261_127


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return damaging.make_shop(tmp_path_factory.mktemp("damage") / "shop")


@pytest.fixture(scope="module")
def truth(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return damaging.truth_of(sound, tmp_path_factory.mktemp("truth"))


def test_one_changed_bit_in_a_fact_is_found_and_named(sound: Path, quick_path: Path) -> None:
    """Any file of the lake, any bit: the doctor names the table, training refuses, and no bit is too small."""
    rng = random.Random(SEED)  # noqa: S311  # what to damage, not a secret
    for number, path in enumerate(sorted((sound / "lake").glob("*/*.parquet"))):
        folder = Path(shutil.copytree(sound, quick_path / f"shop-{number}"))
        damaged = folder / path.relative_to(sound)
        damaging.damage(damaged, "bit", rng, [])
        with Shop.open(folder) as shop, pytest.raises(DataError) as found:
            shop.lake.check()
        assert found.value.key == "lake_damaged"
        assert damaged.name in str(found.value.facts["why"])
        assert any(finding.key == "lake_damaged" for finding in examine(folder))
        shutil.rmtree(folder)


def test_damage_is_named_or_changes_nothing(sound: Path, truth: dict[str, Any], quick_path: Path) -> None:
    """Bits, pages, ends and whole files exchanged, over lake, log and models: no wrong answer."""
    found = damaging.many(sound, truth, quick_path, 12, SEED, only=("lake", "models"))
    assert found.wrong == []
    assert found.tried > 6


@pytest.mark.slow
def test_much_damage_is_named_or_changes_nothing(sound: Path, truth: dict[str, Any], quick_path: Path) -> None:
    """The same three hundred times."""
    found = damaging.many(sound, truth, quick_path, 300, SEED + 1, only=("lake", "models"))
    assert found.wrong == []
