"""Laws of training by itself: only when it is due, beside the server, and never in the way of an answer."""

import gc
import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from running import new_shop, secret_key, serving
from small_shop import build

from shopkeeper.core.decision import Request
from shopkeeper.core.ids import CustomerId, ProductId
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.retraining import Retraining

YESTERDAY = 25 * 3_600


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aged") / "shop"
    build(folder).close()
    return folder


def _aged(folder: Path) -> str:
    current = folder / "models" / "current"
    os.utime(current, (time.time() - YESTERDAY, time.time() - YESTERDAY))
    return current.read_text("utf-8")


def test_aged_models_are_trained_again_while_the_server_answers(ready: Path, tmp_path: Path) -> None:
    """The served version changes by itself, answers never stop being personal, and metrics tell the models' age."""
    folder = Path(shutil.copytree(ready, tmp_path / "shop"))
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[serve]\ndrain_seconds = 0.2\n")
    version, key = _aged(folder), secret_key(folder)
    with serving(folder, key) as server:
        deadline = time.monotonic() + 120
        while (folder / "models" / "current").read_text("utf-8") == version and time.monotonic() < deadline:
            assert server.recommendations(placement="home", customer="c01")["personal"]
        time.sleep(0.5)
        assert server.recommendations(placement="home", customer="c01")["personal"]
        metrics = server.client.get("/metrics").text
    assert (folder / "models" / "current").read_text("utf-8") > version
    age = next(line for line in metrics.splitlines() if line.startswith("shopkeeper_model_age_seconds "))
    assert float(age.split()[1]) < YESTERDAY


def test_nothing_is_trained_before_its_time(ready: Path, tmp_path: Path) -> None:
    """Fresh models, an untrained shop, and a shop that wants none: no process is started."""
    folder = Path(shutil.copytree(ready, tmp_path / "shop"))
    with Shop.open(folder) as shop:
        (folder / "models" / "current").touch()
        retraining = Retraining(shop)
        retraining.look()
        assert not (folder / "tmp" / "training.log").exists()
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[train]\nevery_hours = 0\n")
    _aged(folder)
    with Shop.open(folder) as shop:
        Retraining(shop).look()
        assert not (folder / "tmp" / "training.log").exists()
    new_shop(tmp_path / "new")
    with Shop.open(tmp_path / "new") as shop:
        assert Retraining(shop).age_seconds() is None
        Retraining(shop).look()
        assert not (tmp_path / "new" / "tmp" / "training.log").exists()


def test_models_of_a_clock_that_was_ahead_are_trained_again(ready: Path, tmp_path: Path) -> None:
    """Chosen in ten years, by a clock that was put right since, they would never age; nor are they less than new."""
    folder = Path(shutil.copytree(ready, tmp_path / "shop"))
    (folder / "models" / "current").touch()
    in_ten_years = time.time() + 3_650 * 86_400
    os.utime(folder / "models" / "current", (in_ten_years, in_ten_years))
    with Shop.open(folder) as shop:
        retraining = Retraining(shop)
        assert retraining.age_seconds() == 0
        retraining.look()
        assert (folder / "tmp" / "training.log").exists()
        retraining.stop()


def test_a_training_that_fails_is_told_and_not_repeated_at_once(
    ready: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Below its floor nothing is published; the log has the sentence; the next try waits its time."""
    folder = Path(shutil.copytree(ready, tmp_path / "shop"))
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[train]\nfloor_ndcg = 0.99\n")
    version = _aged(folder)
    with Shop.open(folder) as shop:
        retraining = Retraining(shop)
        retraining.look()
        deadline = time.monotonic() + 120
        while "exit code" not in caplog.text and time.monotonic() < deadline:
            retraining.look()
            time.sleep(0.05)
        assert "exit code 2" in caplog.text
        assert "0.99" in caplog.text
        (folder / "tmp" / "training.log").unlink()
        retraining.look()
        assert not (folder / "tmp" / "training.log").exists()
        retraining.stop()
    assert (folder / "models" / "current").read_text("utf-8") == version


def _mapped() -> int:
    """How many files of models this process has mapped."""
    return sum("/models/" in line for line in Path("/proc/self/maps").read_text("utf-8").splitlines())


def test_a_version_that_answers_no_more_is_let_go(ready: Path) -> None:
    """However many versions a server has loaded and asked, it maps the files of one, and of some what is remembered of
    the newest few; nobody has to look for what is left over."""
    told, counts = datetime(2026, 11, 1, tzinfo=UTC), []
    gc.collect()
    gc.disable()
    try:
        with Shop.open(ready, readonly=True) as shop:
            for _ in range(14):
                shop.reload(anew=True)
                for placement in ("home", "product", "cart"):
                    page = ProductId("p05") if placement == "product" else None
                    cart = (ProductId("p05"),) if placement == "cart" else ()
                    shop.preview(
                        Request(
                            placement=placement, at=told, customer=CustomerId("c05"), product=page, cart=cart, count=5
                        )
                    )
                counts.append(_mapped())
    finally:
        gc.enable()
    assert counts[0] > 20
    assert counts[-1] == counts[-4]
