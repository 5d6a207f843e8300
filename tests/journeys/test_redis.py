"""Laws of a shop whose live profiles are in a real Redis: processes share them, and where it fails nothing is lost."""

import logging
import shutil
from pathlib import Path

import pytest
from small_shop import build

from servers import Started, redis_url, wait_until
from shopkeeper.core.decision import Decision, Request
from shopkeeper.core.errors import SettingsError, Unavailable
from shopkeeper.core.ids import CustomerId, PersonKey, VisitorId
from shopkeeper.data.stream import redis_profiles
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.doctor.engines import profiles
from shopkeeper.shop.people import erase
from shopkeeper.shop.training import train

STRANGER = VisitorId("v-new")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("with-redis") / "shop"
    with build(folder, trained=False) as shop:
        train(shop, judged=False)
    return folder


@pytest.fixture
def folder(ready: Path, redis: Started, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(ready, tmp_path / "shop"))
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write(f'\n[profiles]\nurl = "{redis_url(redis)}"\n')
    return folder


def _ask(shop: Shop) -> Decision:
    return shop.preview(Request(placement="home", at=shop.clock(), visitor=STRANGER, count=5, seed=1))


def _agree_and_view(shop: Shop, product: str, number: int) -> None:
    consent = {
        "id": f"agree-{number}", "action": "consent", "visitor": STRANGER, "at": shop.clock().isoformat(),
        "properties": {"personalise": "true", "train": "true", "analytics": "true"},
    }  # fmt: skip
    view = {"id": f"view-{number}", "action": "product_view", "visitor": STRANGER, "product": product}
    assert [verdict.status for verdict in shop.collect([consent, view])] == ["stored", "stored"]


def test_what_one_process_was_told_is_in_the_others_answer(folder: Path) -> None:
    """A reader beside the server, as another process would be, answers from what the server was told a moment ago."""
    with Shop.open(folder) as shop, Shop.open(folder, readonly=True) as beside:
        assert not _ask(beside).personal
        _agree_and_view(shop, "p08", 1)
        assert _ask(shop).personal
        history = beside.serving.profiles.history(PersonKey(f"visitor:{STRANGER}"))
        assert history.events == 1


def test_the_same_answers_as_from_memory(folder: Path) -> None:
    """The same shop, with the same events and the same dice, decides the same with and without Redis."""
    told: list[Decision] = []
    for name in ("memory", "redis"):
        copy = Path(shutil.copytree(folder, folder.with_name(name)))
        if name == "memory":
            text = (copy / FILE).read_text("utf-8")
            (copy / FILE).write_text(text.partition("\n[profiles]")[0], "utf-8")
        with Shop.open(copy) as shop:
            _agree_and_view(shop, "p08", 1)
            told.append(_ask(shop))
            for person in ("c01", "c05", "c09"):
                request = Request(placement="home", at=told[0].request.at, customer=CustomerId(person), count=5, seed=2)
                told.append(shop.preview(request))
    half = len(told) // 2
    for memory, redis in zip(told[:half], told[half:], strict=True):
        assert memory.personal
        assert [(c.item, c.propensity) for c in redis.choices] == [(c.item, c.propensity) for c in memory.choices]


def test_a_redis_that_is_gone_loses_nothing(folder: Path, redis: Started) -> None:
    """Without Redis events are still acknowledged and answers come from the fallback, which says so; when it is back,
    empty, one round of upkeep gives it everything again."""
    with Shop.open(folder) as shop:
        shop.forgiving = True
        _agree_and_view(shop, "p08", 1)
        assert _ask(shop).personal
        redis.kill()
        _agree_and_view(shop, "p09", 2)
        answer = _ask(shop)
        assert answer.choices
        assert answer.fallback == "Unavailable:profiles_unreachable"
        with pytest.raises(Unavailable):
            redis_profiles.check(redis_url(redis))
        redis.start()
        assert redis_profiles.check(redis_url(redis)).version.count(".") == 2
        _back(shop)
        shop.drain()  # half of what is given back comes from the lake, half from the journal
        _agree_and_view(shop, "p10", 3)
        shop.mend_profiles()
        assert _ask(shop).personal
        history = shop.serving.profiles.history(PersonKey(f"visitor:{STRANGER}"))
        ids = shop.serving.catalogue().ids
        assert [ids[product] for product in history.product.tolist()] == ["p08", "p09", "p10"]


def _back(shop: Shop) -> None:
    """Wait until the shop has found its Redis again."""
    store = shop.store
    assert store is not None
    wait_until(lambda: store.figures().up, "Redis to be found again")


def test_a_frozen_redis_is_waited_for_once(folder: Path, redis: Started, caplog: pytest.LogCaptureFixture) -> None:
    """A Redis that takes questions and says nothing: the first answer waits half a second, no other does, and each is
    the fallback's; thawed, answers are personal again with everything that happened meanwhile."""
    caplog.set_level(logging.WARNING, redis_profiles.__name__)
    assert redis.process is not None
    with Shop.open(folder) as shop:
        shop.forgiving = True
        _agree_and_view(shop, "p08", 1)
        assert _ask(shop).personal
        assert shop.store is not None
        with redis.frozen():
            assert _ask(shop).fallback == "Unavailable:profiles_unreachable"
            asked = sum(shop.store.figures().asked.counts)
            for number in range(2, 30):
                assert _ask(shop).fallback == "Unavailable:profiles_unreachable"
                _agree_and_view(shop, "p09", number)
            assert sum(shop.store.figures().asked.counts) == asked
            assert not shop.profiles_wanting()
        _back(shop)
        assert shop.profiles_wanting()
        shop.mend_profiles()
        assert not shop.profiles_wanting()
        assert _ask(shop).personal
        assert shop.serving.profiles.history(PersonKey(f"visitor:{STRANGER}")).events == 29
    said = [record.getMessage()[:13].strip(":") for record in caplog.records if record.name == redis_profiles.__name__]
    assert said == ["Redis is away", "Redis is back"]


def test_a_full_redis_is_still_read(folder: Path, redis: Started) -> None:
    """A Redis without room refuses what it is told and nothing else: answers stay personal, events are acknowledged,
    the doctor names it; with room it is told what it missed. One that throws away when full is a warning."""
    with Shop.open(folder) as shop:
        shop.forgiving = True
        _agree_and_view(shop, "p08", 1)
        assert isinstance(shop.store, redis_profiles.RedisProfiles)
        server = shop.store._redis
        server.config_set("maxmemory", "1mb")
        _agree_and_view(shop, "p09", 2)
        assert _ask(shop).personal
        assert shop.store.figures().up
        assert not shop.profiles_wanting()  # there is something, and it cannot be told now
        assert {finding.key for finding in profiles(folder, shop.settings)} == {"profiles_full"}
        server.config_set("maxmemory", "0")
        assert shop.profiles_wanting()
        shop.mend_profiles()
        assert shop.serving.profiles.history(PersonKey(f"visitor:{STRANGER}")).events == 2
        server.config_set("maxmemory-policy", "allkeys-lru")
        assert {finding.key for finding in profiles(folder, shop.settings)} == {"profiles_evicted"}
        server.config_set("maxmemory-policy", "noeviction")
        assert {finding.key for finding in profiles(folder, shop.settings)} == {"profiles"}


def test_a_fresh_redis_is_filled_at_the_start(folder: Path, redis: Started) -> None:
    """A server that starts on an empty Redis gives it what was received since the training before anybody asks."""
    with Shop.open(folder) as shop:
        _agree_and_view(shop, "p08", 1)
        _ = shop.serving
    redis.kill()
    redis.start()
    with Shop.open(folder) as shop:
        assert _ask(shop).personal
        assert shop.serving.profiles.history(PersonKey(f"visitor:{STRANGER}")).events == 1


def test_erasing_reaches_redis(folder: Path) -> None:
    """After ``erase`` Redis holds no key and no value that names the customer, also where nothing was served."""
    with Shop.open(folder) as shop:
        shop.collect([{"id": "x1", "action": "product_view", "customer": "c-leaving", "product": "p08"}])
        _ = shop.serving
    with Shop.open(folder) as shop:
        store = shop.store
        assert isinstance(store, redis_profiles.RedisProfiles)
        assert any(b"c-leaving" in key for key in store._redis.scan_iter("*"))
        erase(shop, "c-leaving")
        kept = {key: store._redis.dump(key) for key in store._redis.scan_iter("*")}
        assert not [key for key, value in kept.items() if b"c-leaving" in key + value]


def test_a_password_is_never_shown() -> None:
    """What an error says of an address has no user and no password in it."""
    with pytest.raises(Unavailable) as found:
        redis_profiles.check("redis://user:hunter2@127.0.0.1:1/0")
    assert found.value.facts["url"] == "redis://127.0.0.1:1/0"
    assert "hunter2" not in str(found.value)


def test_an_impossible_address_is_refused(folder: Path) -> None:
    """``[profiles] url`` that is no Redis is named with what is wanted."""
    text = (folder / FILE).read_text("utf-8")
    (folder / FILE).write_text(text.partition("\n[profiles]")[0] + '\n[profiles]\nurl = "http://x:hunter2@y"\n')
    with pytest.raises(SettingsError) as found:
        Shop.open(folder)
    assert (found.value.facts["where"], found.value.facts["name"]) == ("profiles", "url")
    assert "hunter2" not in str(found.value)
