"""Laws of ``kill -9``: wherever it strikes, what was acknowledged is there, once, and the next start needs no help."""

from pathlib import Path

import bringing
import deeds
import killing
import pytest
from batches import events, gone_on

from shopkeeper.data.kill_points import POINTS
from shopkeeper.shop import Shop

SEED = 20_261_125
SRC = Path(__file__).parents[2] / "src"


def test_every_named_place_is_in_the_source_and_on_the_list() -> None:
    """The list of places is exactly what the source calls."""
    called = [
        line.partition('reached("')[2].partition('"')[0]
        for path in SRC.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if 'reached("' in line
    ]
    assert set(called) == POINTS


def test_random_kills_lose_nothing_and_double_nothing(quick_path: Path) -> None:
    """A writer that drains and compacts all the time is killed at random; after each kill the oracle looks."""
    killed = killing.at_random(quick_path, 12, SEED)
    assert killed.found.clean, f"seed {SEED}: {killed}"
    assert killed.kills == 12
    assert killed.acknowledged > 12


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return killing.worn(tmp_path_factory.mktemp("worn") / "shop")


@pytest.mark.parametrize("point", killing.WRITING)
def test_a_kill_at_a_named_place_of_writing_loses_nothing(point: str, quick_path: Path, worn: Path) -> None:
    """The place is reached, the process ends there, and everything acknowledged before is there, once."""
    killed = killing.at(point, quick_path, 1, like=worn if point in killing.SELDOM else None)
    assert killed.missed == []
    assert killed.found.clean, killed


@pytest.mark.parametrize("point", killing.MAKING)
def test_a_shop_that_was_killed_while_it_was_made_opens(point: str, quick_path: Path) -> None:
    """Its tables are whole or not there, and opening it makes those that are missing."""
    killed = killing.while_making(point, quick_path, 2)
    assert killed.missed == []
    assert killed.found.clean, killed


@pytest.mark.parametrize("point", killing.MIGRATING)
def test_an_upgrade_of_the_state_that_was_killed_is_finished(point: str, quick_path: Path) -> None:
    """Killed after any statement, the file opens at its newest form and works."""
    killed = killing.while_migrating(point, quick_path, 5)
    assert killed.missed == []
    assert killed.found.clean, killed


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deeds.make_shop(tmp_path_factory.mktemp("trained") / "shop", trained=2)


@pytest.mark.parametrize("point", killing.TRAINING)
def test_a_training_that_was_killed_leaves_a_whole_version(point: str, trained: Path) -> None:
    """The version that answers is the one before until the swap, and the new one from the swap on."""
    killed = killing.while_training(point, trained)
    assert killed.missed == []
    assert killed.found.clean, killed


@pytest.mark.parametrize("point", [*killing.SAVING, *killing.RESTORING])
def test_a_backup_that_was_killed_is_not_there(point: str, trained: Path, quick_path: Path) -> None:
    """Neither a half backup nor a half shop appears under its name; the second try holds everything."""
    with Shop.open(trained) as shop:
        shop.collect(events(0))
    killed = killing.while_saving(point, trained, quick_path, [0])
    assert killed.missed == []
    assert killed.found.clean, killed
    assert gone_on(trained, [0]).clean


def test_every_named_place_is_driven_to() -> None:
    """No place is on the list without a test that ends a process there."""
    groups = (
        bringing.BRINGING,
        killing.WRITING,
        killing.MAKING,
        killing.MIGRATING,
        killing.TRAINING,
        killing.SAVING,
        killing.RESTORING,
    )
    assert {point for group in groups for point in group} == POINTS
